"""Annealed orders: local moves on the order of a shortest path, with exact errors; and the best of all orders."""

import numpy as np
from numpy.typing import NDArray

from binland.data import Patterns
from binland.errors import InvalidInputError
from binland.fields import Fields
from binland.guided import shallow_order
from binland.kernels.annealing import anneal, cost, lowest_into, subset_errors_into
from binland.models import Solution
from binland.orders import Annealed, Guided, Places
from binland.walks import random_order

MOVES = 100  # in a window, before the next one is chosen
MOST_FLIPS = 20  # of a path whose orders are all looked at


def annealed_order(
    start: Solution, end: Solution, patterns: Patterns, settings: Annealed, rng: np.random.Generator
) -> Places:
    """(d,) flat indices of the weights that differ, in their annealed order. Raises as `Fields`."""
    begin_rng, rng = rng.spawn(2)
    places = np.flatnonzero(start.weights != end.weights)
    if settings.start == "random":
        order = random_order(begin_rng, places)
    else:
        guided = settings.start if isinstance(settings.start, Guided) else Guided()
        order = shallow_order(start, end, patterns, guided)
    if len(order) < 2:
        return order
    fields = Fields(start, patterns)
    codes = fields.codes(order)
    errors = np.concatenate([[fields.error_count], fields.follow(codes)])
    limit, position, spent, d = int(max(errors[0], errors[-1])), len(order), len(order), len(order)
    best, lowest = codes.copy(), _height(errors, limit)
    while lowest > (limit, 0) and spent < settings.budget:
        above = np.flatnonzero(errors > limit)
        if not len(above):
            break
        middle = int(above[rng.integers(len(above))])
        window = max(middle - settings.reach, 0), middle, min(middle + settings.reach, d)
        temperature = settings.temperature * max(1 - spent / settings.budget, 0.0)
        uniforms = rng.random((MOVES, 4))
        position, made = anneal(codes, errors, position, window, limit, temperature, uniforms, *fields.arrays)
        spent += made
        height = _height(errors, limit)
        if height < lowest:
            best, lowest = codes.copy(), height
    return fields.places(best)


def _height(errors: NDArray[np.int64], limit: int) -> tuple[int, int]:
    """What orders are compared by: the highest of the errors, then the energy."""
    return int(errors.max()), int(cost(errors, limit))


def exact_order(start: Solution, end: Solution, patterns: Patterns) -> Places:
    """(d,) an order with the lowest barrier of all, by dynamic programming over the 2^d subsets of the flips.

    Raises InvalidInputError if more than MOST_FLIPS weights differ, and as `Fields`.
    """
    places = np.flatnonzero(start.weights != end.weights)
    if len(places) > MOST_FLIPS:
        raise InvalidInputError(
            f'order="exact" looks at all sets of at most {MOST_FLIPS} flips; these solutions differ in'
            f' {len(places)} weights: take "annealed", or solutions that are closer'
        )
    fields = Fields(start, patterns)
    errors, order = np.empty(1 << len(places), np.int64), np.empty(len(places), np.int64)
    subset_errors_into(fields.codes(places), *fields.arrays, errors)
    lowest_into(errors, order)
    return places[order]
