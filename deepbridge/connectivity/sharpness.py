"""Sharpness: how much the loss rises at the worst place near a solution, in a ball (SAM) or in a box (Keskar)."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import Bounds, minimize
from torch import Tensor

from binland.checks import positive, positive_int, true_or_false
from binland.errors import InvalidInputError
from binland.rng import Seed, generator
from deepbridge.common.data import limited
from deepbridge.connectivity.landscape import Landscape, check_smooth

LARGEST = 2**26  # entries of points that are moved together
MOST = 10**6
ETA = 0.01  # added to |w| in ASAM, as its authors do


def sam_sharpness(
    landscape: Landscape,
    solution: Any,
    rho: float = 0.05,
    steps: int = 1,
    batch_size: int | None = None,
    adaptive: bool = False,
    seed: Seed = 0,
) -> float:
    """How much the train loss rises at the worst place in a ball around a solution, by gradient ascent.

    max L(w + e) - L(w) over \\|e\\| <= rho: the quantity that sharpness-aware minimisation keeps small.

    Parameters
    ----------
    landscape : Landscape
        Made by `deepbridge.landscape`, or a `Function`.
    solution : ContinuousSolution, Solution or array_like of shape (n,)
        The solution w.
    rho : float, default 0.05
        Radius of the ball, in the unit of the parameters; if adaptive, of relative changes.
    steps : int, default 1
        Number of steps of length rho, each along the gradient and back into the ball. One step is the estimate of Foret
        et al.; with more, the highest loss on the way counts, so it is a lower bound of the maximum.
    batch_size : int, optional
        Mean over mini-batches of so many train patterns, each with a worst place of its own (m-sharpness); by default
        all train data at once.
    adaptive : bool, default False
        The ball of ASAM: e_i is measured in units of \\|w_i\\| + 0.01.
    seed : int, SeedSequence or Generator, default 0
        Fixes the mini-batches, and a direction where the gradient is exactly zero.

    Returns
    -------
    float
        The rise of the loss in nats, never negative with two steps or more.

    Raises
    ------
    InvalidInputError
        If an argument is out of range.

    Notes
    -----
    Losses are those of `Landscape.gradients`: batch-norm uses the statistics of the patterns at hand, as in training.

    References
    ----------
    Foret et al., Sharpness-aware minimization, ICLR 2021, equation 2 and section 4.1. Kwon et al., ASAM, ICML 2021,
    equations 6 to 8.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: x[0] ** 2 + 3 * x[1] ** 2, size=2)
    >>> rise = db.connectivity.sam_sharpness(bowl, [0.0, 0.0], rho=0.5, steps=30)
    >>> round(rise, 6)
    0.75
    """
    check_smooth(landscape)
    radius, count = positive("rho", rho), limited("steps", steps, MOST)
    point, rng = landscape.point(solution), generator(seed, "sam")
    unit = point.abs() + ETA if true_or_false("adaptive", adaptive) else torch.ones_like(point)
    total = 0.0
    for batch in _batches(landscape, batch_size, rng):
        rises = _ascent(landscape, point, unit, batch, radius, count, rng)
        total += float(rises.mean()) * (1.0 if batch is None else batch.numel() / landscape.n_patterns)
    return total


def _batches(landscape: Landscape, size: int | None, rng: np.random.Generator) -> list[Tensor | None]:
    """Mini-batches of all patterns in random order, in groups (T, B) that are moved together; [None] for all data."""
    n = landscape.n_patterns
    if size is None or positive_int("batch_size", size) >= n:
        return [None]
    order, full = torch.from_numpy(rng.permutation(n)), n // size * size
    groups = order[:full].view(-1, size).split(max(1, LARGEST // landscape.size))
    return [*groups, *([order[None, full:]] if full < n else [])]


def _ascent(
    landscape: Landscape,
    point: Tensor,
    unit: Tensor,
    batch: Tensor | None,
    radius: float,
    steps: int,
    rng: np.random.Generator,
) -> Tensor:
    """Rises (T,) of the losses of all mini-batches: after one step, or the highest of several."""
    moved = point.new_zeros(1 if batch is None else len(batch), len(point))
    first, slopes = landscape.gradients(point + moved, batch)
    highest = first
    for _ in range(steps):
        moved = _in_ball(moved + radius * _directions(slopes * unit, rng), radius)
        losses, slopes = landscape.gradients(point + unit * moved, batch)
        highest = losses if steps == 1 else torch.maximum(highest, losses)
    return (highest.double() - first.double()).cpu()


def _directions(slopes: Tensor, rng: np.random.Generator) -> Tensor:
    """Slopes (T, n) at norm 1; where they are zero random directions."""
    zero = (slopes == 0).all(1, keepdim=True)
    if zero.any():
        drawn = torch.from_numpy(rng.standard_normal(slopes.shape)).to(slopes)
        slopes = torch.where(zero, drawn, slopes)
    return torch.nn.functional.normalize(slopes, dim=1, eps=torch.finfo(slopes.dtype).tiny)


def _in_ball(rows: Tensor, radius: float) -> Tensor:
    """Rows that are longer than the radius, at the radius."""
    norms = rows.norm(dim=1, keepdim=True)
    return torch.where(norms > radius, rows * (radius / norms), rows)


def keskar_sharpness(
    landscape: Landscape, solution: Any, epsilon: float = 1e-3, iterations: int = 10, seed: Seed = 0
) -> float:
    """How much the train loss rises at the worst place in a box around a solution, in percent of 1 + loss.

    100 (max L(w + e) - L(w)) / (1 + L(w)) over all e with \\|e_i\\| <= epsilon (\\|w_i\\| + 1).

    Parameters
    ----------
    landscape : Landscape
        Made by `deepbridge.landscape`, or a `Function` whose value at the solution is not negative.
    solution : ContinuousSolution, Solution or array_like of shape (n,)
        The solution w.
    epsilon : float, default 1e-3
        Size of the box; 1e-3 and 5e-4 in the paper.
    iterations : int, default 10
        Iterations of L-BFGS-B, which looks for the maximum; 10 in the paper. It starts at the corner of the box to
        which the gradient points, and the highest loss on its way counts: the result is a lower bound.
    seed : int, SeedSequence or Generator, default 0
        Fixes the signs of that corner where the gradient is exactly zero.

    Returns
    -------
    float
        Percent, never negative.

    Raises
    ------
    InvalidInputError
        If an argument is out of range, the loss is negative, or the network binary.

    References
    ----------
    Keskar et al., On large-batch training for deep learning, ICLR 2017, metric 2.1 with A the identity.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: x[0] ** 2 + 3 * x[1] ** 2, size=2)
    >>> round(db.connectivity.keskar_sharpness(bowl, [0.0, 0.0], epsilon=0.5), 6)
    100.0
    """
    check_smooth(landscape)
    size, most = positive("epsilon", epsilon), limited("iterations", iterations, MOST)
    point = landscape.point(solution)
    side = len(point) ** -0.5  # of the box for the search, whose first step has length 1
    box = size / side * (point.abs() + 1)
    losses, slopes = landscape.gradients(point[None])
    highest = first = float(losses)
    if first < 0:
        raise InvalidInputError(f"the loss is {first:g}, and Keskar's sharpness is for losses that are not negative")
    drawn = torch.from_numpy(generator(seed, "keskar").standard_normal(len(point))).to(point)
    corner = torch.where(slopes[0] == 0, drawn, slopes[0]).sign().double().cpu().numpy() * side

    def fallen(share: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        nonlocal highest
        losses, slopes = landscape.gradients((point + box * torch.from_numpy(share).to(point))[None])
        highest = max(highest, float(losses))
        return -float(losses), -(slopes[0] * box).double().cpu().numpy()

    options = {"maxiter": most, "ftol": 0.0, "gtol": 0.0}  # the scale of the loss is not known
    minimize(fallen, corner, jac=True, method="L-BFGS-B", bounds=Bounds(-side, side), options=options)
    return 100 * (highest - first) / (1 + first)
