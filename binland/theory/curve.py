"""Saddle points with one order parameter, as a curve over its conjugate.

For weights -1 and +1 the conjugate q_hat gives the overlap q, and both give the one constraint density alpha at which
they are a saddle point. So nothing is iterated: all saddle points at an alpha are the places where the curve
alpha(q_hat) has that height, where it turns back is a spinodal, and where its entropy vanishes a capacity.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from binland.theory.gaussian import Array

SMALLEST, STEP = -40.0, 0.25  # of ln q_hat: below it q < 1e-17
TOLERANCE = 1e-13


class Point(NamedTuple):
    """A saddle point: alpha, q, q_hat and the free entropy per weight."""

    alpha: float
    overlap: float
    conjugate: float
    entropy: float


class Curve(ABC):
    """The saddle points of a problem. largest: of ln q_hat; beyond it they are of no interest or not computed well."""

    largest: float
    without_patterns = math.log(2)  # entropy

    @abstractmethod
    def point(self, conjugate: float) -> Point:
        """The saddle point with this q_hat."""

    @cached_property
    def grid(self) -> Array:
        """Of ln q_hat: where one looks first."""
        return np.arange(SMALLEST, self.largest + STEP, STEP)

    @cached_property
    def points(self) -> list[Point]:
        """On the grid, and where the curve turns back."""
        return sorted([*self._coarse, self.turn], key=lambda point: point.conjugate)

    @cached_property
    def _coarse(self) -> list[Point]:
        return [self._at(x) for x in self.grid]

    def _at(self, x: float) -> Point:
        return self.point(float(np.exp(x)))

    def saddle_points(self, alpha: float) -> list[Point]:
        """All of them at a constraint density; the first has the smallest overlap, and most solutions."""
        first = self.points[0]
        if alpha < first.alpha:  # so few patterns that everything is linear in their number
            share = alpha / first.alpha
            lost = share * (self.without_patterns - first.entropy)
            return [Point(alpha, share * first.overlap, share * first.conjugate, self.without_patterns - lost)]
        return [point._replace(alpha=alpha) for point in self._zeros(lambda point: point.alpha / alpha - 1)]

    def without_entropy(self) -> list[Point]:
        """Where the entropy vanishes; at the first the last solutions disappear as alpha grows."""
        return self._zeros(lambda point: point.entropy)

    @cached_property
    def turn(self) -> Point:
        """The end of the branch of small overlaps: the highest alpha."""
        k = int(np.argmax([point.alpha for point in self._coarse]))
        bounds = (self.grid[max(0, k - 1)], self.grid[min(k + 1, len(self.grid) - 1)])
        found = minimize_scalar(lambda x: -self._at(x).alpha, bounds=bounds, method="bounded", options={"xatol": 1e-8})
        return self._at(found.x)

    def _zeros(self, height: Callable[[Point], float]) -> list[Point]:
        above = np.array([height(point) for point in self.points]) > 0
        ends = np.flatnonzero(above[1:] != above[:-1])
        places = np.log([point.conjugate for point in self.points])
        roots = (brentq(lambda x: height(self._at(x)), *places[k : k + 2], xtol=TOLERANCE) for k in ends)
        return [self._at(x) for x in roots]
