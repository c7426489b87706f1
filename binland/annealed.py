"""Annealed orders of the flips of a shortest path (local moves with exact errors), and the best of all orders."""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from binland.errors import InvalidInputError
from binland.kernels.subsets import lowest_into
from binland.orders import Annealed, Places

MOVES = 100  # moves in a window before the next one is chosen
MOST_FLIPS = 20  # largest number of flips for order="exact"


class Following(Protocol):
    """A machine or deep network on a path, as the moves below need it."""

    error_count: int

    def follow(self, places: Places) -> NDArray[np.int64]:
        """Flip places one by one; returns the errors after each, (d,). A place that occurs again is flipped back."""


class Line:
    """An order of flips with the errors of all its states, and a network that stands at one of them.

    error_counts: (d + 1,). spent: number of flips made so far. limit: errors of the worse end. The energy is the sum
    over states of (errors above limit)^2.
    """

    def __init__(self, standing: Following, order: Places):
        self._standing = standing
        self.order, self._position, self.spent = order.copy(), 0, 0
        self.error_counts = np.concatenate([[standing.error_count], self._follow(self.order)])
        self._position = len(order)
        self.limit = int(max(self.error_counts[0], self.error_counts[-1]))

    def _follow(self, places: Places) -> NDArray[np.int64]:
        self.spent += len(places)
        return self._standing.follow(places)

    def _stand(self, position: int) -> None:
        """Move the network to a position on the path, forwards or backwards."""
        forth = self.order[self._position : position]
        self._follow(forth if position >= self._position else self.order[position : self._position][::-1])
        self._position = position

    def energy(self, errors: NDArray[np.int64]) -> int:
        """Energy of some states."""
        return int(np.sum(np.maximum(errors - self.limit, 0) ** 2))

    def height(self) -> tuple[int, int]:
        """What orders are compared by: highest number of errors, then energy."""
        return int(self.error_counts.max()), self.energy(self.error_counts)

    def move(self, i: int, j: int, later: bool, allowance: float) -> None:
        """Move flip i of the order to place j > i (later), or flip j to place i; undone if it costs too much."""
        part = self.order[i : j + 1]
        new = np.roll(part, -1 if later else 1)
        before = self.error_counts[i + 1 : j + 1]  # only these states change
        self._stand(i)
        after = self._follow(new[:-1])
        if self.energy(after) <= self.energy(before) + allowance:
            part[:], before[:] = new, after
            self._position = j
        else:
            self._follow(new[:-1][::-1])


def annealed_order(standing: Following, order: Places, settings: Annealed, rng: np.random.Generator) -> Places:
    """The best order (d,) met by moves from a given one; `standing` has to be at the start of the path."""
    if len(order) < 2:
        return order
    line = Line(standing, order)
    best, lowest, length = line.order.copy(), line.height(), len(order)
    while line.spent < settings.budget:
        above = np.flatnonzero(line.error_counts > line.limit)
        if not len(above):
            break
        middle = int(above[rng.integers(len(above))])
        first, last = max(middle - settings.reach, 0), min(middle + settings.reach, length)
        for u, v, side, chance in rng.random((MOVES, 4)):
            temperature = settings.temperature * max(1 - line.spent / settings.budget, 0)
            i, j = first + int(u * (middle - first)), middle + int(v * (last - middle))
            line.move(i, j, side < 0.5, -temperature * math.log(1 - chance))
        height = line.height()
        if height < lowest:
            best, lowest = line.order.copy(), height
    return best


def exact_order(standing: Following, places: Places) -> Places:
    """An order (d,) with the lowest barrier, by dynamic programming over the 2^d subsets of the flips.

    Raises InvalidInputError for more than MOST_FLIPS flips.
    """
    d = len(places)
    if d > MOST_FLIPS:
        raise InvalidInputError(
            f'order="exact" looks at all sets of at most {MOST_FLIPS} flips; these solutions differ in {d} weights:'
            ' take "annealed", or solutions that are closer'
        )
    steps = np.arange(1, 1 << d)
    subsets = steps ^ (steps >> 1)  # Gray code: consecutive subsets differ in one flip
    errors, order = np.empty(1 << d, np.int64), np.empty(d, np.int64)
    errors[0] = standing.error_count
    errors[subsets] = standing.follow(places[np.log2(steps & -steps).astype(int)] if d else places)
    lowest_into(errors, order)
    return places[order]
