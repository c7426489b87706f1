"""Removing the exact symmetries of a deep network before two solutions are compared (paper, section 3.1.2, Alg. 2)."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from binland.bits import Signs, turned
from deepbridge.binary.networks import Network
from deepbridge.binary.solutions import Solution, check_same

Layers = tuple[NDArray[Any], ...]


@dataclass(frozen=True, eq=False)
class Alignment:
    """A solution moved by a symmetry of its network.

    solution: the same function. permutation: per hidden layer (H,) int64, its unit h is unit permutation[h] of the
    original. signs: per hidden layer (H,) int8, -1 where the unit was reversed.
    """

    solution: Solution
    permutation: tuple[NDArray[np.int64], ...]
    signs: tuple[Signs, ...]


def align(solution: Solution, to: Solution) -> Alignment:
    """Move `solution` towards the reference `to` by exact symmetries only: every prediction stays the same.

    Layer by layer from the input: units are matched by their incoming weights, with linear_sum_assignment on the
    overlaps (their absolute values where units may be reversed), then each is reversed if that raises its overlap; the
    outgoing weights go along (Alg. 2). Units whose incoming weights are equal, or opposite where they may be reversed,
    as in narrow layers, would fit in either order; among them the outgoing weights decide: their overlaps in front of
    the output layer, and in front of a hidden layer, whose units are still in any order, the products that they have
    with those of the other units. A reversed unit takes its tie with it, so that sign(0) does not spoil the symmetry.
    Filters in front of a max-pool, and units of a layer into fixed output weights, are permuted only. The matching is
    greedy, hence not always the nearest. Where it ends nearer without that decision, it does without, and where it ends
    farther than it began, the solution stays.
    Latents and replicas move along. Raises InvalidInputError if the networks differ.
    """
    check_same(solution, to)
    network, weights, target = solution.network, solution.weights, to.weights
    moves = [_greedy(network, weights, target, apart=True), _stay(network, weights)]
    if moves[0].exchanged:  # good for most pairs and not for all
        moves.insert(1, _greedy(network, weights, target, apart=False))
    nearest = min(moves, key=lambda move: _distance(move.weights, target))
    made = transformed(solution, nearest.permutation, nearest.signs)
    return Alignment(made, tuple(nearest.permutation), tuple(nearest.signs))


class _Move(NamedTuple):
    """Permutation and signs of each hidden layer, the weights they lead to, and whether equal units were exchanged."""

    permutation: list[NDArray[np.int64]]
    signs: list[Signs]
    weights: Layers
    exchanged: bool = False


def _stay(network: Network, weights: Layers) -> _Move:
    units = [layer.n_units for layer in network.hidden_layers]
    return _Move([np.arange(count) for count in units], [np.ones(count, np.int8) for count in units], weights)


def _distance(weights: Layers, target: Layers) -> int:
    return sum(int(np.count_nonzero(a != b)) for a, b in zip(weights, target, strict=True))


def _greedy(network: Network, weights: Layers, target: Layers, apart: bool) -> _Move:
    """Layer by layer from the input; apart: outgoing weights decide among equal units."""
    permutations, reversals, exchanged = [], [], False
    for k in range(len(network.hidden_layers)):
        permutation, signs = _matched(network, weights, target, k)
        weights = moved(network, weights, k, permutation, signs)
        for rows in (weights[k], target[k]) if apart else ():
            order, turns = _told_apart(network, weights, target, k, rows)
            weights = moved(network, weights, k, order, turns)
            exchanged |= not np.array_equal(order, np.arange(len(order)))
            permutation, signs = permutation[order], signs[order] * turns
        permutations.append(permutation.astype(np.int64))
        reversals.append(signs)
    return _Move(permutations, reversals, weights, exchanged)


def _matched(network: Network, weights: Layers, target: Layers, k: int) -> tuple[NDArray[np.intp], Signs]:
    """Permutation and signs of hidden layer k that maximise the overlaps of the incoming weights with the target's."""
    overlaps = _rows(target[k]) @ _rows(weights[k]).T
    may_reverse = network.symmetry(k).sign_reversal
    _, permutation = linear_sum_assignment(np.abs(overlaps) if may_reverse else overlaps, maximize=True)
    matched = overlaps[np.arange(len(overlaps)), permutation]
    return permutation, np.where((matched < 0) & may_reverse, -1, 1).astype(np.int8)


