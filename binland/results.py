"""Results of measurements, shared by binland and deepbridge: paths, barriers, local energies, planes, replicas."""

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
    """The replicas whose centre is a solution of RSGD or replicated annealing (`Solution.replicas`).

    Attributes
    ----------
    weights : numpy.ndarray of shape (R, *weight_shape), int8
        Weights of the R replicas; of a deep network a tuple with one such array per layer.
    errors : numpy.ndarray of shape (R,)
        Train error of each replica at the end, in [0, 1].
    history : numpy.ndarray of shape (epochs, R)
        Train error of each replica after each recorded epoch, NaN after the others.
    spread : float
        Mean Hamming distance between two replicas, as a fraction of the weights.
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
    """Train errors along a path from one solution to another that changes one weight at a time.

    `shortest_path` returns it: the weights that differ are flipped one after the other, each once.

    Attributes
    ----------
    error_counts : numpy.ndarray of shape (T,), int64
        Number of wrong patterns at each recorded point, exact. binland records the start and every flip (T = d + 1),
        deepbridge evenly spaced points unless told otherwise.
    n_patterns : int
        Number of patterns P.
    flipped : numpy.ndarray of shape (d,), int64
        Which weight each flip changes, in order: indices into the flattened weights.
    steps : numpy.ndarray of shape (T,), int64, or None
        Number of flips done at each recorded point; None if every flip is recorded.
    start, end : Solution or None
        The two solutions.
    order : str, Guided or Annealed
        How the order of the flips was chosen. A path whose order has a guide that cannot be pickled cannot be pickled.

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(20, 101, seed=0)
    >>> a, b = (bl.fit(bl.Perceptron(101), patterns, bl.SGD(epochs=50), seed=s) for s in (0, 1))
    >>> path = bl.shortest_path(a, b, patterns)
    >>> path.length == round(101 * bl.hamming(a, b)), bool(path.barrier == max(path.errors))
    (True, True)
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
        """The weights at a place on the path.

        Parameters
        ----------
        t : float
            Fraction of the flips that are done, from 0 (start) to 1 (end), rounded to whole flips.

        Returns
        -------
        Solution
            Weights there. If both ends have latents, it has some too: where the ends agree in sign, (1 - t) times the
            start's plus t times the end's; where they differ, those of the end whose sign is taken.

        Raises
        ------
        InvalidInputError
            If t is outside [0, 1], or the path was made without its two solutions.
        """
        if self.start is None or self.end is None:
            raise InvalidInputError("this path does not know its two solutions: take one that shortest_path gives")
        return self.start.toward(self.end, self.flipped[: round(fraction("t", t) * self.length)], float(t))

    @property
    def errors(self) -> NDArray[np.float64]:
        """Train error at each recorded point, (T,) float64 in [0, 1]."""
        return self.error_counts / self.n_patterns

    @property
    def barrier(self) -> float:
        """The highest train error on the path, ends included and not subtracted (paper, section 4.2)."""
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
    """Mean train error along random shortest paths, averaged over all orders of the flips (`expected_path`).

    Attributes
    ----------
    error_counts : numpy.ndarray of shape (T,), float64
        Expected number of wrong patterns at each point, both ends included.
    steps : numpy.ndarray of shape (T,), int64
        Number of flips done at each point.
    n_patterns : int
        Number of patterns P.
    """

    error_counts: NDArray[np.float64]
    steps: NDArray[np.int64]
    n_patterns: int

    _shown = ("length", "max_of_mean", "n_patterns")

    @property
    def errors(self) -> NDArray[np.float64]:
        """Expected train error at each point, (T,) float64 in [0, 1]."""
        return self.error_counts / self.n_patterns

    @property
    def fractions(self) -> NDArray[np.float64]:
        """Fraction of the flips done at each point, (T,) from 0 to 1; 0 if there is nothing to flip."""
        return self.steps / max(self.length, 1)

    @property
    def max_of_mean(self) -> float:
        """The highest expected error. `Barrier.max_of_mean` estimates the same number from samples."""
        return float(self.errors.max())

    @property
    def length(self) -> int:
        """Number of flips d."""
        return int(self.steps[-1])


