"""Whether a measure of flatness goes with the test error: rank correlations over many solutions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from binland.checks import number_between, one_of, real_array
from binland.errors import InvalidInputError, shown
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.common.data import limited

COEFFICIENTS: dict[str, Callable[..., Any]] = {"kendall": kendalltau, "spearman": spearmanr}


@dataclass(frozen=True, eq=False, repr=False)
class RankCorrelation(Summary):
    """A rank correlation with its uncertainty (`rank_correlation`).

    Attributes
    ----------
    value : float
        The coefficient, in [-1, 1].
    p_value : float
        Probability of one at least as large in size, if the two are independent.
    interval : tuple of (float, float)
        Bootstrap interval for the coefficient.
    method : {"kendall", "spearman"}
        The coefficient.
    count : int
        Number of solutions.
    """

    value: float
    p_value: float
    interval: tuple[float, float]
    method: str
    count: int

    _shown = ("value", "interval", "p_value", "method", "count")


def rank_correlation(
    values: Any,
    test_errors: Any,
    method: str = "kendall",
    seed: Seed = 0,
    *,
    draws: int = 1000,
    confidence: float = 0.95,
) -> RankCorrelation:
    """The rank correlation of a measure with test errors over several solutions.

    Parameters
    ----------
    values : array_like of shape (T,)
        The measure of each solution, T at least 3.
    test_errors : array_like of shape (T,)
        Test errors, or gaps between test and train error.
    method : {"kendall", "spearman"}, default "kendall"
        Kendall's tau-b or Spearman's rho.
    seed : int, SeedSequence or Generator, default 0
        Fixes the bootstrap.
    draws : int, default 1000
        Number of bootstrap samples of the solutions.
    confidence : float, default 0.95
        Share of the bootstrap samples inside of the interval.

    Returns
    -------
    RankCorrelation
        ``.value``, ``.p_value``, ``.interval``.

    Raises
    ------
    InvalidInputError
        If there are fewer than three solutions, the lengths differ, or all numbers of one are equal.

    Notes
    -----
    The interval is that between quantiles of the bootstrap samples; samples in which all numbers are equal are left
    out. It treats solutions as independent draws, which those of one training are not. With less than about ten
    solutions it is too short, and of length 0 if their ranks are the same in both.

    References
    ----------
    Kendall, Biometrika 30, 81 (1938). Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Examples
    --------
    >>> import deepbridge as db
    >>> round(db.connectivity.rank_correlation([1, 2, 3, 4, 5], [0.1, 0.2, 0.3, 0.5, 0.4]).value, 6)
    0.8
    """
    x, y = _pair(values, test_errors, 3)
    coefficient = COEFFICIENTS[one_of("method", method, tuple(COEFFICIENTS))]
    for name, numbers in (("values", x), ("test_errors", y)):
        if (numbers == numbers[0]).all():
            raise InvalidInputError(f"all {name} are {numbers[0]:g}; they have no ranks")
    tail = (1 - number_between("confidence", confidence, 0.01, 0.9999)) / 2
    rng, found = generator(seed, "correlation"), coefficient(x, y)
    samples = []
    for _ in range(limited("draws", draws, 10**6)):
        rows = rng.integers(len(x), size=len(x))
        a, b = x[rows], y[rows]
        if (a != a[0]).any() and (b != b[0]).any():
            samples.append(float(coefficient(a, b).statistic))
    low, high = np.quantile(samples, [tail, 1 - tail]).tolist() if samples else (-1.0, 1.0)
    return RankCorrelation(float(found.statistic), float(found.pvalue), (low, high), method, len(x))


def _pair(values: Any, others: Any, least: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two rows of finite numbers of equal length; raises InvalidInputError otherwise."""
    x, y = (np.atleast_1d(real_array(n, v)).astype(np.float64) for n, v in (("values", values), ("errors", others)))
    if x.ndim != 1 or x.shape != y.shape or len(x) < least:
        raise InvalidInputError(
            f"shapes {x.shape} and {y.shape} are not two rows of at least {least} numbers, one each"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InvalidInputError("values or errors are not all finite; leave out solutions without a number")
    return x, y


@dataclass(frozen=True, eq=False, repr=False)
class GranulatedKendall(Summary):
    """Kendall's coefficient within groups in which one hyperparameter varies (`granulated_kendall`).

    Attributes
    ----------
    axes : numpy.ndarray of shape (A,)
        Mean coefficient over the groups of each hyperparameter; nan where none varies alone.
    groups : numpy.ndarray of shape (A,), int64
        Number of groups of each.
    """

    axes: NDArray[np.float64]
    groups: NDArray[np.int64]

    _shown = ("value", "axes", "groups")

    @property
    def value(self) -> float:
        """Mean of `axes`, without those that are nan."""
        return float(np.nanmean(self.axes))


def granulated_kendall(values: Any, gaps: Any, hyperparameters: Sequence[Sequence[Any]]) -> GranulatedKendall:
    """The granulated Kendall coefficient: does a measure rank networks that differ in one hyperparameter only?

    A measure that only follows one hyperparameter, such as the width, correlates with the gap over all networks, but
    not within groups in which that one is fixed.

    Parameters
    ----------
    values : array_like of shape (T,)
        The measure of each network.
    gaps : array_like of shape (T,)
        Generalisation gaps, or test errors.
    hyperparameters : sequence of T sequences
        The A hyperparameters of each network: numbers or words.

    Returns
    -------
    GranulatedKendall
        ``.value``, the mean over hyperparameters, and ``.axes``.

    Raises
    ------
    InvalidInputError
        If lengths differ, or no two networks differ in a single hyperparameter.

    Notes
    -----
    Within a group, the coefficient is the mean of sign(difference of values) sign(difference of gaps) over all pairs
    that differ in the hyperparameter, in which ties count 0 (tau-a), as in the paper; networks that differ in the seed
    only are no pair. A hyperparameter's coefficient is the mean over its groups.

    References
    ----------
    Jiang et al., Fantastic generalization measures and where to find them, ICLR 2020, equations 4 and 5.

    Examples
    --------
    >>> import deepbridge as db
    >>> width, rate = [1, 1, 2, 2], [0.1, 0.2, 0.1, 0.2]
    >>> found = db.connectivity.granulated_kendall([1, 2, 3, 4], [2, 1, 4, 3], list(zip(width, rate)))
    >>> found.axes.tolist(), found.value
    ([1.0, -1.0], 0.0)
    """
    x, y = _pair(values, gaps, 2)
    listed = isinstance(hyperparameters, (list, tuple, np.ndarray))
    rows = [tuple(one) for one in hyperparameters if isinstance(one, (list, tuple, np.ndarray))] if listed else []
    if len(rows) != len(x) or len({len(row) for row in rows}) != 1:
        raise InvalidInputError(
            f"{shown(hyperparameters)} is not one row of hyperparameters for each of {len(x)} networks"
        )
    found = [_of_axis(x, y, rows, axis) for axis in range(len(rows[0]))]
    if not any(found):
        raise InvalidInputError("no two networks differ in a single hyperparameter")
    axes = np.array([np.mean(one) if one else np.nan for one in found])
    return GranulatedKendall(axes, np.array([len(one) for one in found]))


def _of_axis(x: NDArray[np.float64], y: NDArray[np.float64], rows: list[tuple[Any, ...]], axis: int) -> list[float]:
    """Coefficients of all groups of networks whose other hyperparameters agree, and which differ in this one."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for k, row in enumerate(rows):
        groups.setdefault(row[:axis] + row[axis + 1 :], []).append(k)
    apart = [[(i, j) for i, j in combinations(group, 2) if rows[i] != rows[j]] for group in groups.values()]
    return [tau_a(x, y, pairs) for pairs in apart if pairs]


def tau_a(x: NDArray[np.float64], y: NDArray[np.float64], pairs: list[tuple[int, int]]) -> float:
    """Mean of the products of signs of differences over pairs."""
    return float(np.mean([np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i, j in pairs]))
