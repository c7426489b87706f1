"""`align` for continuous networks: remove the permutation symmetry of hidden units (paper, section 3.1.2)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from binland.checks import one_of, positive_int
from binland.errors import InvalidInputError, shown
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.common.devices import Device, as_device, full_precision
from deepbridge.common.matching import Moves, assigned, coordinate_descent, stay
from deepbridge.continuous.evaluation import on_device
from deepbridge.continuous.examples import Data, as_examples
from deepbridge.continuous.geodesics import euclidean
from deepbridge.continuous.networks import Network
from deepbridge.continuous.normalisation import check_equal
from deepbridge.continuous.solutions import ContinuousSolution, check_same
from deepbridge.continuous.units import STATISTICS, Place, State, Units, owner, permuted, placed

Method = Literal["greedy", "coordinate", "activations"]
METHODS = ("greedy", "coordinate", "activations")
TIE = 1e-6  # weight of the cosine beside the correlation; decides between units that are constant on the data
PATTERNS = 256  # patterns whose activations are computed together
ROUNDS = 100  # largest number of rounds of alignment to a common centre
NEARER = 1e-9  # smallest relative gain in distance that is more than rounding


@dataclass(frozen=True, eq=False, repr=False)
class ContinuousAlignment(Summary):
    """A continuous network whose hidden units have changed places (`align`); it computes the same function.

    Attributes
    ----------
    solution : ContinuousSolution
        The moved solution.
    permutation : tuple of numpy.ndarray of shape (H,), int64
        For each kind of units, in the order of ``network.units.names``: unit h of the moved solution is unit
        permutation[h] of the original.
    """

    solution: ContinuousSolution
    permutation: tuple[NDArray[np.int64], ...]

    _shown = ("solution", "permutation")


def align(
    solution: ContinuousSolution,
    to: ContinuousSolution,
    method: Method = "greedy",
    data: Data | None = None,
    *,
    seed: Seed = 0,
    restarts: int = 8,
    device: Device = "cpu",
) -> ContinuousAlignment:
    """Permute the hidden units of a continuous network so that they match those of a reference; its function stays.

    Weights count as they are: `normalize` both networks before for the paper's geometry. Outputs on random inputs are
    compared before and after.

    Parameters
    ----------
    solution : ContinuousSolution
        The solution to move.
    to : ContinuousSolution
        The reference, of the same network.
    method : {"greedy", "coordinate", "activations"}, default "greedy"
        How units are matched; see Notes. None of the methods is guaranteed to find the best permutation.
    data : Dataset, Patterns or tuple, optional
        Needed by "activations".
    seed : int, SeedSequence or Generator, default 0
        Fixes random starts and orders of "coordinate".
    restarts : int, default 8
        Number of starts of "coordinate", at least 1: the identity, the greedy result, then random ones.
    device : str or torch.device, default "cpu"
        Where activations are computed.

    Returns
    -------
    ContinuousAlignment
        ``.solution`` and ``.permutation``.

    Raises
    ------
    InvalidInputError
        If the networks differ, the method is unknown, data are missing or do not fit, or outputs change.

    Notes
    -----
    "greedy": layer by layer from the input, by the cosine similarity of incoming weights (where several layers write
    into the same units, of those whose own inputs are already matched). "coordinate": permutations that make the
    squared distance of all parameters small, one kind of units after the other in random order until none improves; of
    all starts the nearest result counts. "activations": by the correlation of what units send to the next layer on
    `data`; units that are constant there are matched by weights.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.1.2, Alg. 2. Ainsworth et al., Git Re-Basin, ICLR
    2023, Alg. 1. Li et al., Convergent Learning, 2015.
    """
    check_same(solution, to)
    one_of("method", method, METHODS)
    units = solution.network.units
    if method == "activations":
        moves = _by_activations(solution, to, data, device)
    elif method == "greedy":
        moves = _greedy(units, solution.state, to.state)
    else:
        rng = generator(seed, "align")
        moves = _by_descent(units, solution.state, to.state, rng, positive_int("restarts", restarts))
    return _aligned(solution, moves)


def _aligned(solution: ContinuousSolution, moves: Moves) -> ContinuousAlignment:
    made = solution.moved(_moved(solution.network.units, solution.state, moves))
    check_equal(solution, made)
    return ContinuousAlignment(made, tuple(move.permutation for move in moves))


def _staying(units: Units) -> Moves:
    return [stay(units.sizes[name]) for name in units.names]


def _moved(units: Units, state: State, moves: Moves) -> State:
    for name, move in zip(units.names, moves, strict=True):
        state = permuted(units, state, name, torch.from_numpy(move.permutation))
    return state


def _greedy(
    units: Units, state: State, target: State, tables: Mapping[str, NDArray[np.float64]] | None = None
) -> Moves:
    """Match from the input on by cosine similarities, or by other similarities (tables), where cosines decide ties."""
    moves: Moves = []
    known: set[str | None] = {None}
    for name in units.names:
        weights = [w for w in units.writers[name] if units.axes[w][1] in known] or units.writers[name]
        table = np.mean([_cosines(target[w], state[w], units.sizes[name]) for w in weights], axis=0)
        moves.append(assigned(table if tables is None else tables[name] + TIE * table))
        state = permuted(units, state, name, torch.from_numpy(moves[-1].permutation))
        known.add(name)
    return moves


def _cosines(a: Tensor, b: Tensor, size: int) -> NDArray[np.float64]:
    """Cosine similarities of the rows, (H, H); 0 for rows of zeros."""
    x, y = (nn.functional.normalize(tensor.reshape(size, -1).double(), dim=1, eps=1e-300) for tensor in (a, b))
    return (x @ y.T).numpy()


def _by_descent(units: Units, state: State, target: State, rng: np.random.Generator, restarts: int) -> Moves:
    """The moves with the largest sum of products of all parameters, hence the smallest distance."""
    sizes = [units.sizes[name] for name in units.names]
    similarity = partial(_similarity, units, state, target)
    starts = [_staying(units), _greedy(units, state, target)]
    starts += [[stay(size)._replace(permutation=rng.permutation(size)) for size in sizes] for _ in range(restarts - 2)]
    never = [False] * len(sizes)
    found = [coordinate_descent(start, similarity, never, rng) for start in starts[:restarts]]
    return min(found, key=lambda moves: _square(_moved(units, state, moves), target))


def _similarity(units: Units, state: State, target: State, moves: Moves, k: int) -> NDArray[np.float64]:
    """Products of all parameters of units k with those of the target, with the other units at their places."""
    name, size = units.names[k], units.sizes[units.names[k]]
    places = dict(zip(units.names, moves, strict=True))
    total = torch.zeros(size, size, dtype=torch.float64)
    for place in units.places[name]:
        if place.tensor.endswith(STATISTICS):
            continue
        ours = state[place.tensor]
        for axis, other in enumerate(units.axes[place.tensor][:2]):
            if other is not None and other != name:
                beside = Place(place.tensor, axis, ours.shape[axis] // units.sizes[other])
                ours = placed(ours, beside, torch.from_numpy(places[other].permutation))
        x, y = (_rows(tensor, place.axis, size) for tensor in (target[place.tensor], ours))
        total += x @ y.T
    return total.numpy()


def _rows(tensor: Tensor, axis: int, size: int) -> Tensor:
    """The units along an axis as rows, (size, rest) float64."""
    first = tensor.movedim(axis, 0)
    return first.reshape(size, -1, *first.shape[1:]).reshape(size, -1).double()


def _square(state: State, target: State) -> float:
    """Squared distance of all parameters, without statistics."""
    counted = {n: t for n, t in target.items() if t.is_floating_point() and not n.endswith(STATISTICS)}
    return sum(float((state[name].double() - tensor).square().sum()) for name, tensor in counted.items())


# What units send


def _by_activations(solution: ContinuousSolution, to: ContinuousSolution, data: Data | None, device: Device) -> Moves:
    if data is None:
        raise InvalidInputError('method="activations" compares units on data; give data=')
    place = as_device(device)
    examples = as_examples(solution.network, data).to(place, solution.dtype)
    sums, activations = Sums(solution.network), Activations(solution.network)
    with torch.no_grad(), full_precision():
        states = [on_device(one.state, place) for one in (to, solution)]
        for inputs in examples.inputs.split(PATTERNS):
            sums.add(*(activations(state, inputs) for state in states))
    units = solution.network.units
    return _greedy(units, solution.state, to.state, {name: sums.correlation(name) for name in units.names})


class Activations:
    """What units send to the first layer that reads them, recorded in a copy of the network's module."""

    def __init__(self, network: Network):
        units = network.units
        self._module, self._caught = network.copied(), dict[str, Tensor]()
        for name in units.names:
            layer = self._module.get_submodule(owner(units.readers[name][0]))
            layer.register_forward_pre_hook(partial(_catch, self._caught, name, units.sizes[name]))

    def __call__(self, state: State, inputs: Tensor) -> dict[str, Tensor]:
        """Activations by kind of units, (samples, H); positions of an image are samples."""
        functional_call(self._module, state, (inputs,))
        return dict(self._caught)


