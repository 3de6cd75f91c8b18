"""Around every call of Feast: whatever it raises becomes one sentence, and where it prints, that goes nowhere."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator

from hydatis_core.errors import DependencyUnavailable, HydatisError

__all__ = ["engine", "quiet_engine"]

#: What is raised of a repository that nothing was applied to.
_NOT_APPLIED = ("FeatureViewNotFoundException", "PushSourceNotFoundException", "DataSourceObjectNotFoundException")


@contextlib.contextmanager
def engine(doing: str) -> Iterator[None]:
    """Runs a block of Feast.

    Args:
        doing: what is being done, for the error.

    Raises:
        DependencyUnavailable: Feast, DuckDB, SQLite or Redis raised something; state is as before, or the call can be repeated.
    """
    try:
        yield
    except HydatisError:
        raise
    except Exception as wrong:  # Feast lets through what its engines raise: some dozens of kinds
        first = (str(wrong).strip().splitlines() or [""])[0][:300]
        kind = type(wrong).__name__
        expected = "`hydatis features apply` first" if kind in _NOT_APPLIED else "its stores up; the same call again goes on"
        raise DependencyUnavailable(
            f"the feature store failed to {doing}: {kind}: {first}", field="feature_store", expected=expected
        ) from wrong


@contextlib.contextmanager
def quiet_engine(doing: str) -> Iterator[None]:
    """The same for calls that print or warn. Not for what runs beside other threads: it takes the streams of the whole process."""
    with (
        engine(doing),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")  # of its own libraries, about each other
        yield
