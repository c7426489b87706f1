"""Greedy matching of the units of a network, layer by layer from the input (paper, section 3.1.2, Alg. 2)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from binland.bits import Signs
from deepbridge.binary.moves import Layers, distance, moved, outgoing, overlaps_of, reversible_layers, staying
from deepbridge.binary.networks import Network
from deepbridge.common.matching import Match, Moves, assigned, stay


def greedy_moves(network: Network, weights: Layers, target: Layers) -> Moves:
    """The nearest of: greedy with equal units told apart, greedy without, and no move."""
    ends = [_greedy(network, weights, target, apart=True), _Greedy(staying(network), weights)]
    if ends[0].exchanged:  # good for most pairs and not for all
        ends.insert(1, _greedy(network, weights, target, apart=False))
    return min(ends, key=lambda end: distance(end.weights, target)).moves


class _Greedy(NamedTuple):
    """Result of a greedy matching: where units go, the moved weights, and whether equal units were exchanged."""

    moves: Moves
    weights: Layers
    exchanged: bool = False


def _greedy(network: Network, weights: Layers, target: Layers, apart: bool) -> _Greedy:
    """Match layer by layer from the input; apart: outgoing weights decide among equal units."""
    moves, exchanged = [], False
    for k, reversible in enumerate(reversible_layers(network)):
        match = assigned(overlaps_of(target[k], weights[k]), reversible)
        weights = moved(network, weights, k, *match)
        for rows in (weights[k], target[k]) if apart else ():
            order, turns = _told_apart(network, weights, target, k, rows)
            weights = moved(network, weights, k, order, turns)
            exchanged |= not np.array_equal(order, np.arange(len(order)))
            match = Match(match.permutation[order], match.signs[order] * turns)
        moves.append(match)
    return _Greedy(moves, weights, exchanged)


def _told_apart(network: Network, weights: Layers, target: Layers, k: int, rows: Signs) -> Match:
    """Permutation and signs of hidden layer k that exchange units with equal rows according to their outgoing weights.

    rows: incoming weights, of the units or of the target; overlaps with the target's incoming weights stay the same.
    """
    kinds, leads = _kinds(rows, network.symmetry(k).sign_reversal)
    shared = np.bincount(kinds)[kinds] > 1
    order, turns = stay(len(rows))
    if not shared.any() or k + 1 == len(target):
        return Match(order, turns)
    ours, theirs = (_told_by(network, layers, k, ~shared) for layers in (weights, target))
    for kind in np.unique(kinds[shared]):
        places = np.flatnonzero(kinds == kind)
        relative = np.outer(leads[places], leads[places])
        overlaps = relative * (theirs[places] @ ours[places].T)
        best = assigned(overlaps)
        if best.gain(overlaps) > overlaps.trace():
            here, there = np.arange(len(places)), best.permutation
            order[places], turns[places] = places[there], relative[here, there]
    return Match(order, turns)


def _kinds(rows: Signs, may_reverse: bool) -> tuple[NDArray[np.intp], Signs]:
    """Number of the distinct row of each unit, (H,), and its sign relative to others with that number, (H,)."""
    flat = rows.reshape(len(rows), -1)
    leads = flat[:, 0] if may_reverse else np.ones(len(rows), np.int8)
    return np.unique(flat * leads[:, None], axis=0, return_inverse=True)[1].reshape(-1), leads


def _told_by(network: Network, layers: Layers, k: int, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What the outgoing weights of each unit tell, (H, ...), whatever the order of the units in the next layer.

    In front of a hidden layer: their products with those of the known units.
    """
    columns = outgoing(network, layers, k).astype(np.float64)
    return columns @ columns[known].T if k + 1 < len(network.hidden_layers) else columns
