"""Saddle points with one order parameter, as a curve over its conjugate.

For weights -1 and +1 the conjugate q_hat fixes the overlap q, and both fix the constraint density alpha at which they
are a saddle point. So nothing is iterated: the saddle points at an alpha are where the curve alpha(q_hat) has that
value, a spinodal is where it turns back, and the capacity is where its entropy vanishes.
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
    """The saddle points of a problem; `largest` is the last ln q_hat that is looked at."""

    largest: float
    without_patterns = math.log(2)  # entropy

    @abstractmethod
    def point(self, conjugate: float) -> Point:
        """The saddle point with this q_hat."""

    @cached_property
    def grid(self) -> Array:
        """Values of ln q_hat at which the curve is computed first."""
        return np.arange(SMALLEST, self.largest + STEP, STEP)

    @cached_property
    def points(self) -> list[Point]:
        """Saddle points on the grid and at the turning point, by increasing q_hat."""
        return sorted([*self._coarse, self.turn], key=lambda point: point.conjugate)

    @cached_property
    def _coarse(self) -> list[Point]:
        return [self._at(x) for x in self.grid]

    def _at(self, x: float) -> Point:
        return self.point(float(np.exp(x)))

    def saddle_points(self, alpha: float) -> list[Point]:
        """All saddle points at a constraint density; the first has the smallest overlap and the largest entropy."""
        first = self.points[0]
        if alpha < first.alpha:  # so few patterns that everything is linear in their number
            share = alpha / first.alpha
            lost = share * (self.without_patterns - first.entropy)
            return [Point(alpha, share * first.overlap, share * first.conjugate, self.without_patterns - lost)]
        return [point._replace(alpha=alpha) for point in self._zeros(lambda point: point.alpha / alpha - 1)]

    def without_entropy(self) -> list[Point]:
        """Saddle points with zero entropy; the first is the capacity."""
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
