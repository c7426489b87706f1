"""Hamming distance, shortest paths, barriers and paths with one bend of deep binary networks (paper, appendix B).

Results are binland's `Path`, `Barrier` and `BentPath`. Errors are counted at evenly spaced points or after every flip.
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
    """Hamming distance of two binary networks as a fraction of the weights.

    Parameters
    ----------
    a, b : Solution
        Solutions of the same network, as they are: `align` first to remove symmetries.

    Returns
    -------
    float
        Fraction of the weights that differ, in [0, 1].

    Raises
    ------
    InvalidInputError
        If the networks differ.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.1.3.

    Examples
    --------
    >>> import deepbridge as db
    >>> a, b = (db.Solution(db.BinaryMLP(4, ()), [[w]]) for w in ([1, 1, 1, 1], [1, 1, 1, -1]))
    >>> db.hamming(a, b)
    0.25
    """
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
    """Walk from one binary network to another, flipping each weight that differs once, and count the errors on the way.

    Parameters
    ----------
    start, end : Solution
        Solutions of the same network, as they are: `align` first to remove symmetries.
    data : Dataset or Patterns
        Data on which errors are counted, usually the train data.
    seed : int, SeedSequence or Generator, default 0
        Fixes the order where it is random or annealed.
    points : int or "all", default 51
        Number of evenly spaced points at which errors are counted, both ends included, 2 to 10^6; "all": after every
        flip.
    order : {"random", "guided", "annealed", "exact"}, Guided or Annealed, default "random"
        Order of the flips, as in `binland.shortest_path`, with the settings `deepbridge.Guided` and `binland.Annealed`.
        The last three look at the errors after every flip; points="all" shows all of them.
    device : str or torch.device, default "cpu"
        Where errors are counted; they are exact everywhere.

    Returns
    -------
    Path
        ``.errors`` at the points, ``.barrier``, and ``.solution(t)`` on the way.

    Raises
    ------
    InvalidInputError
        If networks, data or order do not fit, there are more than 10^6 points, or the work does not fit into memory.

    Notes
    -----
    Ties that differ are those of the start in the first half of the path and those of the end in the second; guided,
    annealed and exact orders are chosen with the ties of the start.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, appendix B.

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> a, b = db.fit_many(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=5), seeds=[0, 1])
    >>> path = db.shortest_path(a, b, train, points="all")
    >>> path.n_points == path.length + 1
    True
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
    """A shortest path for each pair of solutions; guided ones are computed together, which takes less time.

    Parameters
    ----------
    pairs : sequence of (Solution, Solution)
        Pairs (start, end) of solutions of one network, at least one.
    data, points, device
        As in `shortest_path`.
    seed : int, SeedSequence or Generator, default 0
        Every pair gets a random stream of its own.
    order : {"random", "guided", "annealed", "exact"}, Guided or Annealed, default "guided"
        As in `shortest_path`.

    Returns
    -------
    list of Path
        One for each pair; guided ones are the same as from `shortest_path`.

    Raises
    ------
    InvalidInputError
        As `shortest_path`, and if there are no pairs.

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> a, b, c = db.fit_many(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=5), seeds=[0, 1, 2])
    >>> len(db.shortest_paths([(a, b), (b, c)], train, order=db.Guided(stages=10)))
    2
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
    """Barriers on several shortest paths between two binary networks: on each the highest train error at its points.

    Parameters
    ----------
    start, end : Solution
        Solutions of the same network, as they are: `align` first to remove symmetries.
    data : Dataset or Patterns
        Data on which errors are counted, usually the train data.
    orders : int, optional
        Number of paths, at most 10^6. By default 5, as in the paper, or 1 if all paths would be the same ("guided" and
        "exact").
    seed : int, SeedSequence or Generator, default 0
        Fixes the orders. Give the two directions of a pair different seeds: with the same seed the weights are flipped
        in the same orders.
    points, order, device
        As in `shortest_path`. points="all" misses no error and takes longer.

    Returns
    -------
    Barrier
        ``.mean`` over the paths, ``.std`` and the mean ``.profile``.

    Raises
    ------
    InvalidInputError
        As `shortest_path`, and if several paths are asked for where all are the same.
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
    """Path with one bend: a training starts halfway between two binary networks, and random shortest paths lead there.

    The legs are start -> midpoint and midpoint -> end. In the paper each pair has 3 midpoints and 5 orders of flips:
    repeat with other seeds.

    Parameters
    ----------
    start, end : Solution
        Solutions of the same network, as they are: `align` first to remove symmetries.
    data : Dataset or Patterns
        Train data.
    algorithm : Algorithm, optional
        How the midpoint is trained; `SGD()` by default.
    seed : int, SeedSequence or Generator, default 0
        Fixes the midpoint, its training and the orders.
    points : int or "all", default 51
        As in `shortest_path`.
    device : str or torch.device, default "cpu"
        Where SGD, RSGD and ADV train and errors are counted.

    Returns
    -------
    BentPath
        ``.midpoint``, the two legs, ``.errors`` and ``.barrier``.

    Raises
    ------
    InvalidInputError
        As `shortest_path`; with points="all" the number of points is judged by all weights of the network.
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
    """The midpoint of `optimized_path`: what a training finds that starts halfway between two solutions.

    Parameters
    ----------
    start, end, data, algorithm, seed, device
        As in `optimized_path`.
    progress : bool, default True
        Whether to show a bar on a terminal.

    Returns
    -------
    Solution
        The trained midpoint.

    Raises
    ------
    InvalidInputError
        If networks or data do not fit.
    """
    check_same(start, end)
    run = SGD() if algorithm is None else as_deep(algorithm)
    middle_rng, fit_rng = generator(seed, "optimized_midpoint").spawn(2)
    latents = midpoint_latents(start, end, run, middle_rng)
    where: Device = device if is_built_in(run) else "cpu"  # any other algorithm chooses its own device
    return fit(start.network, data, run, fit_rng, latents, device=where, progress=progress)


def midpoint_latents(start: Solution, end: Solution, algorithm: Algorithm, seed: Seed) -> Latents:
    """Latents where the training of a midpoint starts: `start` with a random half of the differing signs from `end`.

    In each layer they have one size, the mean |latent| of the ends there or, if these have no latents, half the width
    of the algorithm's random initialisation. Raises InvalidInputError if the algorithm does not say that width.
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
    """Latents from which training can go on from a solution: its own, or its weights at the mean initial size."""
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
    """For each pair the flat indices of the weights that differ, (d,), in order."""
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
    """Numbers of flips after which errors are counted, (T,); raises InvalidInputError beyond this machine's memory."""
    length = int(np.count_nonzero(start.flat != end.flat))
    count = _n_points(points, length)
    units = sum(len(a) for a, b in zip(start.ties, end.ties, strict=True) if not np.array_equal(a, b))
    needed = orders * (STREAM + 8 * (length + count)) + TIE * units * count
    checked_memory(f"errors at {count} points of paths of {length} flips, {orders} at once,", needed)
    return np.linspace(0, length, count).round().astype(np.int64)


def _n_points(points: Points, length: int) -> int:
    """Number of points of a path with so many flips; raises InvalidInputError if it is below 2 or above MOST."""
    if is_integer(points):
        return limited("points", points, MOST, minimum=2)
    if not isinstance(points, str) or points != "all":
        raise InvalidInputError(f'points={shown(points)} is neither an integer of at least 2 nor "all"')
    if length >= MOST:
        advice = f"give their number, such as {POINTS}"
        raise InvalidInputError(f'points="all" may be {length + 1} points, more than {MOST}; {advice}')
    return length + 1


def _ties_along(start: Solution, end: Solution, points: int) -> tuple[Signs, ...]:
    """Ties per layer along a path, (H,) or (T, H): those of the nearer end, +1 halfway where the ends differ."""
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
