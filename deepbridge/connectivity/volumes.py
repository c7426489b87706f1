"""The volume of the basin around a solution, from the radii at which the loss first exceeds a threshold."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp
from torch import Tensor

from binland.checks import checked_memory, number_between, one_of, positive
from binland.errors import InvalidInputError
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.common.data import limited
from deepbridge.connectivity.filters import filter_norms, filter_scaled, of_entries
from deepbridge.connectivity.landscape import Landscape, check_smooth

START = 2.0**-6  # radius from which the search goes outward, or inward
SMALLEST, LARGEST = 2.0**-40, 2.0**10  # radii beyond which it ends
Radii = NDArray[np.float64]
Above = Callable[[NDArray[np.int64], Radii], NDArray[np.bool_]]  # for some of the directions and their radii


@dataclass(frozen=True, eq=False, repr=False)
class BasinVolume(Summary):
    """The logarithm of the volume of a basin (`basin_volume`).

    Attributes
    ----------
    radii : numpy.ndarray of shape (K,)
        Radius in each direction, in units of the direction, which is about as long as the solution.
    dimension : int
        Number n of parameters that belong to a filter that is not zero.
    threshold : float
        Loss or error at the border of the basin.
    measure : {"loss", "error"}
        What is compared to the threshold.
    tolerance : float
        Relative accuracy of the radii.
    """

    radii: Radii
    dimension: int
    threshold: float
    measure: str
    tolerance: float

    _shown = ("log_volume", "error", "typical", "spread", "effective", "dimension", "threshold", "measure")

    @property
    def log_volume(self) -> float:
        """ln of the volume: ln V(n) + ln mean r^n, V(n) the volume of the unit ball; dominated by the largest radii."""
        return self._ball + float(logsumexp(self._powers)) - math.log(len(self.radii))

    @property
    def error(self) -> float:
        """Jackknife error of `log_volume` over the directions. Too small if `effective` is close to 1."""
        others = [logsumexp(np.delete(self._powers, k)) for k in range(len(self.radii))]
        return float(np.std(others) * math.sqrt(len(others) - 1))

    @property
    def typical(self) -> float:
        """ln V(n) + n mean ln r, the volume at the typical radius: at most `log_volume`, and less noisy."""
        return self._ball + float(self._powers.mean())

    @property
    def spread(self) -> float:
        """Standard deviation of n ln r over the directions (ddof = 1)."""
        return float(self._powers.std(ddof=1))

    @property
    def effective(self) -> float:
        """Number of directions that count in `log_volume`, (sum r^n)^2 / sum r^2n, from 1 to K."""
        return float(np.exp(2 * logsumexp(self._powers) - logsumexp(2 * self._powers)))

    @property
    def _powers(self) -> NDArray[np.float64]:
        return self.dimension * np.log(self.radii)

    @property
    def _ball(self) -> float:
        half = self.dimension / 2
        return half * math.log(math.pi) - float(gammaln(half + 1))


def basin_volume(
    landscape: Landscape,
    solution: Any,
    rise: float = 0.1,
    draws: int = 32,
    measure: str = "loss",
    directions: str = "filter",
    seed: Seed = 0,
    *,
    tolerance: float = 1e-4,
) -> BasinVolume:
    """Log-volume of the basin around a solution, in which the train loss or error stays below a threshold.

    Along each of many random directions, the radius r is searched at which the threshold is first exceeded. The volume
    is that of the unit ball in n dimensions times the mean of r^n.

    Parameters
    ----------
    landscape : Landscape
        Made by `deepbridge.landscape`, or a `Function`.
    solution : ContinuousSolution, Solution or array_like of shape (n,)
        The solution w.
    rise : float, default 0.1
        The threshold is the solution's loss, in nats, or its error, in [0, 1], plus this.
    draws : int, default 32
        Number K of random directions, at least 2.
    measure : {"loss", "error"}, default "loss"
        What is compared to the threshold.
    directions : {"filter", "scale"}, default "filter"
        "filter": normal random numbers, scaled so that every filter has the norm of the solution's (filter
        normalisation). "scale": coordinates in which a filter of norm s with m of the n parameters has unit
        s sqrt(n / m); directions are uniform on the sphere there, so that every filter has the solution's norm on
        average only, and the estimate is that of a volume in these coordinates, exactly. With one filter the two agree.
    seed : int, SeedSequence or Generator, default 0
        Fixes the directions.
    tolerance : float, default 1e-4
        Relative accuracy of the radii; that of the log-volume is n times as large.

    Returns
    -------
    BasinVolume
        ``.log_volume`` with ``.error``, ``.typical``, ``.radii``.

    Raises
    ------
    InvalidInputError
        If an argument is out of range, the solution is zero, or the threshold is nowhere exceeded.

    Notes
    -----
    n counts the parameters in filters that are not zero; others (biases, batch-norm) stay as they are. The way outward
    is looked at in steps of a factor of 2, then halved: a narrow wall between two of these places is not seen.

    The volume does not change if units are permuted (the estimate has other random directions then), or if a layer of
    ReLUs is multiplied by a positive number and the next one divided by it.

    In many dimensions the mean of r^n hangs on the few widest directions: ``.effective`` says how many count. With
    one, the log-volume is a lower bound.

    References
    ----------
    Huang et al., Understanding generalization through visualizations, ICBINB 2020, section 4. Li et al., Visualizing
    the loss landscape of neural nets, NeurIPS 2018, section 4.

    Examples
    --------
    >>> import deepbridge as db, math
    >>> bowl = db.connectivity.Function(lambda x: (x[0] - 1) ** 2 + (x[1] - 1) ** 2, size=2)
    >>> found = db.connectivity.basin_volume(bowl, [1.0, 1.0], rise=0.5)  # a disk of radius sqrt(1/2) = |w| / 2
    >>> abs(found.log_volume - math.log(math.pi / 4)) < 2e-4
    True
    """
    check_smooth(landscape)
    errors = one_of("measure", measure, ("loss", "error")) == "error"
    more = number_between("rise", rise, 0, 1) if errors else positive("rise", rise)
    exactly = number_between("tolerance", tolerance, 1e-9, 0.1)
    point, count = landscape.point(solution), limited("draws", draws, 10**6, minimum=2)
    chosen = one_of("directions", directions, ("filter", "scale"))
    rays, dimension = _rays(landscape, point, count, chosen, generator(seed, "volume"))

    def heights(points: Tensor) -> NDArray[np.float64]:
        values = landscape.values(points)
        if errors and values.errors is None:
            raise InvalidInputError('a function has no error; take measure="loss"')
        return values.losses if values.errors is None or not errors else values.errors

    threshold = float(heights(point[None])[0]) + more + (1e-12 if errors else 0)  # errors are fractions of integers

    def above(rows: NDArray[np.int64], radii: Radii) -> NDArray[np.bool_]:
        return ~(heights(point + torch.from_numpy(radii).to(point)[:, None] * rays[rows]) <= threshold)

    return BasinVolume(first_exits(above, count, exactly), dimension, threshold, measure, exactly)


def _rays(
    landscape: Landscape, point: Tensor, count: int, directions: str, rng: np.random.Generator
) -> tuple[Tensor, int]:
    """Directions (K, n), and the number of parameters in which they differ from zero."""
    checked_memory(f"{count} directions of {landscape.size} parameters", 16 * count * landscape.size)
    norms = filter_norms(landscape, point[None])
    inside = of_entries(landscape, norms)[0] > 0
    dimension = int(inside.sum())
    if dimension == 0:
        raise InvalidInputError("all filters of the solution are zero, so directions cannot be scaled to them")
    drawn = torch.from_numpy(rng.standard_normal((count, landscape.size))).to(point)
    if directions == "filter":
        return filter_scaled(landscape, drawn, point), dimension
    sizes = filter_norms(landscape, inside[None].to(point)).clamp_min(1)
    units = of_entries(landscape, norms / sizes)[0].to(point) * math.sqrt(dimension)
    return torch.nn.functional.normalize(drawn * inside, dim=1) * units, dimension


def first_exits(above: Above, count: int, tolerance: float) -> Radii:
    """Radii (count,) of the first places above a threshold, by doubling or halving and then bisection of logarithms."""
    every, high = np.arange(count), np.full(count, START)
    over = above(every, high)
    inward, outward = every[over], every[~over]
    while len(outward):
        high[outward] *= 2
        if high[outward[0]] > LARGEST:
            raise InvalidInputError(f"the threshold is not exceeded up to radius {LARGEST:g}; choose a smaller rise")
        outward = outward[~above(outward, high[outward])]
    while len(inward):
        if high[inward[0]] < SMALLEST:
            raise InvalidInputError("the threshold is exceeded at once; choose a larger rise")
        inward = inward[above(inward, high[inward] / 2)]
        high[inward] /= 2
    low = high / 2
    for _ in range(math.ceil(math.log2(math.log(2) / tolerance))):
        middle = np.sqrt(low * high)
        over = above(every, middle)
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return np.sqrt(low * high)
