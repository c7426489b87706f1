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
    """Hamming distance of two solutions as a fraction of the weights.

    Parameters
    ----------
    a, b : Solution
        Solutions of the same machine. They are compared as they are; `align` first to remove symmetries.

    Returns
    -------
    float
        Fraction of the weights that differ, in [0, 1].

    Raises
    ------
    InvalidInputError
        If the machines differ.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.1.3.

    Examples
    --------
    >>> import binland as bl
    >>> a, b = (bl.Solution(bl.Perceptron(4), w) for w in ([1, 1, 1, 1], [1, 1, 1, -1]))
    >>> bl.hamming(a, b)
    0.25
    """
    check_same(a, b)
    return int(np.count_nonzero(a.weights != b.weights)) / a.machine.n_weights


def shortest_path(start: Solution, end: Solution, patterns: Patterns, seed: Seed = 0, order: Order = "random") -> Path:
    """Walk from one solution to another, flipping each weight that differs once, and count the errors after every flip.

    Parameters
    ----------
    start, end : Solution
        Solutions of the same machine, taken as they are; `align` first to remove symmetries.
    patterns : Patterns
        Patterns on which errors are counted, usually the train patterns.
    seed : int, SeedSequence or Generator, default 0
        Fixes the order where it is random or annealed.
    order : {"random", "guided", "annealed", "exact"}, Guided or Annealed, default "random"
        Order of the flips. "random": uniformly random, as in the paper. "guided": along the gradient of a smooth
        version of the error, which removes most barriers; settings in `Guided`. "annealed": improved by local moves,
        settings in `Annealed`. "exact": an order with the lowest barrier of all, for at most 20 flips.

    Returns
    -------
    Path
        ``.errors`` after every flip, ``.barrier``, and ``.solution(t)`` on the way.

    Raises
    ------
    InvalidInputError
        If machines or numbers of inputs differ, the order is unknown, "exact" is asked of more than 20 flips, the
        machine has 2^24 or more inputs or hidden units, or the work does not fit into memory.

    Notes
    -----
    Error counts are exact integers, updated flip by flip: d P operations for d flips and P patterns.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, appendix B ("random linear paths").

    Examples
    --------
    >>> import binland as bl
    >>> train, machine = bl.HiddenManifold(301, 101, seed=0).sample(303, seed=1), bl.CommitteeMachine(301, 21)
    >>> a, b = (bl.fit(machine, train, bl.SGD(), seed) for seed in (0, 1))
    >>> bl.shortest_path(a, b, train, order="guided").barrier < bl.shortest_path(a, b, train).barrier
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
    """Flat indices of the weights that differ, (d,), in the order that `shortest_path` describes."""
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
    """Barriers on several shortest paths between two solutions: on each the highest train error, ends included.

    Parameters
    ----------
    start, end : Solution
        Solutions of the same machine, taken as they are; `align` first to remove symmetries.
    patterns : Patterns
        Patterns on which errors are counted, usually the train patterns.
    orders : int, optional
        Number of paths. By default 5, as in the paper, or 1 if all paths would be the same ("guided" and "exact").
    seed : int, SeedSequence or Generator, default 0
        Fixes the orders. Give the two directions of a pair different seeds: with the same seed the weights are flipped
        in the same orders.
    order : {"random", "guided", "annealed", "exact"}, Guided or Annealed, default "random"
        As in `shortest_path`.

    Returns
    -------
    Barrier
        ``.mean`` over the paths, ``.std`` and the mean ``.profile``.

    Raises
    ------
    InvalidInputError
        As `shortest_path`, and if several paths are asked for where all are the same.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, appendix B.

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(20, 101, seed=0)
    >>> a, b = (bl.fit(bl.Perceptron(101), patterns, bl.SGD(epochs=50), seed=s) for s in (0, 1))
    >>> len(bl.barrier(a, b, patterns).samples)
    5
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
    """Path with one bend: a training starts halfway between two solutions, and random shortest paths lead there.

    The legs are start -> midpoint and midpoint -> end. In the paper each pair has 3 midpoints and 5 orders of flips:
    repeat with other seeds.

    Parameters
    ----------
    start, end : Solution
        Solutions of the same machine, taken as they are; `align` first to remove symmetries.
    patterns : Patterns
        The train patterns.
    algorithm : Algorithm, optional
        How the midpoint is trained; `SGD()` by default, as in the paper.
    seed : int, SeedSequence or Generator, default 0
        Fixes the midpoint, its training and the orders.

    Returns
    -------
    BentPath
        ``.midpoint``, the two legs, ``.errors`` and ``.barrier``.

    Raises
    ------
    InvalidInputError
        If machines or numbers of inputs differ, or the ends have no latents and the algorithm does not say how large
        latents are (``init_bound``).

    Notes
    -----
    The training starts at the weights of `start` with a random half of the differing ones taken from `end`. All its
    latents have one size, the mean size of those of the ends or, if these have none, half the width of the algorithm's
    initialisation.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 4.2 and appendix B.

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(20, 101, seed=0)
    >>> a, b = (bl.fit(bl.Perceptron(101), patterns, bl.SGD(epochs=50), seed=s) for s in (0, 1))
    >>> bend = bl.optimized_path(a, b, patterns, bl.SGD(epochs=50))
    >>> bend.barrier >= bend.midpoint.error(patterns)
    True
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
    """The midpoint of `optimized_path`: trained from `midpoint_latents` with `SGD()` or another algorithm.

    Raises InvalidInputError if machines or numbers of inputs differ.
    """
    check_same(start, end)
    run = SGD() if algorithm is None else algorithm
    check_algorithm(run)
    middle_rng, fit_rng = generator(seed, "optimized_midpoint").spawn(2)
    latents = midpoint_latents(start, end, run, middle_rng)
    return fit(start.machine, patterns, run, fit_rng, start=latents)


def midpoint_latents(start: Solution, end: Solution, algorithm: Algorithm, seed: Seed) -> Latents:
    """Latents where the training of a midpoint starts: the signs of `midpoint_signs`, all of one size.

    The size is the mean |latent| of the two ends or, if these have none, half the width of the algorithm's random
    initialisation. Raises InvalidInputError if the algorithm does not say that width.
    """
    machine = start.machine
    signs = midpoint_signs(start.weights.reshape(-1), end.weights.reshape(-1), seed)
    known = [np.abs(ending.latents).mean() for ending in (start, end) if ending.latents is not None]
    size = np.mean(known) if known else init_bound(algorithm, machine.n_inputs, machine.n_hidden) / 2
    return (signs * np.float32(size)).astype(np.float32).reshape(machine.weight_shape)


def latents_to_begin(solution: Solution, algorithm: Algorithm) -> Latents:
    """Latents from which training can go on from a solution: its own, or its weights at the mean initial size."""
    if solution.latents is not None:
        return solution.latents
    size = init_bound(algorithm, solution.machine.n_inputs, solution.machine.n_hidden) / 2
    return (solution.weights * np.float32(size)).astype(np.float32)


def init_bound(algorithm: Algorithm, n_inputs: int, n_units: int) -> float:
    """b of an algorithm whose latents start uniform in [-b, b]; raises InvalidInputError if it does not say."""
    find = getattr(algorithm, "init_bound", None)
    if find is None:
        raise InvalidInputError(
            f"{type(algorithm).__name__} has no init_bound(n_inputs, n_hidden), the size of a midpoint's latents"
            " between solutions without: give solutions with latents, or SGD(), RSGD() or ADV()"
        )
    return positive("init_bound", find(n_inputs, n_units))


def midpoint_signs(start: Signs, end: Signs, seed: Seed) -> Signs:
    """`start` (n,) with a random half (rounded down) of the signs that differ taken from `end`."""
    signs = start.copy()
    differing = np.flatnonzero(start != end)
    signs[generator(seed, "midpoint").permutation(differing)[: len(differing) // 2]] *= -1
    return signs
