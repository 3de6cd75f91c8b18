import subprocess
import sys

SCRIPT = """
import sys
from hydatis_model_server.slim_imports import slim_imports
sys.argv[1:] = ["--event-loop", "nonsense", "--http_port", "nonsense"]
slim_imports()
import kserve.model_server, xgboost, numpy
assert sys.argv[1:] == ["--event-loop", "nonsense", "--http_port", "nonsense"]
heavy = {"kubernetes", "pyarrow", "sklearn", "ray", "openai"}
print(sorted(name for name in heavy if sys.modules.get(name) is not None))
print(hasattr(sys.modules["pandas"], "__version__"))
booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(numpy.eye(3), numpy.ones(3)), 1)
print(booster.inplace_predict(numpy.eye(3, dtype=numpy.float32)).shape)
"""


def test_what_a_model_server_never_uses_is_not_imported_and_the_rest_works():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["[]", "False", "(3,)"], done.stderr
