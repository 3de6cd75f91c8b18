"""Steps that make models, and their local wiring.

Each step reads files and writes files and can be run alone: ``python -m hydatis_pipelines STEP --help``. ``local_run.train_all``
wires them on one machine.
"""
