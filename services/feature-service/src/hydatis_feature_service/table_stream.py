"""The table stream: what every subscriber of the node table is told, and in which order.

A newcomer is told all that those before it know: the newest table, all profiles, and the pods whose load the table does not show
yet. Everybody is told whatever happens next. Messages are made once, however many subscribe.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator

from hydatis_features.profile_summaries import ProfileChange
from hydatis_features.profiles import ProfileBook
from hydatis_features.table import NodeTable
from hydatis_serving.broadcast import Broadcast
from hydatis_serving.events import BindDelta
from hydatis_serving.generations import Generations

from hydatis_feature_service.convert import Step, delta_step, profiles_step, table_steps

__all__ = ["TableStream"]

#: A newcomer may decide on tables of this many ticks before the newest: pods are told of that much longer.
_KEPT_TICKS = 4


class TableStream:
    """Publishes tables, profiles and deltas. Used from the event loop only.

    Args:
        keep_count: of how many generations tables are kept for questions.
        flush_seconds: how long a report waits for its deltas to be handed to slow subscribers.
    """

    def __init__(self, keep_count: int = 3, flush_seconds: float = 0.2) -> None:
        self._flush_seconds = flush_seconds
        self._tables: Generations[NodeTable] = Generations(keep_count, noun="table")
        self._table_steps: list[Step] = []
        self._recent: deque[tuple[float, Step]] = deque()
        self._before_table: list[BindDelta] = []
        self._broadcast: Broadcast[Step] = Broadcast(self._opening)
        self.profiles = ProfileBook()
        """Profiles as the subscribers know them."""

    @property
    def subscribers_count(self) -> int:
        """Streams open now."""
        return self._broadcast.subscribers_count

    @property
    def newest(self) -> NodeTable | None:
        """The newest table; None: there was none yet."""
        return self._tables.find(0)

    def table(self, generation: int = 0) -> NodeTable:
        """A table; 0: the newest.

        Raises:
            GenerationUnavailable: it is not here.
        """
        return self._tables.get(generation)

    def clear(self) -> None:
        """Another cluster: what was told before holds no more. Subscribers keep the old table until the first of the new."""
        self._tables.clear()
        self._table_steps = []
        self._recent.clear()
        self._before_table.clear()
        self.profiles = ProfileBook()
        self._broadcast.publish(profiles_step(ProfileChange(), 0, replace_all=True))

    def publish_table(self, table: NodeTable, change: ProfileChange) -> None:
        """A tick's table, after the profiles that its samples changed: who holds the table holds what it taught."""
        if change:
            self.profiles.apply(change, replace_all=False)
            self._broadcast.publish(profiles_step(change, table.generation, replace_all=False))
        shown = table.generation - table.scrape_delay_seconds - table.metric_window_seconds - _KEPT_TICKS * table.tick_seconds
        untold, self._before_table = self._before_table, []
        for delta in untold:
            if _matters_until(delta) >= shown:
                self._tell(delta)
        self._tables.put(table.generation, table)
        self._table_steps = table_steps(table)
        self._broadcast.publish_whole(self._table_steps)
        while self._recent and self._recent[0][0] < shown:
            self._recent.popleft()

    def publish_delta(self, delta: BindDelta) -> None:
        """A pod bound or ended. Until the first table nobody can decide, and most of what a live cluster runs is old: it waits."""
        if self._tables.newest:
            self._tell(delta)
        else:
            self._before_table.append(delta)

    def _tell(self, delta: BindDelta) -> None:
        step = delta_step(delta)
        self._recent.append((_matters_until(delta), step))
        self._broadcast.publish(step)

    def restore(self, table: NodeTable | None, profiles: ProfileChange, recent: Iterable[BindDelta]) -> None:
        """What was known before a restart, told to whoever subscribes from now on."""
        self.profiles.apply(profiles, replace_all=True)
        self._recent.extend((_matters_until(delta), delta_step(delta)) for delta in recent)
        if table is not None:
            self._tables.put(table.generation, table)
            self._table_steps = table_steps(table)

    async def flushed(self) -> bool:
        """Waits until all that was published is handed to every subscriber's stream; False: one was too slow."""
        return await self._broadcast.flushed(self._flush_seconds)

    def subscribe(self, *, tables_only: bool = False) -> AsyncIterator[Step]:
        """Everything a newcomer must know, then whatever happens; or of both the tables alone."""
        if not tables_only:
            return self._broadcast.subscribe()
        # No profiles are a message, too: it says that the stream is open while there is no table yet.
        return self._broadcast.subscribe(
            [*self._table_steps, profiles_step(ProfileChange(), self._tables.newest, replace_all=True)]
        )

    def close(self) -> None:
        """Ends all streams."""
        self._broadcast.close()

    def _opening(self) -> Iterator[Step]:
        yield from self._table_steps
        yield profiles_step(self.profiles.everything(), self._tables.newest, replace_all=True)
        yield from (step for _, step in self._recent)


def _matters_until(delta: BindDelta) -> float:
    """The moment from which on measurements show the pod, once a metric window passed: its bind, and no table before counts it."""
    return max(delta.event.event_time_seconds, float(delta.generation))
