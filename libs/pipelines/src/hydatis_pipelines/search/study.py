"""A search as a study of Optuna in a database: made once, worked on by several processes, gone on with after a break.

Only one ``tune`` works on a database file at a time (a lock beside it), so a trial that is found running when it starts was left by
one that is gone: it is marked as failed and its parameters come again first. On a shared database the missing heartbeat says so.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError

from hydatis_pipelines.search.experiments import Experiment
from hydatis_pipelines.search.samplers import pruner_of, sampler_of
from hydatis_pipelines.search.space import Choice

__all__ = ["DONE", "UNPRUNED", "alone", "begin", "finished", "open_study", "storage_errors", "study_name"]

#: States of a trial that counts.
DONE = (TrialState.COMPLETE, TrialState.PRUNED)
_BUSY_SECONDS = 60
#: Attribute of a trial: the number of the failed one that it repeats.
_RETRY_OF = "retry_of"
#: Attribute of a trial that runs to its end, whatever it promises: that of the defaults, which all others are compared with.
UNPRUNED = "unpruned"
_HEARTBEAT_SECONDS, _GRACE_SECONDS = 30, 90

optuna.logging.set_verbosity(optuna.logging.WARNING)


def study_name(experiment: Experiment, slice_digest: str, seed: int) -> str:
    """Name of a search: the experiment, the slice it works on and its seed."""
    return f"{experiment.name}/{slice_digest[:12]}/{seed}"


def open_study(url: str, name: str, experiment: Experiment, *, seed: int) -> optuna.Study:
    """The study of a name, made if it is not there.

    Args:
        url: of a database (SQLAlchemy).
        name: of ``study_name``.
        experiment: what is tuned.
        seed: of the sampler; processes of one search have different ones.

    Raises:
        DependencyUnavailable: the database is locked, full or away.
        ArtifactRefused: the file is no database.
    """
    with storage_errors(url):
        file = _file_of(url)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        timeout = {"connect_args": {"timeout": _BUSY_SECONDS}} if file is not None else {}
        beats: dict[str, Any] = (
            {} if file is not None else {"heartbeat_interval": _HEARTBEAT_SECONDS, "grace_period": _GRACE_SECONDS}
        )
        storage = optuna.storages.RDBStorage(url, engine_kwargs=timeout, **beats)
        return optuna.create_study(
            study_name=name,
            storage=storage,
            sampler=sampler_of(experiment, seed),
            pruner=pruner_of(experiment),
            direction="maximize",
            load_if_exists=True,
        )


def begin(study: optuna.Study, experiment: Experiment, trials: int, *, resume: bool, shared: bool = False) -> int:
    """Makes a study ready to be worked on; returns how many trials are left.

    A new study has the defaults in its queue (a grid: all of its cells). One that was broken off has what was running again.

    Args:
        study: of ``open_study``.
        experiment: what is tuned.
        trials: in all.
        resume: whether to go on with trials that are there.
        shared: whether others may be at work on it; then only trials without a heartbeat were left.

    Raises:
        InvalidValue: there are trials, and nobody said to go on.
    """
    there = study.get_trials(deepcopy=False)
    if there and not resume:
        shown = f"search {study.study_name} has {len(finished(study))} of {trials} trials"
        raise InvalidValue(shown, field="--resume", expected="--resume to go on with it, or another --seed")
    if not there:
        first, *others = _first(experiment)[:trials]
        study.enqueue_trial(first, user_attrs={UNPRUNED: True})
        for values in others:
            study.enqueue_trial(values)
    if shared:
        optuna.storages.fail_stale_trials(study)
    else:
        for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(left.number, state=TrialState.FAIL)
    failed = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    again = {trial.user_attrs.get(_RETRY_OF) for trial in study.get_trials(deepcopy=False)}
    for trial in failed:
        if trial.number not in again and trial.params:
            study.enqueue_trial(trial.params, user_attrs=dict(trial.user_attrs) | {_RETRY_OF: trial.number})
    return max(trials - len(finished(study)), 0)


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that count, by number."""
    return study.get_trials(deepcopy=False, states=DONE)


def _first(experiment: Experiment) -> list[dict[str, Any]]:
    """What a new study has in its queue, the defaults first."""
    if experiment.algorithm == "grid":
        choices = [one for one in experiment.parameters if isinstance(one, Choice)]
        cells = [
            dict(zip((one.name for one in choices), cell, strict=True))
            for cell in itertools.product(*(one.values for one in choices))
        ]
        return sorted(cells, key=lambda cell: cell != experiment.defaults)
    budget = experiment.budget.parameter if experiment.budget else ""
    return [{name: value for name, value in experiment.defaults.items() if name != budget}]


@contextmanager
def alone(url: str) -> Iterator[bool]:
    """Holds a database file for one ``tune``; True: nobody else can be at work on it.

    Raises:
        DependencyUnavailable: another holds it.
    """
    file = _file_of(url)
    if file is None:
        yield False
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file.with_name(f"{file.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            shown = f"another search works on {file.name}"
            raise DependencyUnavailable(shown, field="search", expected="wait for it, or another --state") from None
        yield True
    finally:
        os.close(handle)


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turns what a database raises into our errors, each with what to do."""
    try:
        yield
    except (ImportError, ArgumentError) as cause:
        raise InvalidValue(f"the search's database cannot be used: {cause}", field="HYDATIS_SEARCH_URL") from cause
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as cause:
        said = str(cause.__cause__ or cause).splitlines()[0][:200]
        place = _file_of(url) or make_url(url).render_as_string(hide_password=True)
        if isinstance(cause, DatabaseError) and ("not a database" in said or "malformed" in said):
            raise ArtifactRefused(
                f"{place} is no database: {said}", field="search", expected="move it away and search anew"
            ) from cause
        expected = "space and a database nobody locks; then go on with --resume"
        raise DependencyUnavailable(f"the search's database {place} failed: {said}", field="search", expected=expected) from cause


def _file_of(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
