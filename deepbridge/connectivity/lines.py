"""The shortest line between two points of a landscape, straight or geodesic."""

from typing import Any

import torch
from torch import Tensor

from binland.checks import positive_int
from binland.rng import Seed
from deepbridge.connectivity.landscape import Landscape
from deepbridge.connectivity.measured import at_places
from deepbridge.connectivity.results import LandscapePath, path_of
from deepbridge.connectivity.run import ends_of
from deepbridge.connectivity.shapes import Polygon

POINTS = 25  # as Ainsworth et al. 2022 take them


def line(
    landscape: Landscape, start: Any, end: Any, points: int = POINTS, seed: Seed = 0, *, alignment: str | None = None
) -> LandscapePath:
    """Losses and errors on the shortest line between two points: straight, or geodesic on a toroid.

    Parameters
    ----------
    landscape : Landscape
        From `deepbridge.landscape`, or a `Function`.
    start, end : ContinuousSolution, Solution or array_like
        The ends; arrays are flat parameters (n,).
    points : int, default 25
        Number of evenly spaced places, both ends included, at least 2.
    seed : int, SeedSequence or Generator, default 0
        Fixes the alignment.
    alignment : {"greedy", "coordinate", "activations"}, optional
        How `end` is aligned to `start` before; None, the default, takes both as they are.

    Returns
    -------
    LandscapePath
        ``.losses``, ``.errors``, ``.barrier``, ``.highest_loss``.

    Raises
    ------
    InvalidInputError
        If the ends do not fit the landscape.

    Examples
    --------
    >>> import deepbridge as db
    >>> well = db.connectivity.Function(lambda x: (x[0] ** 2 - 1) ** 2, size=1)
    >>> db.connectivity.line(well, [-1], [1]).highest_loss
    1.0
    """
    count = positive_int("points", points, minimum=2)
    first, last = ends_of(landscape, start, end, alignment, seed)
    return straight(landscape, first, last, count)


def straight(landscape: Landscape, start: Tensor, end: Tensor, points: int, test: bool = True) -> LandscapePath:
    """The line between two points (n,) as a landscape's `point` gives them."""
    shape = Polygon(torch.stack([start, end]), landscape.geometry)
    return path_of("line", landscape, shape, at_places(landscape, shape, points, test))
