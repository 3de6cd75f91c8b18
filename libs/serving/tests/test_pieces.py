"""Halves of a question make up the whole, whatever is cut, and nobody is left out whom nobody had counted."""

from __future__ import annotations

import re

from hydatis_serving.prometheus.pieces import Namespaces, Piece

NAMES = ("api", "batch", "shop", "web")


def leaves(piece: Piece) -> list[Piece]:
    halves = piece.halves()
    return [piece] if halves is None else [leaf for half in halves for leaf in leaves(half)]


def takes(piece: Piece, namespace: str, time: float) -> bool:
    steps = (time - piece.first_seconds) / piece.step_seconds
    found = re.fullmatch(r'namespace(=~|!~)"(.*)"', piece.namespaces.matcher)
    if found is None:
        return 0 <= steps < piece.count
    return 0 <= steps < piece.count and (re.fullmatch(found[2], namespace) is not None) is (found[1] == "=~")


def test_every_namespace_and_time_is_in_one_piece() -> None:
    whole = Piece(300.0, 300.0, 7, Namespaces("namespace", NAMES))
    smallest = leaves(whole)
    assert len(smallest) == 7 * len(NAMES)
    for namespace in (*NAMES, "nobody-counted-it", ""):
        for time in range(300, 300 + 7 * 300, 300):
            assert sum(takes(piece, namespace, time) for piece in smallest) == 1


def test_time_and_namespaces_are_cut_in_turn() -> None:
    first, _ = Piece(300.0, 300.0, 8, Namespaces("namespace", NAMES)).halves() or ()
    assert (first.count, first.namespaces.matcher) == (4, "")
    one, other = first.halves() or ()
    assert (one.namespaces.matcher, other.namespaces.matcher) == ('namespace=~"api|batch"', 'namespace!~"api|batch"')
    assert one.count == other.count == 4


def test_the_smallest_cannot_be_cut() -> None:
    assert Piece(300.0, 300.0, 1, Namespaces("namespace", ("shop",))).halves() is None
    assert [part.count for part in Piece(300.0, 300.0, 7).parts(3)] == [3, 3, 1]
