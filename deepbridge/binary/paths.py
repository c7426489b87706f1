"""Hamming distance, random shortest paths, barriers and paths with one bend of deep networks (paper, appendix B).

Results are binland's `Path`, `Barrier` and `BentPath`. Errors are counted at evenly spaced flips, or after every one as
in binland.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from binland.algorithms import Algorithm
from binland.bits import Signs
from binland.checks import checked_memory, is_integer
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.paths import STREAM, Barrier, BentPath, Path, init_bound, midpoint_signs
from binland.rng import Seed, generator
from binland.walks import random_order
from deepbridge.binary.algorithms import SGD, as_deep, is_built_in
from deepbridge.binary.counting import Walk
from deepbridge.binary.evaluation import error_counts
from deepbridge.binary.networks import check_fit
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
    seed: Seed,
    points: Points = POINTS,
    *,
    device: Device = "cpu",
) -> Path:
    """Random shortest path: the differing weights flipped one at a time in a uniformly random order (appendix B).

    points: number of evenly spaced errors along the path, ends included; "all": after every flip, as in binland. Ties
    that differ are those of the end from the second half on. Errors are exact on every device.
    Raises InvalidInputError if networks or data do not fit, on more than 10^6 points, and beyond this machine's memory.
    """
    check_same(start, end)
    dataset = check_fit(start.network, data)
    return _path(start, end, dataset, _steps(start, end, points), generator(seed, "shortest_path"), device)


def barrier(
    start: Solution,
    end: Solution,
    data: Dataset | Patterns,
    orders: int = 5,
    seed: Seed = 0,
    points: Points = POINTS,
    *,
    device: Device = "cpu",
) -> Barrier:
    """Barriers of `orders` independent random shortest paths (appendix B: 5 per directed pair); see `shortest_path`.

    A barrier is the highest error at the points, which `n_points` of the result counts: "all" of them miss nothing and
    take longer. Give the two directions of a pair different seeds: with one seed they flip the weights in the same
    orders. Raises InvalidInputError as `shortest_path` does.
    """
    check_same(start, end)
    dataset = check_fit(start.network, data)
    count = limited("orders", orders, MOST)
    steps = _steps(start, end, points, count)
    streams = generator(seed, "barrier").spawn(count)
    return Barrier.over([_path(start, end, dataset, steps, stream, device) for stream in streams])


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


def _path(
    start: Solution, end: Solution, data: Dataset, steps: NDArray[np.int64], rng: np.random.Generator, device: Device
) -> Path:
    flipped = random_order(rng, np.flatnonzero(start.flat != end.flat))
    walk = Walk(start.flat, flipped, steps, _ties_along(start, end, len(steps)))
    return Path(error_counts(start.network, data, walk, device), data.n_patterns, flipped, steps)


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
