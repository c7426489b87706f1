"""Matching of units: assignment within one group of units, and coordinate descent over all groups.

A group is a set of units that may change places, such as the units of a hidden layer. The similarity of a group is a
table (H, H): entry [i, j] says how well unit j of the moving network fits place i of the other.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from binland.bits import Signs

SWEEPS = 100  # over all groups, at most (Git Re-Basin)
GAIN = 1e-12  # smallest relative gain of a similarity that is more than rounding


class Match(NamedTuple):
    """A permutation of the units of one group.

    permutation: (H,) int64, place h gets unit permutation[h]. signs: (H,) int8, -1 where the unit is reversed.
    """

    permutation: NDArray[np.int64]
    signs: Signs

    def gain(self, similarity: NDArray[Any]) -> float:
        """Sum of the similarities of the units at their places."""
        return float((self.signs * similarity[np.arange(len(self.permutation)), self.permutation]).sum())


Moves = list[Match]  # of all groups
Similarity = Callable[[Moves, int], NDArray[Any]]  # similarity of group k with all others moved


def stay(size: int) -> Match:
    """The identity for `size` units."""
    return Match(np.arange(size), np.ones(size, np.int8))


def assigned(similarity: NDArray[Any], reversible: bool = False) -> Match:
    """The match with the largest sum of similarities.

    reversible: absolute values count, and a unit is reversed where its similarity is negative (paper, section 3.1.2).
    """
    rows, columns = linear_sum_assignment(np.abs(similarity) if reversible else similarity, maximize=True)
    matched = similarity[rows, columns]
    return Match(columns.astype(np.int64), np.where(reversible & (matched < 0), -1, 1).astype(np.int8))


def coordinate_descent(
    start: Moves, similarity: Similarity, reversible: Sequence[bool], rng: np.random.Generator
) -> Moves:
    """Match one group after the other, in a new random order each round, until none improves (Git Re-Basin, Alg. 1)."""
    moves = list(start)
    for _ in range(SWEEPS):
        gained = False
        for k in rng.permutation(len(moves)):
            table = similarity(moves, k)
            better, before = assigned(table, reversible[k]), moves[k].gain(table)
            if better.gain(table) - before > GAIN * max(1.0, abs(before)):
                moves[k], gained = better, True
        if not gained:
            break
    return moves
