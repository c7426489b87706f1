"""Fixed points of several order parameters by damped iteration, which says when it has found none."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from binland.theory.gaussian import Array

TOLERANCE = 1e-11  # of the residual, relative to the largest order parameter of a step
DAMPINGS = (0.0, 0.5, 0.9)  # tried in turn
STEPS = 2000


class Fixed(NamedTuple):
    """The last point of an iteration. residual: how far one undamped step would move it."""

    values: Array
    residual: float
    steps: int

    @property
    def converged(self) -> bool:
        """Whether it is a fixed point."""
        return self.residual < TOLERANCE


def fixed_point(update: Callable[[Array], Array], start: Array) -> Fixed:
    """Iterate x <- d x + (1 - d) update(x) from a start, with stronger damping d where a weaker one does not settle."""
    best = Fixed(start, np.inf, 0)
    for damping in DAMPINGS:
        found = _iterate(update, start, damping)
        best = min(best, found, key=lambda one: one.residual)
        if found.converged:
            break
    return best


def _iterate(update: Callable[[Array], Array], start: Array, damping: float) -> Fixed:
    values, residual = start, np.inf
    for step in range(1, STEPS + 1):
        with np.errstate(all="ignore"):
            new = update(values)
        if not np.isfinite(new).all():
            return Fixed(values, np.inf, step)
        residual = float(np.max(np.abs(new - values) / np.maximum(1e-3, np.abs(new))))
        if residual < TOLERANCE:
            return Fixed(new, residual, step)
        values = damping * values + (1 - damping) * new
    return Fixed(values, residual, STEPS)