def _told_apart(
    network: Network, weights: Layers, target: Layers, k: int, rows: Signs
) -> tuple[NDArray[np.intp], Signs]:
    """Permutation and signs of hidden layer k that exchange units with equal rows, as their outgoing weights ask.

    rows: incoming weights, of the units or of the target; the overlaps with the target's incoming weights stay.
    """
    kinds, leads = _kinds(rows, network.symmetry(k).sign_reversal)
    shared = np.bincount(kinds)[kinds] > 1
    order, turns = np.arange(len(rows)), np.ones(len(rows), np.int8)
    if not shared.any() or k + 1 == len(target):
        return order, turns
    ours, theirs = (_outgoing(network, layers, k, ~shared) for layers in (weights, target))
    for kind in np.unique(kinds[shared]):
        places = np.flatnonzero(kinds == kind)
        relative = np.outer(leads[places], leads[places])
        overlaps = relative * (theirs[places] @ ours[places].T)
        here, there = linear_sum_assignment(overlaps, maximize=True)
        if overlaps[here, there].sum() > overlaps.trace():
            order[places], turns[places] = places[there], relative[here, there]
    return order, turns


def _kinds(rows: Signs, may_reverse: bool) -> tuple[NDArray[np.intp], Signs]:
    """(H,) number of each different row, and (H,) sign of each one against others of its number."""
    flat = rows.reshape(len(rows), -1)
    leads = flat[:, 0] if may_reverse else np.ones(len(rows), np.int8)
    return np.unique(flat * leads[:, None], axis=0, return_inverse=True)[1].reshape(-1), leads


def _outgoing(network: Network, layers: Layers, k: int, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(H, ...) of the outgoing weights of each unit what does not depend on how the units of the next layer stand.

    In front of a hidden layer: their products with those of the known units.
    """
    units, outputs = network.layers[k].n_units, layers[k + 1]
    columns = np.moveaxis(outputs.reshape(len(outputs), units, -1), 1, 0).reshape(units, -1).astype(np.float64)
    return columns @ columns[known].T if k + 1 < len(network.hidden_layers) else columns


def transformed(solution: Solution, permutation: list[NDArray[np.int64]], signs: list[Signs]) -> Solution:
    """The solution with unit permutation[l][h], times signs[l][h], at place h of every hidden layer l.

    Raises InvalidInputError where a unit is reversed that cannot be.
    """
    network, weights, latents, replicas = solution.network, solution.weights, solution.latents, solution.replicas
    ties = []
    for k, (order, reversal) in enumerate(zip(permutation, signs, strict=True)):
        weights = moved(network, weights, k, order, reversal)
        latents = None if latents is None else moved(network, latents, k, order, reversal)
        if replicas is not None:
            replicas = replace(replicas, weights=moved(network, replicas.weights, k, order, reversal, axis=1))
        ties.append(solution.ties[k][order] * reversal)
    return replace(solution, weights=weights, latents=latents, ties=tuple(ties), replicas=replicas)


def moved(
    network: Network, layers: Layers, k: int, permutation: NDArray[np.intp], signs: Signs, axis: int = 0
) -> Layers:
    """Weights with the units of hidden layer k permuted, then multiplied by signs, incoming and outgoing ones.

    axis: of the units in the arrays, which may have others in front.
    """
    out = list(layers)
    incoming = np.take(layers[k], permutation, axis=axis)
    out[k] = turned(incoming, signs.reshape(-1, *[1] * (incoming.ndim - axis - 1)))
    if k + 1 < len(layers):
        outgoing = layers[k + 1]
        units = network.layers[k].n_units
        grouped = outgoing.reshape(*outgoing.shape[: axis + 1], units, -1)  # unit by unit, its positions together
        out[k + 1] = turned(np.take(grouped, permutation, axis=axis + 1), signs[:, None]).reshape(outgoing.shape)
    return tuple(out)


def _rows(weights: Signs) -> NDArray[np.float32]:
    """(H, fan-in) float32, in which the overlaps are exact."""
    return weights.reshape(len(weights), -1).astype(np.float32)
