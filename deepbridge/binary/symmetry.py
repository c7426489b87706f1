"""`align`: remove the exact symmetries of a deep network before two solutions are compared (paper, section 3.1.2)."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from binland.bits import Signs, random_signs
from binland.checks import one_of
from binland.data import Patterns
from binland.errors import InvalidInputError
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.binary.correlations import correlations
from deepbridge.binary.greedy import greedy_moves
from deepbridge.binary.moves import (
    Layers,
    all_moved,
    distance,
    moved,
    outgoing,
    overlaps_of,
    reversible_layers,
    staying,
    transformed,
)
from deepbridge.binary.networks import Network, check_fit
from deepbridge.binary.solutions import Solution, check_same
from deepbridge.common.data import Dataset, limited
from deepbridge.common.matching import Match, Moves, Similarity, assigned, coordinate_descent

Method = Literal["greedy", "coordinate", "activations"]
METHODS = get_args(Method)
MOST = 10**4  # restarts


@dataclass(frozen=True, eq=False, repr=False)
class Alignment(Summary):
    """A binary network moved by a symmetry (`align`); it computes the same function.

    Attributes
    ----------
    solution : Solution
        The moved solution.
    permutation : tuple of numpy.ndarray of shape (H,), int64
        For each hidden layer: unit h of the moved solution is unit permutation[h] of the original.
    signs : tuple of numpy.ndarray of shape (H,), int8
        For each hidden layer: -1 where the unit was reversed, else +1.
    """

    solution: Solution
    permutation: tuple[NDArray[np.int64], ...]
    signs: tuple[Signs, ...]

    _shown = ("solution", "permutation", "signs")


def align(
    solution: Solution,
    to: Solution,
    method: Method = "greedy",
    data: Dataset | Patterns | None = None,
    *,
    seed: Seed = 0,
    restarts: int = 8,
) -> Alignment:
    """Move a binary network towards a reference by exact symmetries: every prediction stays the same.

    Hidden units are permuted and, where that is exact, reversed; a reversed unit takes its tie along. Filters in front
    of a max-pool, and units in front of fixed output weights, are only permuted. Latents and replicas move along.

    Parameters
    ----------
    solution : Solution
        The solution to move.
    to : Solution
        The reference, of the same network.
    method : {"greedy", "coordinate", "activations"}, default "greedy"
        How units are matched; see Notes.
    data : Dataset or Patterns, optional
        Needed by "activations", else not used.
    seed : int, SeedSequence or Generator, default 0
        Fixes the random starts and orders of "coordinate".
    restarts : int, default 8
        Number of random starts of "coordinate", 0 to 10^4. The first ones of a larger number are those of a smaller.

    Returns
    -------
    Alignment
        ``.solution``, ``.permutation`` and ``.signs``.

    Raises
    ------
    InvalidInputError
        If the networks differ, the method is unknown, data are missing or do not fit, or there are more than 10^4
        restarts.

    Notes
    -----
    Units are assigned to places by `scipy.optimize.linear_sum_assignment`, then each is reversed if it fits better so.

    "greedy" goes layer by layer from the input, by the overlaps of incoming weights (absolute values where units may be
    reversed); outgoing weights go along. Units whose incoming weights are equal, or opposite where they may be
    reversed, are told apart by their outgoing weights: by overlaps in front of the output layer, and elsewhere by the
    products with the outgoing weights of the other units. It is not always the nearest. If it comes nearer without that
    decision, the decision is left out; if it ends farther than it began, the solution stays.

    "coordinate" goes through the layers in random order, again and again until none improves, by the overlaps of
    incoming and outgoing weights. It starts at the identity, at "greedy" and at `restarts` random symmetries, and takes
    the nearest result, the first of equals. It is never farther than its starts; with one hidden layer it is the
    nearest of all.

    "activations" uses the correlations of the units' outputs on `data`, for filters at all positions behind the
    max-pool (absolute values where units may be reversed). Weights are not looked at: units with equal outputs are not
    told apart, units with constant outputs take any place, and the distance may grow.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.1.2, Alg. 2. Ainsworth et al., Git Re-Basin, ICLR
    2023. Li et al., Convergent Learning, 2015.
    """
    check_same(solution, to)
    one_of("method", method, METHODS)
    rng, count = generator(seed, "align"), limited("restarts", restarts, MOST, minimum=0)
    if method == "activations":
        moves = _by_activations(solution, to, data)
    elif method == "coordinate":
        moves = _by_coordinates(solution.network, solution.weights, to.weights, rng.spawn(2 + count))
    else:
        moves = greedy_moves(solution.network, solution.weights, to.weights)
    permutation, signs = [match.permutation for match in moves], [match.signs for match in moves]
    return Alignment(transformed(solution, permutation, signs), tuple(permutation), tuple(signs))


def _by_activations(solution: Solution, to: Solution, data: Dataset | Patterns | None) -> Moves:
    if data is None:
        raise InvalidInputError('method="activations" compares outputs on data, and none are given; give data=...')
    tables = correlations(to, solution, check_fit(to.network, data))
    return [assigned(*matched) for matched in zip(tables, reversible_layers(to.network), strict=True)]


def _by_coordinates(network: Network, weights: Layers, target: Layers, rngs: list[np.random.Generator]) -> Moves:
    """The nearest result of several descents, one for each rng; the first two start at identity and greedy."""
    starts = [staying(network), greedy_moves(network, weights, target), *(_drawn(network, rng) for rng in rngs[2:])]
    similarity, reversible = _overlaps_of_neighbours(network, weights, target), reversible_layers(network)
    ends = [coordinate_descent(start, similarity, reversible, rng) for start, rng in zip(starts, rngs, strict=True)]
    return min(ends, key=lambda moves: distance(all_moved(network, weights, moves), target))


def _overlaps_of_neighbours(network: Network, weights: Layers, target: Layers) -> Similarity:
    """Overlaps of a layer's incoming and outgoing weights with the target's, the neighbouring layers moved."""

    def similarity(moves: Moves, k: int) -> NDArray[np.float64]:
        layers = weights
        for beside in (k - 1, k + 1):
            if 0 <= beside < len(moves):
                layers = moved(network, layers, beside, *moves[beside])
        overlaps = overlaps_of(target[k], layers[k])
        if k + 1 < len(target):
            overlaps += overlaps_of(*(outgoing(network, of, k) for of in (target, layers)))
        return overlaps

    return similarity


def _drawn(network: Network, rng: np.random.Generator) -> Moves:
    """A random symmetry."""
    moves = []
    for (places, signs), reversible in zip(staying(network), reversible_layers(network), strict=True):
        moves.append(Match(rng.permutation(places), random_signs(rng, len(signs)) if reversible else signs))
    return moves
