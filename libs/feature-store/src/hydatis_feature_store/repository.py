"""The feature repository: one folder that Feast defines, joins and materialises from.

What is written offline needs no Feast (``offline_files``); what is joined, materialised and read online goes through its public
API. Times are event times in Unix seconds; NaN means unknown on every way in and out, and float32 stays bit-equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from hydatis_core.errors import DependencyUnavailable, InvalidValue, WrongShape
from numpy.typing import NDArray

from hydatis_feature_store.engine_calls import engine, quiet_engine
from hydatis_feature_store.offline_files import OfflineFiles
from hydatis_feature_store.registry_file import changed_registry, check_registry, registry_path
from hydatis_feature_store.stored_views import EVENT_TIME, NODE_FEATURES, StoredView

__all__ = ["FeatureRepository", "Materialised"]

Matrix = NDArray[np.float32]
_ROW = "row_position"


@dataclass(frozen=True, slots=True)
class Materialised:
    """What came from offline to online."""

    from_seconds: int
    """Rows after this event time were looked at; 0: from the beginning."""
    until_seconds: int
    """And up to this one."""
    generations_count: int
    """Generations of them."""


class FeatureRepository:
    """One folder with the registry, the offline files and the embedded online store.

    Args:
        folder: of the repository; made when something is first written.
        online: the online store: "sqlite" for one in the folder, or a Redis URL.
    """

    def __init__(self, folder: Path, online: str = "sqlite") -> None:
        self.folder = folder.resolve()
        self.online = online

    def offline(self, view: StoredView = NODE_FEATURES) -> OfflineFiles:
        """The offline files of a view."""
        return OfflineFiles(self.folder, view)

    def apply(self) -> None:
        """Writes the definitions into the registry and makes the online tables. Again: changes nothing.

        Raises:
            DependencyUnavailable: the online store does not answer.
        """
        from hydatis_feature_store.definitions import definitions

        with changed_registry(self.folder), quiet_engine("apply"):
            self._feast.apply(definitions(self.folder))

    def write_offline(
        self,
        generations: Sequence[int],
        node_names: Sequence[str],
        rows: Matrix,
        columns: Sequence[str] = NODE_FEATURES.names,
    ) -> int:
        """Writes node tables by event time; returns how many were not there yet.

        Args:
            generations: tick times, Unix seconds.
            node_names: in row order, the same at all of them.
            rows: shape (generations, nodes, columns), float32; NaN: unknown.
            columns: what the columns are; those of the schema that are left out are unknown.

        Raises:
            HydatisError: as ``OfflineFiles.write``; generations before the wrong one are there.
        """
        if rows.ndim != 3 or len(rows) != len(generations):
            expected = f"({len(generations)}, {len(node_names)}, {len(columns)})"
            raise WrongShape(f"rows of shape {rows.shape}", field="rows", expected=expected)
        files = self.offline()
        return sum(
            files.write(int(generation), node_names, table, columns) for generation, table in zip(generations, rows, strict=True)
        )

    def training_rows(
        self,
        node_names: Sequence[str],
        times_seconds: Sequence[float] | NDArray[np.floating] | NDArray[np.integer],
        columns: Sequence[str] = NODE_FEATURES.names,
        view: StoredView = NODE_FEATURES,
    ) -> Matrix:
        """What was known of each node at each time: its newest row that is not newer than that, nor older than the view keeps it.

        Args:
            node_names: of which entity each row is wanted.
            times_seconds: at which moment, one per name, Unix seconds.
            columns: which columns.
            view: of nodes, or of workloads.

        Returns:
            shape (len(node_names), len(columns)), float32, in the order asked for; NaN: unknown then.

        Raises:
            UnknownColumn: the view has no such column.
            WrongShape: not one time per name.
            DependencyUnavailable: nothing was written yet, or a file is damaged.
        """
        import pandas

        view.positions(tuple(columns))
        times = np.asarray(times_seconds, dtype=np.float64)
        if times.shape != (len(node_names),) or not np.isfinite(times).all():
            raise WrongShape(f"{times.size} times", field="times_seconds", expected=f"{len(node_names)} finite times, one per name")
        if not self.offline(view).generations():
            raise DependencyUnavailable(
                f"no {view.name} were written to {self.folder}", field="offline", expected="rows: `hydatis features write`"
            )
        if not len(times) or not len(columns):
            return np.empty((len(times), len(columns)), dtype=np.float32)
        wanted = pandas.DataFrame(
            {view.key: list(node_names), EVENT_TIME: _moments(times), _ROW: np.arange(len(times), dtype=np.int64)}
        )
        with quiet_engine("join"):
            joined = self._feast.get_historical_features(
                entity_df=wanted, features=[f"{view.name}:{name}" for name in columns]
            ).to_df()
        rows = np.full((len(times), len(columns)), np.nan, dtype=np.float32)
        rows[joined[_ROW].to_numpy()] = joined[list(columns)].to_numpy(dtype=np.float32, na_value=np.nan)
        return rows

    def materialise(self, until_seconds: int, view: StoredView = NODE_FEATURES) -> Materialised:
        """Brings the newest row of every entity from offline to online: of what came since the last time alone.

        Args:
            until_seconds: event time up to which, inclusive; before the last one nothing happens.
            view: of nodes, or of workloads.

        Raises:
            DependencyUnavailable: the online store does not answer; the next call begins where this one began.
        """
        since = self._materialised_until(view)
        new = [held for held in self.offline(view).generations() if since < held <= until_seconds]
        if new:
            with changed_registry(self.folder), quiet_engine("materialise"):
                self._feast.materialize(_moment(since + 1 if since else new[0]), _moment(until_seconds), [view.name])
        return Materialised(since, until_seconds, len(new))

    def push(
        self, generation: int, keys: Sequence[str], rows: Matrix, columns: Sequence[str], view: StoredView = NODE_FEATURES
    ) -> None:
        """Puts the rows of a generation online, through the view's push source. Again: changes nothing.

        Raises:
            DependencyUnavailable: the online store does not answer.
            WrongShape, UnknownColumn: as ``OfflineFiles.write``.
        """
        import pandas
        from feast.data_source import PushMode

        from hydatis_feature_store.definitions import push_source_name

        positions = view.positions(tuple(columns))
        if rows.shape != (len(keys), len(columns)) or rows.dtype != np.float32:
            shown = f"{rows.dtype} rows of shape {rows.shape}"
            raise WrongShape(shown, field="rows", expected=f"float32 of shape {(len(keys), len(columns))}")
        if not len(keys):
            return
        whole = np.full((len(keys), len(view.names)), np.nan, dtype=np.float32)
        whole[:, positions] = rows
        frame = pandas.DataFrame(whole, columns=list(view.names))
        frame.insert(0, view.key, list(keys))
        frame.insert(1, EVENT_TIME, pandas.Timestamp(generation, unit="s", tz="UTC"))
        with engine("push"):
            self._feast.push(push_source_name(view), frame, to=PushMode.ONLINE)

    def online_rows(
        self, node_names: Sequence[str], columns: Sequence[str] = NODE_FEATURES.names, view: StoredView = NODE_FEATURES
    ) -> Matrix:
        """The rows that are online, shape (len(node_names), len(columns)), float32; NaN: unknown, or not there.

        Raises:
            UnknownColumn: the view has no such column.
            DependencyUnavailable: the online store does not answer.
        """
        view.positions(tuple(columns))
        if not len(node_names) or not len(columns):
            return np.empty((len(node_names), len(columns)), dtype=np.float32)
        answer = self._online(node_names, columns, view).to_dict()
        return np.column_stack([np.array(answer[name], dtype=np.float32) for name in columns])

    def online_times(self, keys: Sequence[str], view: StoredView = NODE_FEATURES) -> NDArray[np.int64]:
        """Event time of each row that is online, shape (len(keys),), Unix seconds; 0: not there.

        Raises:
            DependencyUnavailable: the online store does not answer.
        """
        if not len(keys):
            return np.empty(0, dtype=np.int64)
        (vector,) = self._online(keys, view.names[:1], view).proto.results[1:]
        return np.array([time.seconds for time in vector.event_timestamps], dtype=np.int64)

    def _online(self, keys: Sequence[str], columns: Sequence[str], view: StoredView) -> Any:
        with engine("read online"):
            return self._feast.get_online_features(
                features=[f"{view.name}:{name}" for name in columns], entity_rows=[{view.key: key} for key in keys]
            )

    def _materialised_until(self, view: StoredView) -> int:
        with engine("read the registry"):
            newest = self._feast.get_feature_view(view.name).most_recent_end_time
        return 0 if newest is None else int(newest.timestamp())

    @cached_property
    def _feast(self) -> Any:
        from feast import FeatureStore

        from hydatis_feature_store.configuration import configuration

        check_registry(registry_path(self.folder))
        with quiet_engine("begin"):
            return FeatureStore(config=configuration(self.folder, self.online))


def _moments(times: NDArray[np.float64]) -> Any:
    """Times in UTC; whole microseconds, rounded down: what is a moment later must not count as known."""
    import pandas

    return pandas.to_datetime(np.floor(times * 1e6).astype(np.int64), unit="us", utc=True)


def _moment(seconds: int) -> Any:
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise InvalidValue(f"{seconds} is not a time", field="until_seconds", expected="Unix seconds") from None
