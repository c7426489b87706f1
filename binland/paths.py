"""Hamming distance, shortest paths with the error after every flip, barriers and paths with one bend."""

import numpy as np

from binland.algorithms import SGD, Algorithm, check_algorithm, positive
from binland.annealed import annealed_order, exact_order
from binland.bits import Signs
from binland.checks import checked_memory
from binland.data import Patterns
from binland.errors import InvalidInputError
from binland.fields import Fields
from binland.guided import shallow_order
from binland.models import Solution, check_same
from binland.orders import Annealed, Guided, Order, Places, as_order, n_orders
from binland.results import Barrier, BentPath, Path
from binland.rng import Seed, generator
from binland.training import Latents, fit
from binland.walks import Walker, random_order

__all__ = [
    "Barrier",
    "BentPath",
    "Path",
    "barrier",
    "hamming",
    "init_bound",
    "midpoint_latents",
    "midpoint_signs",
    "optimized_midpoint",
    "optimized_path",
    "shortest_path",
]

STREAM = 1000  # bytes of a random generator


def hamming(a: Solution, b: Solution) -> float:
    """Fraction of differing weights, in [0, 1] (section 3.1.3); raises InvalidInputError if the machines differ."""
    check_same(a, b)
    return int(np.count_nonzero(a.weights != b.weights)) / a.machine.n_weights


def shortest_path(start: Solution, end: Solution, patterns: Patterns, seed: Seed = 0, order: Order = "random") -> Path:
    """A shortest path: the differing weights flipped one at a time, each once (paper, appendix B).

    order: "random", uniformly (the paper's); "guided", along the gradient of a smooth surrogate of the error, so low
    that most barriers vanish; "annealed", by local moves from a guided order; "exact", the best of all orders, of at
    most 20 flips. `Guided(...)` and `Annealed(...)` are the second and third with other settings. seed: of what is
    drawn.

    The error after every flip is exact, by incremental update (cost d P for d flips, plus one evaluation).
    `.solution(0.5)` of the path is the solution in its middle.
    Raises InvalidInputError if the machines or the number of inputs differ, and from 2^24 inputs or hidden units on.

    >>> import binland as bl
    >>> train, machine = bl.HiddenManifold(301, 101, seed=0).sample(303, seed=1), bl.CommitteeMachine(301, 21)
    >>> a, b = (bl.fit(machine, train, bl.SGD(), seed) for seed in (0, 1))
    >>> bl.shortest_path(a, b, train, order="guided").barrier <= bl.shortest_path(a, b, train).barrier
    True
    """
    check_same(start, end)
    chosen = as_order(order)
    return _path(Walker(start, patterns), start, end, chosen, generator(seed, "shortest_path"))


def _path(walker: Walker, start: Solution, end: Solution, order: Order, rng: np.random.Generator) -> Path:
    flipped = order_of_flips(start, end, walker.patterns, order, rng)
    return Path(walker.error_counts(flipped), walker.n_patterns, flipped, None, start, end, order)


def order_of_flips(
    start: Solution, end: Solution, patterns: Patterns, order: Order, rng: np.random.Generator
) -> Places:
    """(d,) flat indices of the weights that differ, in an order as of `shortest_path`."""
    places = _differing(start, end)
    if order == "random":
        return random_order(rng, places)
    if order == "exact":
        return exact_order(Fields(start, patterns), places)
    if isinstance(order, Guided):
        return shallow_order(start, end, patterns, order)
    assert isinstance(order, Annealed)
    begin_rng, rng = rng.spawn(2)
    begin = order_of_flips(start, end, patterns, as_order(order.start), begin_rng)
    return annealed_order(Fields(start, patterns), begin, order, rng)


def _differing(start: Solution, end: Solution) -> Places:
    """Flat indices of the weights that differ."""
    return np.flatnonzero(start.weights != end.weights)


