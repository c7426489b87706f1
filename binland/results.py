"""What measures give, of machines and deep networks alike: paths, barriers, local energies, planes, replicas."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from binland.checks import fraction
from binland.errors import InvalidInputError
from binland.summary import Summary

Weights = TypeVar("Weights")


@dataclass(frozen=True, eq=False, repr=False)
class Replicas(Summary, Generic[Weights]):
    """The replicas behind an RSGD solution (their centre).

    weights: (R, *weight_shape) int8; of a deep network one such array per layer. errors: (R,) train errors.
    history: (epochs, R) train errors after each epoch that was looked at, else NaN. spread: mean Hamming distance
    between two replicas, as a fraction of the weights.
    """

    weights: Weights
    errors: NDArray[np.float64]
    history: NDArray[np.float64]
    spread: float

    _shown = ("n_replicas", "errors", "spread")

    @property
    def n_replicas(self) -> int:
        """Number of replicas R."""
        return len(self.errors)


@dataclass(frozen=True, eq=False, repr=False)
class Path(Summary):
    """A walk from one solution to another, one sign flip at a time.

    error_counts: (T,) int64 train errors of the start and along the path, exact: after every flip, T = d + 1, or after
    some of them. n_patterns: P. flipped: (d,) int64, index into the flattened weights of each flip, in order. steps:
    (T,) int64, flips that are done at each error count; None stands for every flip. start, end: the two solutions.
    order: how the order was chosen, a word or the settings; with a guide that cannot be pickled a path cannot be
    either.
    """

    error_counts: NDArray[np.int64]
    n_patterns: int
    flipped: NDArray[np.int64]
    steps: NDArray[np.int64] | None = None
    start: Any = None
    end: Any = None
    order: Any = "random"

    _shown = ("length", "n_points", "barrier", "order", "start", "end")

    def solution(self, t: float) -> Any:
        """The solution after a fraction t of the flips, in [0, 1], rounded to whole flips: 0 is the start, 1 the end.

        Its latents, if both ends have some: where the ends differ those of the end whose sign is taken, else (1 - t)
        times those of the start plus t times those of the end. Raises InvalidInputError on other t.
        """
        if self.start is None or self.end is None:
            raise InvalidInputError("this path does not know its two solutions: take one that shortest_path gives")
        return self.start.toward(self.end, self.flipped[: round(fraction("t", t) * self.length)], float(t))

    @property
    def errors(self) -> NDArray[np.float64]:
        """(T,) train errors, fractions in [0, 1]."""
        return self.error_counts / self.n_patterns

    @property
    def barrier(self) -> float:
        """The highest of the errors on the path, ends included (paper, section 4.2; not minus the ends)."""
        return float(self.error_counts.max()) / self.n_patterns

    @property
    def length(self) -> int:
        """Number of flips d."""
        return len(self.flipped)

    @property
    def n_points(self) -> int:
        """Number of points T whose errors were counted, both ends included."""
        return len(self.error_counts)


@dataclass(frozen=True, eq=False, repr=False)
class ExpectedPath(Summary):
    """Mean errors along random shortest paths, over all orders of the flips.

    error_counts: (T,) float64 expected number of train errors, both ends included. steps: (T,) int64, flips that are
    done at each. n_patterns: P.
    """

    error_counts: NDArray[np.float64]
    steps: NDArray[np.int64]
    n_patterns: int

    _shown = ("length", "max_of_mean", "n_patterns")

    @property
    def errors(self) -> NDArray[np.float64]:
        """(T,) expected train errors, fractions in [0, 1]."""
        return self.error_counts / self.n_patterns

    @property
    def fractions(self) -> NDArray[np.float64]:
        """(T,) fractions of the flips that are done, from 0 to 1; 0 where there is nothing to flip."""
        return self.steps / max(self.length, 1)

    @property
    def max_of_mean(self) -> float:
        """Highest of the expected errors: that of a `Barrier` is the same from samples."""
        return float(self.errors.max())

    @property
    def length(self) -> int:
        """Number of flips d."""
        return int(self.steps[-1])


@dataclass(frozen=True, eq=False, repr=False)
class Barrier(Summary):
    """Barriers over several orders of the flips between the same two solutions.

    samples: (orders,) barrier of each path, the highest of its T errors. profile: (T,) train error along the path, mean
    over the orders: after every flip, T = d + 1, or at evenly spaced ones. order: how the orders were chosen, a word or
    the settings.
    """

    samples: NDArray[np.float64]
    profile: NDArray[np.float64]
    order: Any = "random"

    _shown = ("mean", "std", "max_of_mean", "samples", "n_points", "order")

    @classmethod
    def over(cls, paths: Sequence[Path]) -> "Barrier":
        """Of paths with errors at the same places."""
        profile = np.sum([path.error_counts for path in paths], axis=0) / (len(paths) * paths[0].n_patterns)
        return cls(np.array([path.barrier for path in paths]), profile, paths[0].order)

    @property
    def mean(self) -> float:
        """Mean of the maxima: the paper's barrier."""
        return float(self.samples.mean())

    @property
    def std(self) -> float:
        """Standard deviation of the maxima over the orders (ddof = 1); nan for one order."""
        return float(self.samples.std(ddof=1)) if len(self.samples) > 1 else float("nan")

    @property
    def max_of_mean(self) -> float:
        """Maximum of the mean profile: never above `mean`."""
        return float(self.profile.max())

    @property
    def n_points(self) -> int:
        """Number of points T of each path whose errors were counted, both ends included; more of them find more."""
        return len(self.profile)


