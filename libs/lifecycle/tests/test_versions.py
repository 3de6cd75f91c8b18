import pytest
from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.versions import Change, is_version, newest_first, next_version


def test_versions_are_ordered_by_number_not_by_letter():
    assert newest_first(["1.9.0", "1.10.0", "1.2.0"]) == ("1.10.0", "1.9.0", "1.2.0")


@pytest.mark.parametrize(
    ("versions", "change", "after"),
    [
        ([], Change.PATCH, "1.0.0"),
        ([], Change.MAJOR, "1.0.0"),
        (["1.0.9", "1.0.10"], Change.PATCH, "1.0.11"),
        (["1.2.3"], Change.MINOR, "1.3.0"),
        (["1.2.3"], Change.MAJOR, "2.0.0"),
    ],
)
def test_the_next_version_says_how_much_changed(versions, change, after):
    assert next_version(versions, change) == after


@pytest.mark.parametrize("text", ["1.0", "v1.0.0", "01.0.0", "1.0.0-rc1", "1.0.0\n", "1.0.٣", "../1.0.0", ""])
def test_what_is_no_version_is_not_taken_for_one(text):
    assert not is_version(text)
    with pytest.raises(InvalidValue, match="not a version"):
        next_version([text])