def _catch(caught: dict[str, Tensor], name: str, size: int, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    caught[name] = samples(layer, inputs[0], size)


def samples(layer: nn.Module, sent: Tensor, size: int) -> Tensor:
    """Inputs or outputs of a layer as (samples, size) float64; every axis except that of the units runs over samples.

    Units are on the last axis of Linear layers and on the second of others; each may own a block of entries.
    """
    rows = sent if isinstance(layer, nn.Linear) else sent.movedim(1, -1)
    return rows.reshape(-1, size, rows.shape[-1] // size).transpose(1, 2).reshape(-1, size).double()


class Sums:
    """First and second moments of the activations of two networks, by kind of units."""

    def __init__(self, network: Network):
        self._count = dict.fromkeys(network.units.names, 0)
        self._totals: dict[str, list[Tensor]] = {}

    def add(self, x: dict[str, Tensor], y: dict[str, Tensor]) -> None:
        """Add samples of both networks."""
        for name, a in x.items():
            b = y[name]
            new = [a.sum(0), b.sum(0), a.square().sum(0), b.square().sum(0), a.T @ b]
            kept = self._totals.get(name)
            self._totals[name] = new if kept is None else [k + n for k, n in zip(kept, new, strict=True)]
            self._count[name] += len(a)

    def correlation(self, name: str) -> NDArray[np.float64]:
        """Pearson correlations of the units, (H, H); 0 where a unit is constant."""
        x, y, xx, yy, xy = (total / self._count[name] for total in self._totals[name])
        product = torch.outer(deviation(x, xx), deviation(y, yy))
        covariance = xy - torch.outer(x, y)
        return torch.where(product > 0, covariance / product, torch.zeros_like(product)).cpu().numpy()


def deviation(mean: Tensor, square: Tensor) -> Tensor:
    """Standard deviation from first and second moment; 0 where it is within rounding."""
    variance = square - mean.square()
    return torch.where(variance > 1e-13 * square, variance, torch.zeros_like(square)).sqrt()


# Many networks


def align_many(
    solutions: Sequence[ContinuousSolution],
    to: ContinuousSolution | None = None,
    method: Method = "greedy",
    data: Data | None = None,
    *,
    seed: Seed = 0,
    restarts: int = 8,
    device: Device = "cpu",
) -> list[ContinuousAlignment]:
    """Align several continuous networks to one reference, or to their common centre.

    Parameters
    ----------
    solutions : list or tuple of ContinuousSolution
        Solutions of one network; without a reference at least two.
    to : ContinuousSolution, optional
        The reference. None, the default: each solution in turn is aligned to the mean of the others until none comes
        nearer, at most 100 rounds.
    method, data, restarts, device
        As in `align`.
    seed : int, SeedSequence or Generator, default 0
        Fixes random starts and orders.

    Returns
    -------
    list of ContinuousAlignment
        One for each solution.

    Raises
    ------
    InvalidInputError
        As `align`, and if there are too few solutions.

    References
    ----------
    MergeMany of Ainsworth et al., Git Re-Basin, ICLR 2023, Alg. 3.

    Examples
    --------
    >>> import deepbridge as db, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> data = rng.normal(size=(60, 10)), rng.integers(3, size=60)
    >>> three = db.fit_many(db.MLP(10, (8,), 3), data, db.continuous.SGD(epochs=2), seeds=[0, 1, 2])
    >>> len(db.align_many(three))
    3
    """
    chosen = checked_solutions(solutions, 1 if to is not None else 2)
    options: dict[str, Any] = {"method": method, "data": data, "restarts": restarts, "device": device}
    if to is not None:
        return [align(one, to, seed=rng, **options) for one, rng in _streams(chosen, seed)]
    current = [_aligned(one, _staying(one.network.units)) for one in chosen]
    for _ in range(ROUNDS):
        changed = False
        for k, (one, rng) in enumerate(_streams(chosen, seed)):
            others = mean_of([other.solution for j, other in enumerate(current) if j != k])
            found = align(one, others, seed=rng, **options)
            if euclidean(found.solution, others) < (1 - NEARER) * euclidean(current[k].solution, others):
                current[k], changed = found, True
        if not changed:
            break
    return current


def mean_of(solutions: Sequence[ContinuousSolution]) -> ContinuousSolution:
    """The network of the mean of all tensors; integer counters are those of the first."""
    first = solutions[0]
    means = {
        name: torch.stack([one.state[name].double() for one in solutions]).mean(0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in first.state.items()
    }
    return first.at(means)


def checked_solutions(solutions: Sequence[ContinuousSolution], least: int) -> list[ContinuousSolution]:
    """The solutions as a list; raises InvalidInputError unless there are at least `least`, of one network."""
    chosen = list(solutions) if isinstance(solutions, (list, tuple)) else []
    if len(chosen) < least:
        raise InvalidInputError(f"solutions={shown(solutions)} is not a list of at least {least}")
    for one in chosen:
        check_same(chosen[0], one)
    return chosen


def _streams(
    solutions: list[ContinuousSolution], seed: Seed
) -> Iterator[tuple[ContinuousSolution, np.random.Generator]]:
    return zip(solutions, generator(seed, "align_many").spawn(len(solutions)), strict=True)
