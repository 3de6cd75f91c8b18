"""Shards cover every row once, differ in size by at most one, and are answered by every model."""

import asyncio

import numpy as np
import pytest
from hydatis_core.errors import DependencyUnavailable, TooLate
from hydatis_serving.model_client import ModelAnswer
from hydatis_serving.shards import ask_in_shards, shards
from hydatis_serving.testing import table_of_use


@pytest.mark.parametrize(("row_count", "shard_count"), [(0, 5), (1, 5), (5, 1), (5, 2), (5, 5), (100, 20), (101, 20), (119, 20)])
def test_shards_cover_every_row_once(row_count, shard_count):
    parts = shards(row_count, shard_count)
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(row_count))
    sizes = [part.stop - part.start for part in parts]
    assert len(parts) == min(row_count, shard_count)
    assert not sizes or max(sizes) - min(sizes) <= 1


class Doubling:
    """Answers twice the CPU use, or fails as told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.ended_count = 0

    async def infer(self, rows, columns, timeout_seconds):
        await asyncio.sleep(0 if self.error else 0.001)
        self.ended_count += 1
        if self.error:
            raise self.error
        names = [name for name, _ in columns]
        return ModelAnswer(rows[:, [names.index("cpu_used_ratio")]] * 2, "1.0.0", ("doubled",))


async def test_every_model_answers_for_every_row():
    answered = await ask_in_shards([Doubling(), Doubling()], table_of_use(60, [0.1, 0.2, 0.3]), 2, 5.0)
    for answers in answered:
        assert [(shard.rows, shard.row_count) for shard in answers] == [(slice(0, 2), 2), (slice(2, 3), 1)]
        whole = np.concatenate([shard.answer.values[:, 0] for shard in answers])
        np.testing.assert_allclose(whole, [0.2, 0.4, 0.6], rtol=1e-6)


async def test_no_rows_are_no_calls():
    model = Doubling()
    assert await ask_in_shards([model, model], table_of_use(60, []), 3, 5.0) == [[], []]
    assert model.ended_count == 0


async def test_the_first_models_error_is_raised_once_all_calls_have_ended():
    models = Doubling(), Doubling(DependencyUnavailable("first")), Doubling(TooLate("second"))
    with pytest.raises(DependencyUnavailable, match="first"):
        await ask_in_shards(models, table_of_use(60, [0.1, 0.2]), 2, 5.0)
    assert [model.ended_count for model in models] == [2, 2, 2]