@dataclass(frozen=True, eq=False, repr=False)
class Barrier(Summary):
    """Barriers between two solutions, over several shortest paths between them.

    The barrier of one path is its highest train error, ends included. The paper reports the mean over paths, `mean`.

    Attributes
    ----------
    samples : numpy.ndarray of shape (orders,)
        Barrier of each path, in [0, 1].
    profile : numpy.ndarray of shape (T,)
        Train error along the path, averaged over the paths, at the start and after every flip (T = d + 1) or, in
        deepbridge, at evenly spaced points.
    order : str, Guided or Annealed
        How the orders of the flips were chosen.
    """

    samples: NDArray[np.float64]
    profile: NDArray[np.float64]
    order: Any = "random"

    _shown = ("mean", "std", "max_of_mean", "samples", "n_points", "order")

    @classmethod
    def over(cls, paths: Sequence[Path]) -> "Barrier":
        """Collect the barriers of paths.

        Parameters
        ----------
        paths : sequence of Path
            Paths with errors at the same points, at least one.

        Returns
        -------
        Barrier
            The highest error of each path, and the mean profile.
        """
        profile = np.sum([path.error_counts for path in paths], axis=0) / (len(paths) * paths[0].n_patterns)
        return cls(np.array([path.barrier for path in paths]), profile, paths[0].order)

    @property
    def mean(self) -> float:
        """Mean over the paths of their highest errors: the paper's barrier."""
        return float(self.samples.mean())

    @property
    def std(self) -> float:
        """Standard deviation of `samples` (ddof = 1); nan for a single path."""
        return float(self.samples.std(ddof=1)) if len(self.samples) > 1 else float("nan")

    @property
    def max_of_mean(self) -> float:
        """The highest error of the mean profile; never above `mean`."""
        return float(self.profile.max())

    @property
    def n_points(self) -> int:
        """Number of points T of each path at which errors were counted; with fewer points a barrier can be missed."""
        return len(self.profile)


@dataclass(frozen=True, eq=False, repr=False)
class BentPath(Summary):
    """A path from one solution to another through a trained midpoint (`optimized_path`; paper, section 4.2).

    Attributes
    ----------
    first, second : Path or ContinuousPath
        The two legs: start to midpoint, midpoint to end.
    midpoint : Solution or ContinuousSolution
        What the training that began halfway between the ends found.
    """

    first: Any  # a Path, or what continuous networks have for one
    second: Any
    midpoint: Any  # a solution of the package that the two ends are from

    _shown = ("length", "barrier", "midpoint")

    @cached_property
    def errors(self) -> NDArray[np.float64]:
        """Train errors along both legs, (T_1 + T_2 - 1,) in [0, 1]; the midpoint counts once."""
        return np.concatenate([self.first.errors, self.second.errors[1:]])

    @property
    def barrier(self) -> float:
        """The highest train error on both legs."""
        return max(self.first.barrier, self.second.barrier)

    @property
    def length(self) -> Any:
        """Number of flips of both legs; for continuous networks the sum of their geometric lengths."""
        return self.first.length + self.second.length


@dataclass(frozen=True, eq=False, repr=False)
class LocalEnergy(Summary):
    """How much the train error rises when a fraction of the weights is flipped: a measure of flatness.

    delta E(w, eps) = E[error of w with a fraction eps of its signs flipped] - error of w. The smaller, the flatter.

    Attributes
    ----------
    fractions : numpy.ndarray of shape (F,)
        The fractions eps.
    samples : numpy.ndarray of shape (F, R)
        The rise at each fraction in each of R realizations. Each realization is one random walk through all fractions,
        so the values in one column are correlated and those in one row are independent. The closed form has R = 1.
    """

    fractions: NDArray[np.float64]
    samples: NDArray[np.float64]

    _shown = ("fractions", "mean", "std", "samples")

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean rise at each fraction, (F,)."""
        return self.samples.mean(axis=1)

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation over the realizations at each fraction, (F,), ddof = 1; nan for R = 1."""
        return std_of_rows(self.samples)


def std_of_rows(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation along each row (ddof = 1); nan where it has one sample."""
    return samples.std(axis=1, ddof=1) if samples.shape[1] > 1 else np.full(len(samples), np.nan)


@dataclass(frozen=True, eq=False, repr=False)
class Plane(Summary):
    """Train errors on a grid in the plane through the latents of three solutions.

    Attributes
    ----------
    errors : numpy.ndarray of shape (points, points)
        Train errors in [0, 1]; errors[j, i] is at (x[i], y[j]).
    x, y : numpy.ndarray of shape (points,)
        Coordinates along two orthonormal directions, in the unit of the latents. The first solution is the origin, the
        second lies on the x axis, the third has y > 0.
    corners : numpy.ndarray of shape (3, 2)
        Coordinates of the three solutions.
    corner_errors : numpy.ndarray of shape (3,)
        Train errors of the three solutions.
    """

    errors: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    corners: NDArray[np.float64]
    corner_errors: NDArray[np.float64]

    _shown = ("errors", "corner_errors")
