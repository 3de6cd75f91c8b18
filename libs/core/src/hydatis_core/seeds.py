"""Seeds: one number in, any number of independent generators out.

Every random choice takes a generator; a generator is derived from the run's seed and the name of its use, so that adding a new use
never shifts the numbers of the others.
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["generator", "stable_fraction"]


def generator(seed: int, use: str) -> np.random.Generator:
    """A generator for one use within a run: the same seed and use give the same numbers on every machine."""
    words = np.frombuffer(hashlib.sha256(use.encode()).digest(), dtype="<u4")
    return np.random.default_rng(np.random.SeedSequence([seed, *(int(w) for w in words)]))


def stable_fraction(key: str, salt: str = "") -> float:
    """A number in 0 <= f < 1 that depends on key and salt only: assigns pods and nodes to shares that stay the same."""
    digest = hashlib.sha256(f"{salt}\0{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
