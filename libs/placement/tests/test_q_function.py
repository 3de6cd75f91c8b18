"""The Q function: values, files, and what is refused."""

import io

import numpy as np
import pytest
from hydatis_core.errors import ArtifactRefused, InvalidValue, WrongShape
from hydatis_core.seeds import generator
from hydatis_placement.q_function import FILE_NAME, QFunction, initial_q_function, zero_q_function


def function(inputs: int = 5) -> QFunction:
    random = generator(3, "test/q")
    mean = random.standard_normal(inputs).astype(np.float32)
    return initial_q_function(random, mean, np.full(inputs, 0.5, np.float32), (8, 6))


def states(count: int, inputs: int = 5) -> np.ndarray:
    return generator(4, "test/states").standard_normal((count, inputs)).astype(np.float32)


def test_values_are_those_of_the_written_out_network() -> None:
    q = function()
    x = (states(20) - q.mean) / q.scale
    hidden = np.maximum(x @ q.weights[0] + q.biases[0], 0)
    hidden = np.maximum(hidden @ q.weights[1] + q.biases[1], 0)
    np.testing.assert_allclose(q.values(states(20)), (hidden @ q.weights[2] + q.biases[2])[:, 0], rtol=1e-4, atol=1e-5)


def test_many_states_have_the_values_that_each_has_alone() -> None:
    q, many = function(), states(1300)
    alone = np.concatenate([q.values(many[first : first + 100]) for first in range(0, 1300, 100)])
    np.testing.assert_allclose(q.values(many), alone, rtol=1e-5, atol=1e-6)


def test_values_of_no_candidates_are_none() -> None:
    assert function().values(states(0)).shape == (0,)


def test_files_hold_the_function_to_the_bit_and_equal_functions_give_equal_files() -> None:
    files = function().to_files()
    assert files == function().to_files()
    again = QFunction.from_files(files, input_count=5)
    np.testing.assert_array_equal(again.values(states(50)), function().values(states(50)))


def test_states_of_another_width_or_not_finite_are_refused() -> None:
    with pytest.raises(WrongShape):
        function().values(states(3, 4))
    wrong = states(3)
    wrong[1, 2] = np.nan
    with pytest.raises(InvalidValue):
        function().values(wrong)


def packed(**changes: np.ndarray | None) -> dict[str, bytes]:
    q = function()
    arrays: dict[str, np.ndarray] = {"mean": q.mean, "scale": q.scale}
    for layer in range(3):
        arrays |= {f"weight_{layer}": q.weights[layer], f"bias_{layer}": q.biases[layer]}
    for name, value in changes.items():
        if value is None:
            del arrays[name]
        else:
            arrays[name] = value
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return {FILE_NAME: buffer.getvalue()}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="no file"),
        pytest.param({FILE_NAME: b""}, id="empty"),
        pytest.param({FILE_NAME: b"not an archive"}, id="text"),
        pytest.param({FILE_NAME: packed()[FILE_NAME][:300]}, id="truncated"),
        pytest.param(packed(weight_1=None), id="an array less"),
        pytest.param(packed(extra=np.zeros(3, np.float32)), id="an array more"),
        pytest.param(packed(weight_1=np.zeros((7, 6), np.float32)), id="layers that do not fit"),
        pytest.param(packed(weight_2=np.zeros((6, 2), np.float32), bias_2=np.zeros(2, np.float32)), id="two outputs"),
        pytest.param(packed(bias_0=np.full(8, np.nan, np.float32)), id="not a number"),
        pytest.param(packed(bias_0=np.zeros(8)), id="float64"),
        pytest.param(packed(scale=np.zeros(5, np.float32)), id="a scale of zero"),
        pytest.param(packed(mean=np.array(object())), id="an object"),
        pytest.param(packed(mean=np.zeros((5, 1), np.float32)), id="a mean of two axes"),
    ],
)
def test_files_that_are_not_a_q_function_are_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(ArtifactRefused):
        QFunction.from_files(files)


def test_another_number_of_inputs_than_asked_is_refused() -> None:
    with pytest.raises(ArtifactRefused):
        QFunction.from_files(function().to_files(), input_count=6)


def test_a_flipped_byte_of_the_weights_is_refused() -> None:
    """The archive checks its own contents; the manifest's digest is checked before by the loader."""
    content = bytearray(function().to_files()[FILE_NAME])
    content[content.index(b"weight_0") + 400] ^= 0xFF
    with pytest.raises(ArtifactRefused):
        QFunction.from_files({FILE_NAME: bytes(content)})


def test_a_file_beside_the_function_is_not_read() -> None:
    files = function().to_files() | {"moment_correction.npz": b"of an older artifact"}
    np.testing.assert_array_equal(QFunction.from_files(files).weights[0], function().weights[0])


def test_a_function_of_zeros_adds_nothing_and_survives_its_file() -> None:
    nothing = QFunction.from_files(zero_q_function(3).to_files(), input_count=3)
    assert nothing.values(np.array([[1.0, -1000.0, 3.0]], dtype=np.float32)).tolist() == [0.0]
