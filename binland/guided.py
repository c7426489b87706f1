"""Guided orders: shortest paths that follow the gradient of a smooth surrogate of the train error.

At the current weights every flip that is left has a gain: by how much the surrogate would fall. Flips with the largest
gains are done; those among them that would raise the errors above those of the worse end are postponed. Then gains are
computed anew. Every differing weight is flipped once, so the path has the shortest length.
"""

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from binland.bits import WORD
from binland.checks import LARGEST, real_array
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.fields import Fields
from binland.kernels.guide import LEVELS, UNIT, gains_into, rows_into
from binland.models import Solution
from binland.orders import Guide, Guided, Places

HURRY = 4  # a stage does at most so many times its equal part of the flips when earlier ones left some


class Standing(Protocol):
    """A machine or deep network on a guided path; error_count: its current errors."""

    error_count: int

    def flip(self, places: Places, count: int, least: int, limit: int) -> NDArray[np.int64]:
        """Flip at least `least` and at most `count` of the places; returns which, (any,), in order."""


class Stages:
    """A guided path under construction.

    left: (d,) places still to be flipped, ascending. end: errors at the end of the path; flips that lead to more errors
    than the worse end are postponed if others are left.
    """

    def __init__(self, standing: Standing, places: Places, settings: Guided, end: int):
        self._standing, self._settings = standing, settings
        self._limit = max(standing.error_count, end) if settings.candidates > 1 else LARGEST
        self.left, self._done, self._to_come = places, [places[:0]], settings.stages
        self._most = HURRY * -(-len(places) // settings.stages)

    def step(self, gains: NDArray[Any]) -> Places:
        """Do one stage, given the gains of `left` (not empty); returns the flipped places in order."""
        count = min(self._most, -(-len(self.left) // self._to_come))
        self._to_come = max(1, self._to_come - 1)
        least = max(1, math.ceil(self._settings.forced * count))
        tried = best(gains, min(self._settings.candidates * count, len(self.left)))
        chosen = tried[self._standing.flip(self.left[tried], count, least, self._limit)]
        flips = self.left[chosen]
        self._done.append(flips)
        self.left = np.delete(self.left, chosen)
        return flips

    @property
    def order(self) -> Places:
        """The places flipped so far, in order."""
        return np.concatenate(self._done)


def best(gains: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Indices (count,) of the largest gains, largest first, of equal ones the first; 1 <= count <= len(gains)."""
    last = len(gains) - count
    candidates = np.flatnonzero(gains >= np.partition(gains, last)[last])
    return candidates[np.argsort(-gains[candidates], kind="stable")[:count]]


def shallow_order(start: Solution, end: Solution, patterns: Patterns, settings: Guided) -> Places:
    """Flat indices (d,) of the weights that differ, in their guided order. Raises as `Fields`."""
    standing = Asked(start, patterns, settings.guide) if settings.guide else Surrogate(start, patterns, settings)
    path = Stages(standing, np.flatnonzero(start.weights != end.weights), settings, end.error_count(patterns))
    while path.left.size:
        path.step(standing.gains(path.left))
    return path.order


class Asked(Fields):
    """A machine on a path whose gains come from the user's function."""

    def __init__(self, start: Solution, patterns: Patterns, guide: Guide):
        super().__init__(start, patterns)
        self._guide = guide

    def gains(self, places: Places) -> NDArray[np.float64]:
        """The user's gains (d,); raises InvalidInputError if they are not d finite numbers."""
        here = Solution(self.machine, self.weights.reshape(self.machine.weight_shape))
        return checked_gains(self._guide, self._guide(here, places.copy(), self.patterns), len(places))


def checked_gains(guide: Guide, gains: object, count: int) -> NDArray[np.float64]:
    """Gains as an array; raises InvalidInputError unless they are `count` finite numbers."""
    with np.errstate(over="ignore"):
        array = real_array("gains", gains).astype(np.float64)
    if array.shape != (count,) or not np.isfinite(array).all():
        name = getattr(guide, "__name__", type(guide).__name__)
        raise InvalidInputError(
            f"the guide {shown(name)} gave {shown(gains)}, not one finite gain for each of {count} places"
        )
    return array


class Surrogate(Fields):
    """A machine on a path with the gains of the built-in surrogate, in integers."""

    def __init__(self, start: Solution, patterns: Patterns, settings: Guided):
        super().__init__(start, patterns)
        n, h = self.machine.n_inputs, self.machine.n_hidden
        self._log_sigma, self._closeness = log_sigma(settings, h), closeness(settings, n)
        self._zeros = np.where(self.machine.output_signs > 0, n, n + 1)
        self._labels = patterns.labels.astype(np.int64)
        self._words = np.where(patterns.labels[:, None] > 0, patterns.words, ~patterns.words)

    def urgencies(self) -> NDArray[np.uint32]:
        """Weight of each pattern, (P,) integers from 0 to UNIT."""
        votes = self.votes[: self.patterns.n_patterns]
        places = self._labels * votes + self.machine.n_hidden
        lowest = int(places.min())
        return urgency(self._log_sigma, lowest)[places - lowest].view(np.uint32)

    def gains(self, places: Places) -> NDArray[Any]:
        """Gains (d,), integers; see `kernels.guide`."""
        h, urgencies = self.machine.n_hidden, self.urgencies()
        active = np.flatnonzero(LEVELS * urgencies >= UNIT // 2).view(np.uint64)
        rows = np.empty((self.machine.n_inputs, -(-len(active) // WORD)), np.uint64)
        rows_into(self._words, active, rows)
        starts = np.searchsorted(places, np.arange(h + 1) * self.machine.n_inputs)
        gains = np.empty(len(places), np.int32 if LEVELS * len(self._words) < 2**31 else np.int64)
        state = self.fields, self._zeros, self.machine.output_signs, self.weights
        gains_into(*state, active, urgencies[active], self._closeness, places, starts, rows, gains)
        return gains


def log_sigma(settings: Guided, n_hidden: int) -> NDArray[np.float64]:
    """Logarithm of sigma(-steepness z / sqrt(H)) for z = -H, ..., H: (2 H + 1,)."""
    z = np.arange(-n_hidden, n_hidden + 1)
    return -np.logaddexp(0, settings.steepness * z / np.sqrt(n_hidden))


def closeness(settings: Guided, n_inputs: int) -> NDArray[np.uint32]:
    """Weight of a unit by its w . x = -N, ..., N + 1: (2 N + 2,) uint32, from 0 to LEVELS UNIT."""
    return closeness_of(settings, np.arange(-n_inputs, n_inputs + 2) / np.sqrt(n_inputs))


def closeness_of(settings: Guided, delta: NDArray[np.float64]) -> NDArray[np.uint32]:
    """exp(-(Delta / window)^2 / 2), in units of 1 / (LEVELS UNIT)."""
    return np.rint(LEVELS * UNIT * np.exp(-((delta / settings.window) ** 2) / 2)).astype(np.uint32)


def urgency(log_sigma: NDArray[np.float64], lowest: int) -> NDArray[np.int32]:
    """sigma relative to its largest value, from place `lowest` on: integers from 0 to UNIT."""
    return np.floor(UNIT * np.exp(log_sigma[lowest:] - log_sigma[lowest]) + 0.5).astype(np.int32)
