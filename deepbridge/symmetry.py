"""Removing the exact symmetries of a deep network before two solutions are compared (paper, section 3.1.2, Alg. 2)."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from binland.bits import Signs, turned
from deepbridge.networks import Network
from deepbridge.solutions import Solution, check_same

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
    outgoing weights go along (Alg. 2). A reversed unit takes its tie with it, so that sign(0) does not spoil the
    symmetry. Filters in front of a max-pool, and units of a layer into fixed output weights, are permuted only. The
    matching is greedy, hence not always the nearest: outgoing weights do not count, so that units with equal incoming
    weights may come to lie in either order. Where it ends farther than it began, the solution stays.
    Latents and replicas move along. Raises InvalidInputError if the networks differ.
    """
    check_same(solution, to)
    network = solution.network
    weights = solution.weights
    permutations, reversals = [], []
    for k in range(len(network.hidden_layers)):
        units = network.layers[k].n_units
        overlaps = _rows(to.weights[k]) @ _rows(weights[k]).T
        may_reverse = network.symmetry(k).sign_reversal
        _, permutation = linear_sum_assignment(np.abs(overlaps) if may_reverse else overlaps, maximize=True)
        matched = overlaps[np.arange(units), permutation]
        signs = np.where((matched < 0) & may_reverse, -1, 1).astype(np.int8)
        weights = moved(network, weights, k, permutation, signs)
        permutations.append(permutation.astype(np.int64))
        reversals.append(signs)
    if sum(np.count_nonzero(a != b) for a, b in zip(weights, to.weights, strict=True)) > np.count_nonzero(
        solution.flat != to.flat
    ):
        permutations = [np.arange(layer.n_units) for layer in network.hidden_layers]
        reversals = [np.ones(layer.n_units, np.int8) for layer in network.hidden_layers]
    return Alignment(transformed(solution, permutations, reversals), tuple(permutations), tuple(reversals))


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
