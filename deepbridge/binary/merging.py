"""One network out of several: a majority of their weights, after their symmetries are removed."""

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
    """The network whose latents are the mean of those of the solutions, and whose weights are the signs of the mean.

    The solutions, at least two of one network, are aligned to the first one; then each in turn, in random order, to the
    mean of the others, as long as this makes the mean of all larger, at most 20 times (MergeMany of Ainsworth et al.
    2022, Git Re-Basin; its rounds end when nothing changes, which +-1 weights hardly reach). All solutions count alike:
    latents are scaled to a root mean square of 1 each. If one has none, weights stand for the latents of all, and the
    mean is a vote. Ties are a vote, too; sign(0) = +1.

    align: method of `align`, which says what data and seed are; None: the solutions are merged as they are. Raises
    InvalidInputError on fewer than two solutions, if their networks differ, and as `align` does.
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
    """At least two solutions of one network, as a list."""
    if not isinstance(solutions, (list, tuple)) or len(solutions) < 2:
        raise InvalidInputError(f"solutions={shown(solutions)} are not a list of at least two solutions")
    for one in solutions:
        check_same(solutions[0], one)
    return list(solutions)


def _centre(solutions: list[Solution]) -> Solution:
    """The network of the mean, with a vote of the ties."""
    means = _mean(solutions)
    weights = [as_signs(mean) for mean in means]
    latents = [turned(np.abs(mean).astype(np.float32), signs) for mean, signs in zip(means, weights, strict=True)]
    ties = [as_signs(np.sum(layer, axis=0)) for layer in zip(*(one.ties for one in solutions), strict=True)]
    return Solution(solutions[0].network, tuple(weights), tuple(latents), tuple(ties))


def _mean(solutions: list[Solution]) -> Layers:
    return tuple(np.mean(layer, axis=0) for layer in zip(*_latents(solutions), strict=True))


def _latents(solutions: list[Solution]) -> list[Layers]:
    """Of each solution, or the weights of each where one has none."""
    latents = [one.latents for one in solutions if one.latents is not None]
    if len(latents) < len(solutions):
        return [one.weights for one in solutions]
    return [_scaled(layers) for layers in latents]


def _scaled(latents: Layers) -> Layers:
    """At a size of 1."""
    size = _size(latents) or 1.0
    return tuple(layer.astype(np.float64) / size for layer in latents)


def _size(latents: Layers) -> float:
    """Root mean square of all layers together."""
    squares = sum(float(np.sum(layer.astype(np.float64) ** 2)) for layer in latents)
    return math.sqrt(squares / sum(layer.size for layer in latents))
