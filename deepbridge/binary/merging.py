"""`merge` of binary networks: a majority vote of their weights after alignment."""

import math
from collections.abc import Sequence

import numpy as np

from binland.bits import as_signs, turned
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.rng import Seed, generator
from deepbridge.binary import symmetry
from deepbridge.binary.moves import Layers
from deepbridge.binary.solutions import Solution, check_same
from deepbridge.binary.symmetry import METHODS, Method
from deepbridge.common.data import Dataset
from deepbridge.common.matching import GAIN

ROUNDS = 20  # over all solutions, at most


def merge(
    solutions: Sequence[Solution],
    align: Method | None = "coordinate",
    data: Dataset | Patterns | None = None,
    *,
    seed: Seed = 0,
) -> Solution:
    """One binary network from several: the signs of their mean latents, after alignment.

    Solutions are aligned to the first one; then each in turn, in random order, to the mean of the others, as long as
    the mean of all grows, at most 20 rounds. All count alike: latents are scaled to root mean square 1. If a solution
    has no latents, the weights of all are used instead, and the mean is a vote. Ties are voted on, too; sign(0) = +1.

    Parameters
    ----------
    solutions : list or tuple of Solution
        At least two, of the same network.
    align : {"coordinate", "greedy", "activations"} or None, default "coordinate"
        Method of `align`; None if they are aligned already.
    data : Dataset or Patterns, optional
        Needed by align="activations".
    seed : int, SeedSequence or Generator, default 0
        Fixes orders and random starts.

    Returns
    -------
    Solution
        The merged network, with latents.

    Raises
    ------
    InvalidInputError
        If there are fewer than two solutions, their networks differ, or as `align`.

    References
    ----------
    MergeMany of Ainsworth et al., Git Re-Basin, ICLR 2023, whose rounds end when nothing changes; signs rarely get
    there.
    """
    moved, rng = _checked(solutions), generator(seed, "merge")
    if align is None:
        return _centre(moved)
    if not isinstance(align, str) or align not in METHODS:
        raise InvalidInputError(f"align={shown(align)} is not one of {', '.join(map(repr, METHODS))}, nor None")

    def aligned(solution: Solution, to: Solution) -> Solution:
        return symmetry.align(solution, to, align, data, seed=rng).solution

    moved = [aligned(one, moved[0]) for one in moved]
    for _ in range(ROUNDS):
        closer = list(moved)
        for k in rng.permutation(len(closer)):
            closer[k] = aligned(closer[k], _centre(closer[:k] + closer[k + 1 :]))
        if _size(_mean(closer)) <= (1 + GAIN) * _size(_mean(moved)):
            break
        moved = closer
    return _centre(moved)


def _checked(solutions: Sequence[Solution]) -> list[Solution]:
    """The solutions as a list; raises InvalidInputError unless there are at least two, of one network."""
    if not isinstance(solutions, (list, tuple)) or len(solutions) < 2:
        raise InvalidInputError(f"solutions={shown(solutions)} are not a list of at least two solutions")
    for one in solutions:
        check_same(solutions[0], one)
    return list(solutions)


def _centre(solutions: list[Solution]) -> Solution:
    """The network of the mean latents, with voted ties."""
    means = _mean(solutions)
    weights = [as_signs(mean) for mean in means]
    latents = [turned(np.abs(mean).astype(np.float32), signs) for mean, signs in zip(means, weights, strict=True)]
    ties = [as_signs(np.sum(layer, axis=0)) for layer in zip(*(one.ties for one in solutions), strict=True)]
    return Solution(solutions[0].network, tuple(weights), tuple(latents), tuple(ties))


def _mean(solutions: list[Solution]) -> Layers:
    return tuple(np.mean(layer, axis=0) for layer in zip(*_latents(solutions), strict=True))


def _latents(solutions: list[Solution]) -> list[Layers]:
    """Scaled latents of each solution; the weights of all if one has no latents."""
    latents = [one.latents for one in solutions if one.latents is not None]
    if len(latents) < len(solutions):
        return [one.weights for one in solutions]
    return [_scaled(layers) for layers in latents]


def _scaled(latents: Layers) -> Layers:
    """Latents scaled to root mean square 1."""
    size = _size(latents) or 1.0
    return tuple(layer.astype(np.float64) / size for layer in latents)


def _size(latents: Layers) -> float:
    """Root mean square of all layers together."""
    squares = sum(float(np.sum(layer.astype(np.float64) ** 2)) for layer in latents)
    return math.sqrt(squares / sum(layer.size for layer in latents))