def barrier(
    start: Solution,
    end: Solution,
    patterns: Patterns,
    orders: int | None = None,
    seed: Seed = 0,
    order: Order = "random",
) -> Barrier:
    """Barriers of independent shortest paths, after every flip; order as in `shortest_path`.

    orders: how many; by default 5 (appendix B, per directed pair), or 1 of an order that no seed changes, guided or
    exact. Give the two directions of a pair different seeds: with one seed they flip the weights in the same orders.
    Raises InvalidInputError as `shortest_path`, on several of one order, or beyond this machine's memory.
    """
    check_same(start, end)
    chosen = as_order(order)
    count, length = n_orders(orders, chosen), len(_differing(start, end))
    checked_memory(f"{count} orders of {length} flips", count * (STREAM + 16 * length))
    streams = generator(seed, "barrier").spawn(count)
    walker = Walker(start, patterns)
    return Barrier.over([_path(walker, start, end, chosen, stream) for stream in streams])


def optimized_path(
    start: Solution, end: Solution, patterns: Patterns, algorithm: Algorithm | None = None, seed: Seed = 0
) -> BentPath:
    """Path with one bend: the midpoint of the two solutions starts a new training run (paper, appendix B).

    algorithm: of that run, `SGD()` by default, as in the paper. The path is the two random shortest paths start ->
    optimised midpoint -> end. Align first where symmetries are to be removed. Repeat with other seeds for the paper's
    3 midpoints and 5 orders. Raises InvalidInputError if machines or number of inputs differ.
    """
    rng = generator(seed, "optimized_path")
    midpoint = optimized_midpoint(start, end, patterns, algorithm, rng)
    first_rng, second_rng = rng.spawn(2)
    return BentPath(
        shortest_path(start, midpoint, patterns, first_rng),
        shortest_path(midpoint, end, patterns, second_rng),
        midpoint,
    )


def optimized_midpoint(
    start: Solution, end: Solution, patterns: Patterns, algorithm: Algorithm | None = None, seed: Seed = 0
) -> Solution:
    """The bend of an optimised path: trained from `midpoint_latents` with `SGD()`, or another algorithm.

    Raises InvalidInputError if machines or number of inputs differ.
    """
    check_same(start, end)
    run = SGD() if algorithm is None else algorithm
    check_algorithm(run)
    middle_rng, fit_rng = generator(seed, "optimized_midpoint").spawn(2)
    latents = midpoint_latents(start, end, run, middle_rng)
    return fit(start.machine, patterns, run, fit_rng, start=latents)


def midpoint_latents(start: Solution, end: Solution, algorithm: Algorithm, seed: Seed) -> Latents:
    """Latents of the bend: `start` with a random half of the differing signs taken from `end` (half rounded down).

    Their size, one for all, is the mean |latent| of the two ends; of ends given without latents, half the width of
    the algorithm's random initialisation, which is its mean size. Raises InvalidInputError if it has none.
    """
    machine = start.machine
    signs = midpoint_signs(start.weights.reshape(-1), end.weights.reshape(-1), seed)
    known = [np.abs(ending.latents).mean() for ending in (start, end) if ending.latents is not None]
    size = np.mean(known) if known else init_bound(algorithm, machine.n_inputs, machine.n_hidden) / 2
    return (signs * np.float32(size)).astype(np.float32).reshape(machine.weight_shape)


def latents_to_begin(solution: Solution, algorithm: Algorithm) -> Latents:
    """Latents at which a training can begin: the solution's, or its weights at the mean size of the initialisation."""
    if solution.latents is not None:
        return solution.latents
    size = init_bound(algorithm, solution.machine.n_inputs, solution.machine.n_hidden) / 2
    return (solution.weights * np.float32(size)).astype(np.float32)


def init_bound(algorithm: Algorithm, n_inputs: int, n_units: int) -> float:
    """b of an algorithm that begins uniformly in [-b, b]; raises InvalidInputError if it says none."""
    find = getattr(algorithm, "init_bound", None)
    if find is None:
        raise InvalidInputError(
            f"{type(algorithm).__name__} has no init_bound(n_inputs, n_hidden), the size of a midpoint's latents"
            " between solutions without: give solutions with latents, or SGD(), RSGD() or ADV()"
        )
    return positive("init_bound", find(n_inputs, n_units))


def midpoint_signs(start: Signs, end: Signs, seed: Seed) -> Signs:
    """(n,) `start` with a random half of the differing signs taken from `end` (half rounded down)."""
    signs = start.copy()
    differing = np.flatnonzero(start != end)
    signs[generator(seed, "midpoint").permutation(differing)[: len(differing) // 2]] *= -1
    return signs
