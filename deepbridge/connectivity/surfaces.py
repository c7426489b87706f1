"""Losses and errors on lines and planes through weight space: around a solution, or through several."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import checked_memory, one_of, positive, true_or_false
from binland.errors import InvalidInputError, shown
from binland.geometry import FLAT, gram_schmidt
from binland.rng import Seed
from deepbridge.common.data import limited
from deepbridge.connectivity.directions import random_directions
from deepbridge.connectivity.frames import Frame, Projections, frame_of
from deepbridge.connectivity.grids import Surface
from deepbridge.connectivity.landscape import Landscape, check_landscape
from deepbridge.connectivity.run import all_of, run_job
from deepbridge.connectivity.scans import Scan, SurfaceCost, cost

POINTS, POINTS_OF_PLANE = 25, 31
MOST_POINTS = 10_000  # along an axis
Number = TypeVar("Number", int, float)


def surface(
    landscape: Landscape,
    solution: Any,
    directions: Any = None,
    points: int | Sequence[int] = POINTS,
    extent: float | Sequence[float] = 1.0,
    *,
    solutions: Sequence[Any] = (),
    trajectory: Sequence[Any] | None = None,
    test: bool = True,
    seed: Seed = 0,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
) -> Surface:
    """Losses and errors around a solution, on a line or in a plane of given or random directions.

    The point with coordinates (x, y) is solution + x * first direction + y * second direction.

    Parameters
    ----------
    landscape : Landscape
        From `deepbridge.landscape`, or a `Function`.
    solution : ContinuousSolution, Solution or array_like
        The point in the middle; an array has flat parameters (n,).
    directions : array_like of shape (n,), (1, n) or (2, n), optional
        One direction gives a line, two give a plane; they need not be orthonormal. By default two of
        `random_directions`, normalised by filters.
    points : int or sequence of int, default 25
        Grid points along each direction, 2 to 10 000. If the number is odd, the solution is one of them.
    extent : float or sequence of float, default 1.0
        The grid goes from -extent to extent along each direction, in units of it. Random directions are about as long
        as the solution, so that 1 is far: a step of 1 is as large as the weights.
    solutions : sequence, default ()
        More solutions to mark, projected orthogonally into the line or plane.
    trajectory : sequence, optional
        Points of a training, in order, to mark in the same way. The directions of `pca_directions` suit it.
    test : bool, default True
        Whether values on test data are computed as well, if the landscape has any.
    seed : int, SeedSequence or Generator, default 0
        Fixes random directions.
    checkpoint : str or pathlib.Path, optional
        File from which the same call goes on after an interruption.
    checkpoint_seconds : float, default 300.0
        How often it is written, in seconds, after whole chunks of points.
    progress : bool, default True
        Whether to show a bar, with the time that remains, on a terminal or in a notebook.

    Returns
    -------
    Surface
        ``.losses``, ``.errors``, ``.test_losses``, ``.test_errors``, ``.x``, ``.y``, ``.solutions``, ``.trajectory``.

    Raises
    ------
    InvalidInputError
        If solutions do not fit the landscape, directions are zero or parallel, or an argument is out of range.
    StoreError
        If a checkpoint is damaged or cannot be written.

    Notes
    -----
    Batch-norm statistics are estimated anew at every grid point. Many points are evaluated together, so that the data
    go through a network's first layer three times for each chunk of points, not once for each point. A surface that
    takes more than two seconds is announced in the log "deepbridge" with its estimated time, after its first 16 to 32
    points; `surface_cost` estimates it without making the surface.

    On a landscape with ``geometry="toroid"`` solutions are normalised, and the plane is straight all the same: it
    leaves the spheres, and its points are the networks of these parameters, not brought back onto the spheres.

    A surface shows one plane of very many directions. What looks convex there need not be.

    References
    ----------
    Li et al., Visualizing the Loss Landscape of Neural Nets, NeurIPS 2018, sections 3 and 4; Goodfellow, Vinyals and
    Saxe, Qualitatively characterizing neural network optimization problems, ICLR 2015.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: (x**2).sum(), size=2)
    >>> surface = db.connectivity.surface(bowl, [0, 0], [[1, 0], [0, 2]], points=3)
    >>> surface.losses.tolist()
    [[5.0, 4.0, 5.0], [1.0, 0.0, 1.0], [5.0, 4.0, 5.0]]
    """
    frame, axes = _around(landscape, solution, directions, points, extent, seed)
    marks = [solution, *_listed("solutions", solutions)]
    scan = _scan(landscape, frame, axes, test)
    marked = _marked(landscape, frame, marks), _trajectory(landscape, frame, trajectory)
    run_job(scan, landscape, checkpoint, checkpoint_seconds, {}, progress)
    return _surface(landscape, frame, axes, scan, "directions", *marked)


def surface_cost(
    landscape: Landscape,
    solution: Any,
    directions: Any = None,
    points: int | Sequence[int] = POINTS,
    extent: float | Sequence[float] = 1.0,
    *,
    test: bool = True,
    seed: Seed = 0,
) -> SurfaceCost:
    """Time and memory that `surface` would take with the same arguments, from evaluating 12 to 32 points.

    Parameters
    ----------
    landscape, solution, directions, points, extent, test, seed
        As in `surface`.

    Returns
    -------
    SurfaceCost
        ``.seconds`` and ``.memory`` in bytes.

    Raises
    ------
    InvalidInputError
        As `surface`.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: (x**2).sum(), size=2)
    >>> db.connectivity.surface_cost(bowl, [0, 0], [[1, 0], [0, 2]], points=51).points
    2601
    """
    frame, axes = _around(landscape, solution, directions, points, extent, seed)
    return cost(landscape, frame.corners(landscape), _shares(axes), true_or_false("test", test))


def plane_through(
    landscape: Landscape,
    solutions: Sequence[Any],
    points: int | Sequence[int] = POINTS_OF_PLANE,
    margin: float = 0.2,
    *,
    fit: str = "first three",
    alignment: str | None = None,
    trajectory: Sequence[Any] | None = None,
    test: bool = True,
    seed: Seed = 0,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 300.0,
    progress: bool = True,
) -> Surface:
    """Losses and errors in a plane through three solutions, or near more of them.

    Coordinates are Euclidean lengths: the first solution is the origin, the second lies on the x axis, and the third
    has y > 0. Solutions outside of the plane are projected into it, with their projection errors in ``.solutions``.

    Parameters
    ----------
    landscape : Landscape
        From `deepbridge.landscape`, or a `Function`.
    solutions : sequence of ContinuousSolution, Solution or array_like
        Three or more; arrays have flat parameters (n,).
    points : int or sequence of int, default 31
        Grid points along each axis, 2 to 10 000.
    margin : float, default 0.2
        How far the grid goes beyond all solutions, as a fraction of their extent, 0 or more.
    fit : {"first three", "best"}, default "first three"
        "first three": the plane through them. "best": the plane for which the sum of all squared projection errors is
        least (principal components); the origin is then where the first solution is projected to.
    alignment : {"greedy", "coordinate", "activations"}, optional
        How all solutions but the first are aligned to it before; None, the default, takes them as they are.
    trajectory, test, seed, checkpoint, checkpoint_seconds, progress
        As in `surface`; seed is that of the alignment.

    Returns
    -------
    Surface
        As `surface` gives, of kind "plane".

    Raises
    ------
    InvalidInputError
        If solutions do not fit, there are fewer than three, or they lie on one line.
    StoreError
        If a checkpoint is damaged or cannot be written.

    Notes
    -----
    Points of the plane are not brought back onto the spheres of a toroid, as in `surface`. `deepbridge.plane` gives the
    same values for three networks without a landscape.

    References
    ----------
    Garipov et al., Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs, NeurIPS 2018, appendix; Pittorino et
    al., Deep Networks on Toroids, ICML 2022, section 4.2.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: (x**2).sum(), size=3)
    >>> plane = db.connectivity.plane_through(bowl, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], points=3)
    >>> plane.solutions.distances.round(6).tolist()
    [0.0, 0.0, 0.0, 0.57735]
    """
    check_landscape(landscape)
    listed = _listed("solutions", solutions)
    if len(listed) < 3:
        raise InvalidInputError(f"{len(listed)} solutions span no plane; give three or more")
    beyond = positive("margin", margin, zero=True)
    best = one_of("fit", fit, ("first three", "best")) == "best"
    rows = all_of(landscape, listed, alignment, seed)
    frame = _best(rows) if best else _through(rows)
    marks = frame.projected(rows, torch.stack(rows).mean(0, dtype=torch.float64).cpu().numpy() if best else None)
    low, high = marks.coordinates.min(0), marks.coordinates.max(0)
    pad = beyond * (high - low)
    counts = _two("points", points, 2, _count)
    axes = [np.linspace(low[k] - pad[k], high[k] + pad[k], counts[k]) for k in (0, 1)]
    scan = _scan(landscape, frame, axes, test)
    marked = marks, _trajectory(landscape, frame, trajectory)
    run_job(scan, landscape, checkpoint, checkpoint_seconds, {}, progress)
    return _surface(landscape, frame, axes, scan, "plane", *marked)


def _around(
    landscape: Landscape, solution: Any, directions: Any, points: Any, extent: Any, seed: Seed
) -> tuple[Frame, list[NDArray[np.float64]]]:
    """Frame at a solution, and symmetric coordinates along every direction."""
    check_landscape(landscape)
    chosen = directions
    if directions is None:
        chosen = random_directions(landscape, solution, min(2, landscape.size), seed=seed)
    frame = frame_of(landscape, landscape.point(solution), chosen)
    counts = _two("points", points, len(frame.directions), _count)
    extents = _two("extent", extent, len(frame.directions), positive)
    return frame, [symmetric(count, size) for count, size in zip(counts, extents, strict=True)]


def symmetric(count: int, extent: float) -> NDArray[np.float64]:
    """Evenly spaced numbers from -extent to extent, exactly symmetric, so that the middle one is exactly 0."""
    return extent * np.arange(1 - count, count, 2) / (count - 1)


def _count(name: str, value: object) -> int:
    return limited(name, value, MOST_POINTS, minimum=2)


def _two(name: str, given: Any, count: int, checked: Callable[[str, object], Number]) -> list[Number]:
    """One number for all axes, or one for each, checked."""
    several = isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, str)
    listed = list(given) if several else [given] * count
    if len(listed) != count:
        raise InvalidInputError(f"{name}={shown(given)}: give one number, or one for each of the {count} directions")
    return [checked(name, value) for value in listed]


def _listed(name: str, given: Any) -> list[Any]:
    if isinstance(given, str) or not isinstance(given, (Sequence, np.ndarray)):
        raise InvalidInputError(f"{name}={shown(given)} is not a list of solutions")
    return list(given)


def _marked(landscape: Landscape, frame: Frame, solutions: list[Any]) -> Projections:
    """Where solutions are projected to."""
    return frame.projected(landscape.point(one) for one in solutions)


def _trajectory(landscape: Landscape, frame: Frame, trajectory: Any) -> Projections | None:
    return None if trajectory is None else _marked(landscape, frame, _listed("trajectory", trajectory))


def _shares(axes: list[NDArray[np.float64]]) -> Tensor:
    """Coefficients (T, 1 + K) of origin and directions at all grid points, x changing fastest."""
    checked_memory("points of the surface", 80.0 * math.prod(len(axis) for axis in axes))
    places = np.meshgrid(*axes[::-1], indexing="ij")[::-1]
    return torch.from_numpy(np.stack([np.ones(places[0].size), *(place.ravel() for place in places)], axis=1))


def _scan(landscape: Landscape, frame: Frame, axes: list[NDArray[np.float64]], test: bool) -> Scan:
    return Scan(landscape, frame.corners(landscape), _shares(axes), true_or_false("test", test))


def _surface(
    landscape: Landscape,
    frame: Frame,
    axes: list[NDArray[np.float64]],
    scan: Scan,
    kind: str,
    solutions: Projections,
    trajectory: Projections | None,
) -> Surface:
    """The result of a finished scan."""
    shape = tuple(len(axis) for axis in axes[::-1])
    losses, counts, test_losses, test_errors = (
        None if column is None else column.reshape(shape) for column in map(scan.column, range(4))
    )
    assert losses is not None
    return Surface(
        losses, None if counts is None else counts.astype(np.int64), landscape.n_patterns, axes[0],
        axes[1] if len(axes) == 2 else None, test_losses, test_errors, frame.origin, frame.directions, solutions,
        trajectory, kind, scan.evaluations, landscape,
    )  # fmt: skip


def _through(rows: list[Tensor]) -> Frame:
    """Orthonormal frame of the plane through the first three points."""
    first, second, third = (row.double().cpu().numpy() for row in rows[:3])
    _, axes = gram_schmidt(second - first, third - first)
    return Frame(first, axes)


def _best(rows: list[Tensor]) -> Frame:
    """Orthonormal frame of the plane with the smallest squared distances: origin and x axis by the first two points."""
    points = np.stack([row.double().cpu().numpy() for row in rows])
    middle = points.mean(0)
    _, sizes, axes = np.linalg.svd(points - middle, full_matrices=False)
    places = (points - middle) @ axes[:2].T
    along = places[1] - places[0]
    length = np.linalg.norm(along)
    if not (sizes[1] > FLAT * sizes[0] and length > FLAT * sizes[0]):
        raise InvalidInputError("solutions lie on one line, or the first two fall together; take different ones")
    e1 = along / length
    e2 = np.array([-e1[1], e1[0]])
    e2 *= -1 if (places[2] - places[0]) @ e2 < 0 else 1
    return Frame(middle + places[0] @ axes[:2], np.stack([e1, e2]) @ axes[:2])
