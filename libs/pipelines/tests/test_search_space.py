import pytest
from hydatis_core.errors import InvalidValue
from hydatis_forecasting.inputs import INPUT_COLUMNS
from hydatis_forecasting.training import TrainingParameters
from hydatis_pipelines.search.experiments import COLUMN_GROUPS, EXPERIMENTS, Experiment, columns_hidden, experiment_named
from hydatis_pipelines.search.space import Choice, Real, Whole, from_text

SPACE = (Whole("rounds", 1, 9, 5), Real("rate", 0.1, 1.0, 0.3, log=True), Choice("memory", (True, False), True))


def test_the_six_searches_are_those_that_were_promised():
    promised = {
        "xgboost-cpu": ("bayesian", 50),
        "xgboost-memory": ("random", 25),
        "placement-policy": ("hyperband", 40),
        "reward-weights": ("cma-es", 20),
        "isolation-forest": ("grid", 24),
        "feature-selection": ("tpe", 20),
    }
    assert {one.name: (one.algorithm, one.trials) for one in EXPERIMENTS.values()} == promised


def test_the_defaults_are_those_in_use_and_lie_in_the_space():
    for experiment in EXPERIMENTS.values():
        assert all(parameter.holds(parameter.default) for parameter in experiment.parameters), experiment.name
    trees = TrainingParameters()
    assert all(getattr(trees, name) == value for name, value in EXPERIMENTS["xgboost-cpu"].defaults.items())


def test_values_are_read_as_engines_write_them():
    assert from_text(SPACE, ["rounds=7.0", "memory=False"]) == {"rounds": 7, "rate": 0.3, "memory": False}


@pytest.mark.parametrize(
    "given", [["rounds=10"], ["rounds=1.5"], ["rate=nan"], ["memory=perhaps"], ["depth=3"], ["rounds"], ["rounds=1", "rounds=2"]]
)
def test_a_value_out_of_the_space_is_refused(given):
    with pytest.raises(InvalidValue, match="parameter"):
        from_text(SPACE, given)


def test_an_unknown_experiment_is_refused_with_the_known_ones():
    with pytest.raises(InvalidValue, match="xgboost-cpu"):
        experiment_named("everything")


def test_a_grid_has_as_many_trials_as_cells():
    with pytest.raises(InvalidValue, match="2 cells in 3 trials"):
        Experiment("g", "", "grid", 3, (Choice("a", (1, 2), 1),))


def test_groups_of_columns_are_inputs_of_the_forecaster_each_in_one_group():
    columns = [column for group in COLUMN_GROUPS.values() for column in group]
    assert set(columns) <= {name for name, _ in INPUT_COLUMNS}
    assert len(columns) == len(set(columns))
    assert columns_hidden(EXPERIMENTS["feature-selection"].defaults) == frozenset()
    hidden = columns_hidden(EXPERIMENTS["feature-selection"].defaults | {"calendar": False})
    assert hidden == {"hour_of_day_sin", "hour_of_day_cos"}
