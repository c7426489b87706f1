"""Permutations and reversals of hidden units, each with its incoming and outgoing weights."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.bits import Signs, turned
from deepbridge.binary.networks import Network
from deepbridge.binary.solutions import Solution
from deepbridge.common.matching import Moves, stay

Layers = tuple[NDArray[Any], ...]


def transformed(solution: Solution, permutation: list[NDArray[np.int64]], signs: list[Signs]) -> Solution:
    """The solution with unit permutation[l][h], times signs[l][h], at place h of every hidden layer l.

    Raises InvalidInputError if a unit is reversed that cannot be.
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


def all_moved(network: Network, weights: Layers, moves: Moves) -> Layers:
    """Weights with the units of all hidden layers moved."""
    for k, match in enumerate(moves):
        weights = moved(network, weights, k, *match)
    return weights


def moved(
    network: Network, layers: Layers, k: int, permutation: NDArray[np.intp], signs: Signs, axis: int = 0
) -> Layers:
    """Weights with the units of hidden layer k permuted and then multiplied by signs, incoming and outgoing.

    axis: of the units in the arrays, which may have other axes in front.
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


def staying(network: Network) -> Moves:
    """The identity: every unit of every hidden layer stays."""
    return [stay(layer.n_units) for layer in network.hidden_layers]


def reversible_layers(network: Network) -> list[bool]:
    """For each hidden layer, whether its units may be reversed."""
    return [network.symmetry(k).sign_reversal for k in range(len(network.hidden_layers))]


def distance(weights: Layers, target: Layers) -> int:
    """Number of differing weights."""
    return sum(int(np.count_nonzero(a != b)) for a, b in zip(weights, target, strict=True))


def overlaps_of(target: Signs, weights: Signs) -> NDArray[np.float64]:
    """Overlaps (H, H) of the weights of unit i of the target with those of unit j; exact up to 2^24 weights."""
    a, b = (layer.reshape(len(layer), -1).astype(np.float32) for layer in (target, weights))
    return (a @ b.T).astype(np.float64)


def outgoing(network: Network, layers: Layers, k: int) -> Signs:
    """Outgoing weights of each unit of hidden layer k, (H, ...)."""
    units, outputs = network.layers[k].n_units, layers[k + 1]
    return np.moveaxis(outputs.reshape(len(outputs), units, -1), 1, 0).reshape(units, -1)
