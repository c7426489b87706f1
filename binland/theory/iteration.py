"""Fixed points of several order parameters by iteration; the result says whether one was found."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import root

from binland.theory.gaussian import Array

TOLERANCE = 1e-11  # of the residual
DAMPINGS = (0.0, 0.5)  # tried in turn
STEPS, AIM = 1000, 40  # largest number of steps; steps between two attempts by Newton's method
NEAR = 0.2  # largest relative change by such an attempt


class Fixed(NamedTuple):
    """Last point of an iteration; residual: how far one more undamped step would move it, relative to its size."""

    values: Array
    residual: float

    @property
    def converged(self) -> bool:
        """Whether it is a fixed point."""
        return self.residual < TOLERANCE


def fixed_point(update: Callable[[Array], Array], start: Array) -> Fixed:
    """Iterate x <- d x + (1 - d) update(x) from a start, with a larger damping d if a smaller one does not converge.

    Every AIM steps Newton's method is tried; its result counts only if it is near.
    """
    best = Fixed(start, np.inf)
    for damping in DAMPINGS:
        found = _iterate(update, start, damping)
        best = min(best, found, key=lambda one: one.residual)
        if found.converged:
            break
    return best


def _iterate(update: Callable[[Array], Array], start: Array, damping: float) -> Fixed:
    values, residual = start, np.inf
    for step in range(1, STEPS + 1):
        new, residual = _step(update, values)
        if residual < TOLERANCE or not np.isfinite(residual):
            return Fixed(new if residual < TOLERANCE else values, residual)
        values = damping * values + (1 - damping) * new
        if step % AIM == 0:
            short = _short_cut(update, values)
            if short.converged:
                return short
    return Fixed(values, residual)


def _step(update: Callable[[Array], Array], values: Array) -> tuple[Array, float]:
    """update(x) and its distance from x; infinite where the update is not defined."""
    with np.errstate(all="ignore"):
        new = update(values)
    if not np.isfinite(new).all():
        return new, np.inf
    return new, float(np.max(np.abs(new - values) / np.maximum(1e-3, np.abs(new))))


def _short_cut(update: Callable[[Array], Array], values: Array) -> Fixed:
    """Newton's method from here; rejected unless its result is near."""
    try:
        with np.errstate(all="ignore"):
            found = root(lambda x: update(x) - x, values, tol=1e-14, options={"maxfev": 60}).x
    except (ValueError, FloatingPointError):  # it left the domain of the equations
        return Fixed(values, np.inf)
    if not np.all(np.abs(found - values) <= NEAR * np.abs(values)):
        return Fixed(values, np.inf)
    return Fixed(found, _step(update, found)[1])
