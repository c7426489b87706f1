"""Hamming distance, shortest paths, barriers and paths with one bend of deep networks (paper, appendix B).

Results are binland's `Path`, `Barrier` and `BentPath`. Errors are counted at evenly spaced flips, or after every one as
in binland.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from binland import orders as shallow
from binland.algorithms import Algorithm
from binland.annealed import annealed_order, exact_order
from binland.bits import Signs
from binland.checks import checked_memory, is_integer
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.orders import Annealed, Order, Places, as_order, n_orders
from binland.paths import STREAM, Barrier, BentPath, Path, init_bound, midpoint_signs
from binland.rng import Seed, generator
from binland.walks import random_order
from deepbridge.binary.algorithms import SGD, as_deep, is_built_in
from deepbridge.binary.counting import Walk
from deepbridge.binary.evaluation import error_counts
from deepbridge.binary.fields import Fields
from deepbridge.binary.guided import guided_orders
from deepbridge.binary.networks import check_fit
from deepbridge.binary.orders import Guided
from deepbridge.binary.solutions import Latents, Solution, check_same
from deepbridge.binary.training import fit
from deepbridge.common.data import Dataset, limited
from deepbridge.common.devices import Device

Points = int | Literal["all"]
POINTS = 51
MOST = 10**6  # points of a path, orders of a barrier
TIE = 20  # bytes of a unit's tie at one point while errors are counted


def hamming(a: Solution, b: Solution) -> float:
    """Fraction of differing weights, in [0, 1] (section 3.1.3); raises InvalidInputError if the networks differ."""
    check_same(a, b)
    return int(np.count_nonzero(a.flat != b.flat)) / a.network.n_weights


def shortest_path(
    start: Solution,
    end: Solution,
    data: Dataset | Patterns,
    seed: Seed = 0,
    points: Points = POINTS,
    *,
    order: Order = "random",
    device: Device = "cpu",
) -> Path:
    """A shortest path: the differing weights flipped one at a time, each once (paper, appendix B).

    points: number of evenly spaced errors along the path, ends included; "all": after every flip, as in binland. Ties
    that differ are those of the end from the second half on. Errors are exact on every device.
    order: "random", uniformly (the paper's); "guided", "annealed" and "exact" as in `binland.shortest_path`, with the
    settings `Guided(...)` of deepbridge and `binland.Annealed(...)`. These three look at the errors after every flip,
    with the ties of the start: give points="all" to see all that they have seen. Raises InvalidInputError if networks,
    data or order do not fit, on more than 10^6 points, and beyond this machine's memory.
    """
    chosen = as_order(order, Guided)
    (path,) = _paths([(start, end)], data, points, chosen, [generator(seed, "shortest_path")], device)
    return path


def shortest_paths(
    pairs: Sequence[tuple[Solution, Solution]],
    data: Dataset | Patterns,
    seed: Seed = 0,
    points: Points = POINTS,
    *,
    order: Order = "guided",
    device: Device = "cpu",
) -> list[Path]:
    """A shortest path for each pair of solutions of one network, guided together: in less time, and the same as alone.

    Otherwise as `shortest_path`; every pair has a stream of its own. Raises InvalidInputError as it does, and on none.
    """
    chosen = as_order(order, Guided)
    some = isinstance(pairs, (list, tuple)) and len(pairs) > 0
    if not some or not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
        raise InvalidInputError(f"pairs={shown(pairs)} is not a list of pairs (start, end), at least one")
    streams = generator(seed, "shortest_paths").spawn(len(pairs))
    return _paths([(start, end) for start, end in pairs], data, points, chosen, streams, device)


def barrier(
    start: Solution,
    end: Solution,
    data: Dataset | Patterns,
    orders: int | None = None,
    seed: Seed = 0,
    points: Points = POINTS,
    *,
    order: Order = "random",
    device: Device = "cpu",
) -> Barrier:
    """Barriers of independent shortest paths; order and points as in `shortest_path`.

    orders: how many; by default 5 (appendix B, per directed pair), or 1 of an order that no seed changes, guided or
    exact. A barrier is the highest error at the points, which `n_points` of the result counts: "all" of them miss
    nothing and take longer. Give the two directions of a pair different seeds: with one seed they flip the weights in
    the same orders. Raises InvalidInputError as `shortest_path` does, and on several of one order.
    """
    chosen = as_order(order, Guided)
    count = n_orders(orders, chosen, MOST)
    streams = generator(seed, "barrier").spawn(count)
    return Barrier.over(_paths([(start, end)] * count, data, points, chosen, streams, device))


def optimized_path(
    start: Solution,
    end: Solution,
    data: Dataset | Patterns,
    algorithm: Algorithm | None = None,
    seed: Seed = 0,
    points: Points = POINTS,
    *,
    device: Device = "cpu",
) -> BentPath:
    """Path with one bend: the midpoint of the two solutions starts a new training run (paper, appendix B).

    algorithm: of that run, `SGD()` by default. The path is the two random shortest paths start -> optimised midpoint ->
    end. Align first where symmetries are to be removed. Repeat with other seeds for the paper's 3 midpoints and 5
    orders. Raises InvalidInputError as `shortest_path` does, but on too many points if all weights of a leg flipped.
    """
    check_same(start, end)
    dataset = check_fit(start.network, data)
    _n_points(points, start.network.n_weights)
    middle_rng, first_rng, second_rng = generator(seed, "optimized_path").spawn(3)
    midpoint = optimized_midpoint(start, end, dataset, algorithm, middle_rng, device=device)
    return BentPath(
        shortest_path(start, midpoint, dataset, first_rng, points, device=device),
        shortest_path(midpoint, end, dataset, second_rng, points, device=device),
        midpoint,
    )


def optimized_midpoint(
    start: Solution,
    end: Solution,
    data: Dataset | Patterns,
    algorithm: Algorithm | None = None,
    seed: Seed = 0,
    *,
    device: Device = "cpu",
    progress: bool = True,
) -> Solution:
    """The bend of `optimized_path`: the solution of a training run that begins half-way between two others.

    algorithm: of that run, `SGD()` by default. Raises InvalidInputError if networks or data do not fit.
    """
    check_same(start, end)
    run = SGD() if algorithm is None else as_deep(algorithm)
    middle_rng, fit_rng = generator(seed, "optimized_midpoint").spawn(2)
    latents = midpoint_latents(start, end, run, middle_rng)
    where: Device = device if is_built_in(run) else "cpu"  # any other algorithm computes where it likes
    return fit(start.network, data, run, fit_rng, latents, device=where, progress=progress)


def midpoint_latents(start: Solution, end: Solution, algorithm: Algorithm, seed: Seed) -> Latents:
    """Latents of the bend: `start` with a random half of the differing signs taken from `end` (half rounded down).

    Their size is one for every layer: the mean |latent| of the two ends there; of ends given without latents, half the
    width of the algorithm's random initialisation, which is its mean size. Raises InvalidInputError if it has none.
    """
    network = start.network
    signs = midpoint_signs(start.flat, end.flat, seed)
    layers = []
    for k, (layer, part) in enumerate(zip(network.free_layers, network.split(signs), strict=True)):
        known = [np.abs(ending.latents[k]).mean() for ending in (start, end) if ending.latents is not None]
        size = np.mean(known) if known else init_bound(algorithm, layer.fan_in, layer.fan_out) / 2
        layers.append((part * np.float32(size)).astype(np.float32))
    return tuple(layers)


def latents_to_begin(solution: Solution, algorithm: Algorithm) -> Latents:
    """Latents at which a training can begin: the solution's, or its weights at the mean size of the initialisation."""
    if solution.latents is not None:
        return solution.latents
    sizes = [init_bound(algorithm, layer.fan_in, layer.fan_out) / 2 for layer in solution.network.free_layers]
    return tuple(
        (part * np.float32(size)).astype(np.float32) for part, size in zip(solution.weights, sizes, strict=True)
    )


def _paths(
    pairs: Sequence[tuple[Solution, Solution]],
    data: Dataset | Patterns,
    points: Points,
    order: Order,
    streams: Sequence[np.random.Generator],
    device: Device,
) -> list[Path]:
    for start, end in pairs:
        check_same(start, end)
        check_same(start, pairs[0][0])
    dataset = check_fit(pairs[0][0].network, data)
    steps = [_steps(start, end, points, len(pairs)) for start, end in pairs]
    flips = _orders(pairs, dataset, order, streams, device)
    return [
        _path(pair, dataset, step, flipped, order, device)
        for pair, step, flipped in zip(pairs, steps, flips, strict=True)
    ]


def _orders(
    pairs: Sequence[tuple[Solution, Solution]],
    data: Dataset,
    order: Order,
    streams: Sequence[np.random.Generator],
    device: Device,
) -> Iterable[Places]:
    """Of each pair (d,) the weights that differ, in order."""
    if isinstance(order, shallow.Guided):
        return guided_orders(pairs, data, order, device)
    differing = (np.flatnonzero(start.flat != end.flat) for start, end in pairs)
    if order == "random":
        return (random_order(stream, places) for stream, places in zip(streams, differing, strict=True))
    if order == "exact":
        return [exact_order(Fields(start, data), p) for (start, _), p in zip(pairs, differing, strict=True)]
    assert isinstance(order, Annealed)
    begin_streams, own_streams = zip(*(stream.spawn(2) for stream in streams), strict=True)
    begin = _orders(pairs, data, as_order(order.start, Guided), begin_streams, device)
    return [
        annealed_order(Fields(start, data), flips, order, stream)
        for (start, _), flips, stream in zip(pairs, begin, own_streams, strict=True)
    ]


def _path(
    pair: tuple[Solution, Solution],
    data: Dataset,
    steps: NDArray[np.int64],
    flipped: Places,
    order: Order,
    device: Device,
) -> Path:
    start, end = pair
    walk = Walk(start.flat, flipped, steps, _ties_along(start, end, len(steps)))
    counts = error_counts(start.network, data, walk, device)
    return Path(counts, data.n_patterns, flipped, steps, start, end, order)


def _steps(start: Solution, end: Solution, points: Points, orders: int = 1) -> NDArray[np.int64]:
    """(T,) flips after which errors are counted; raises InvalidInputError if memory does not hold so many of them."""
    length = int(np.count_nonzero(start.flat != end.flat))
    count = _n_points(points, length)
    units = sum(len(a) for a, b in zip(start.ties, end.ties, strict=True) if not np.array_equal(a, b))
    needed = orders * (STREAM + 8 * (length + count)) + TIE * units * count
    checked_memory(f"errors at {count} points of paths of {length} flips, {orders} at once,", needed)
    return np.linspace(0, length, count).round().astype(np.int64)


def _n_points(points: Points, length: int) -> int:
    """Points of a path of at most so many flips; raises InvalidInputError if they are none, or too many."""
    if is_integer(points):
        return limited("points", points, MOST, minimum=2)
    if not isinstance(points, str) or points != "all":
        raise InvalidInputError(f'points={shown(points)} is neither an integer of at least 2 nor "all"')
    if length >= MOST:
        advice = f"give their number, such as {POINTS}"
        raise InvalidInputError(f'points="all" may be {length + 1} points, more than {MOST}; {advice}')
    return length + 1


def _ties_along(start: Solution, end: Solution, points: int) -> tuple[Signs, ...]:
    """Per layer (H,), or (T, H): those of the nearer end, +1 in the middle between two that differ."""
    twice, last = 2 * np.arange(points)[:, None], points - 1
    found = []
    for k in range(len(start.ties)):
        before, after = start.ties[k], end.ties[k]
        if np.array_equal(before, after):
            found.append(before)
        else:
            far = np.where(twice > last, after, np.maximum(before, after))
            found.append(np.where((twice < last) | (last == 0), before, far).astype(np.int8))
    return tuple(found)
