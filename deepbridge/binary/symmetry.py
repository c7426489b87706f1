"""Removing the exact symmetries of a deep network before two solutions are compared (paper, section 3.1.2)."""

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
    """A solution moved by a symmetry of its network.

    solution: the same function. permutation: per hidden layer (H,) int64, its unit h is unit permutation[h] of the
    original. signs: per hidden layer (H,) int8, -1 where the unit was reversed.
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
    """Move `solution` towards the reference `to` by exact symmetries only: every prediction stays the same.

    Which unit takes which place is found with linear_sum_assignment; each is then reversed if it fits better so. A
    reversed unit takes its tie with it, so that sign(0) does not spoil the symmetry. Filters in front of a max-pool,
    and units of a layer into fixed output weights, are permuted only. Latents and replicas move along.

    "greedy": layer by layer from the input, by the overlaps of the incoming weights (their absolute values where units
    may be reversed); the outgoing weights go along (Alg. 2). Units whose incoming weights are equal, or opposite where
    they may be reversed, as in narrow layers, would fit in either order; among them the outgoing weights decide: their
    overlaps in front of the output layer, and in front of a hidden layer, whose units are still in any order, the
    products that they have with those of the other units. Not always the nearest. Where it ends nearer without that
    decision, it does without, and where it ends farther than it began, the solution stays.

    "coordinate": layer by layer in random order, over and over until none gains, by the overlaps of both the incoming
    and the outgoing weights while all other layers stay (Ainsworth et al. 2022, Git Re-Basin, section 3.2). It takes
    the nearest end of several descents, the first of equals: from no move, from "greedy", and from `restarts` random
    symmetries. Never farther than any of these; with one hidden layer, the nearest of all.

    "activations": by the correlations of the units' outputs on `data`, of a filter at all positions behind its max-pool
    (their absolute values where units may be reversed; Li et al. 2015; Git Re-Basin, section 3.1). Layers do not depend
    on each other, since a unit puts out the same wherever others stand. Weights are not looked at: units with the same
    outputs are not told apart, those with constant outputs take any place, and the distance may grow.

    data: of "activations", else not looked at. seed, restarts: of "coordinate"; more restarts begin with the same ones.
    Raises InvalidInputError if the networks differ, on another method, without data that fit where they are needed, and
    on more than 10^4 restarts.
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
    """rngs: of each descent, the first two of which have a start of their own."""
    starts = [staying(network), greedy_moves(network, weights, target), *(_drawn(network, rng) for rng in rngs[2:])]
    similarity, reversible = _overlaps_of_neighbours(network, weights, target), reversible_layers(network)
    ends = [coordinate_descent(start, similarity, reversible, rng) for start, rng in zip(starts, rngs, strict=True)]
    return min(ends, key=lambda moves: distance(all_moved(network, weights, moves), target))


def _overlaps_of_neighbours(network: Network, weights: Layers, target: Layers) -> Similarity:
    """Overlaps of the incoming and outgoing weights of a layer with the target's, the layers beside it moved."""

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