@dataclass(frozen=True, eq=False, repr=False)
class BentPath(Summary):
    """Two paths through an optimised midpoint (paper, section 4.2 and appendix B): shortest ones, or lines."""

    first: Any  # a Path, or what continuous networks have for one
    second: Any
    midpoint: Any  # a solution of the package that the two ends are from

    _shown = ("length", "barrier", "midpoint")

    @cached_property
    def errors(self) -> NDArray[np.float64]:
        """(T_1 + T_2 - 1,) train errors along both legs, the midpoint once, fractions in [0, 1]."""
        return np.concatenate([self.first.errors, self.second.errors[1:]])

    @property
    def barrier(self) -> float:
        """The highest train error on both legs."""
        return max(self.first.barrier, self.second.barrier)

    @property
    def length(self) -> Any:
        """Number of flips of both legs, or their geometric length."""
        return self.first.length + self.second.length


@dataclass(frozen=True, eq=False, repr=False)
class LocalEnergy(Summary):
    """delta E(w, eps) = E[error of w with a fraction eps of its signs flipped] - error of w.

    fractions: (F,) the eps asked for. samples: (F, R), a column per realisation, which is one random walk through all
    fractions; R = 1 for the closed form, whose only column is the expectation itself.
    """

    fractions: NDArray[np.float64]
    samples: NDArray[np.float64]

    _shown = ("fractions", "mean", "std", "samples")

    @property
    def mean(self) -> NDArray[np.float64]:
        """(F,) mean over the realisations."""
        return self.samples.mean(axis=1)

    @property
    def std(self) -> NDArray[np.float64]:
        """(F,) standard deviation over the realisations (ddof = 1); nan where there is one, as in the closed form."""
        return std_of_rows(self.samples)


def std_of_rows(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation along each row (ddof = 1); nan where it has one sample."""
    return samples.std(axis=1, ddof=1) if samples.shape[1] > 1 else np.full(len(samples), np.nan)


@dataclass(frozen=True, eq=False, repr=False)
class Plane(Summary):
    """Train errors on a grid in the plane of the latents of three solutions.

    errors: (points, points) in [0, 1], errors[j, i] at (x[i], y[j]). x, y: (points,) coordinates along the two
    orthonormal directions, in units of the latents. corners: (3, 2) coordinates of the solutions. corner_errors: (3,).
    """

    errors: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    corners: NDArray[np.float64]
    corner_errors: NDArray[np.float64]

    _shown = ("errors", "corner_errors")
