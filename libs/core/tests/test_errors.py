"""Errors say what, where and what would be right; the listed names are the tree."""

from hydatis_core import errors


def test_the_text_names_field_and_expectation():
    refused = errors.InvalidValue("-1 is negative", field="cpu_cores", expected=">= 0")
    assert str(refused) == "cpu_cores: -1 is negative (expected >= 0)"
    assert str(errors.TooLate("late")) == "late"


def test_every_error_is_listed_and_in_the_tree():
    classes = {n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, Exception)}
    assert classes == set(errors.__all__)
    assert all(issubclass(getattr(errors, n), errors.HydatisError) for n in classes)
