"""How many weight vectors near a solution are solutions, too: volumes of Hamming shells and balls."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, gammaln, logsumexp

from binland.checks import fraction, number_between, one_of, positive_int
from binland.data import Patterns
from binland.enumeration import check_size, enumerate_solutions
from binland.flatness import checked_fractions, local_energy, n_flips
from binland.models import Solution, check_fit, check_solutions
from binland.results import LocalEnergy
from binland.rng import Seed
from binland.summary import Summary


@dataclass(frozen=True, eq=False, repr=False)
class HammingVolume(Summary):
    """How many weight vectors at several Hamming distances from a solution make few errors (`hamming_volume`).

    Attributes
    ----------
    distances : numpy.ndarray of shape (F,), int64
        Numbers of flipped weights k, ascending.
    hits : numpy.ndarray of shape (F,), int64
        Number of draws, or of all weight vectors at that distance, that make at most `max_errors` errors.
    draws : numpy.ndarray of shape (F,), int64
        Number of draws, or of all weight vectors at that distance.
    n_weights : int
        Number of weights n.
    max_errors : int
        Largest number of errors that counts as low.
    confidence : float
        Probability with which all intervals hold together.
    exact : bool
        Whether all weight vectors were looked at.
    """

    distances: NDArray[np.int64]
    hits: NDArray[np.int64]
    draws: NDArray[np.int64]
    n_weights: int
    max_errors: int
    confidence: float
    exact: bool

    _shown = ("log_volume", "log_volume_interval", "distances", "shares", "n_weights", "max_errors", "exact")

    @property
    def fractions(self) -> NDArray[np.float64]:
        """Distances as fractions of the weights, (F,)."""
        return self.distances / self.n_weights

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of weight vectors at each distance with few errors, (F,) in [0, 1]: exact, or hits over draws."""
        return self.hits / self.draws

    @property
    def share_intervals(self) -> NDArray[np.float64]:
        """Clopper-Pearson intervals of `shares`, (F, 2), that hold all together (Bonferroni); exact ones have no width.

        Without a hit among R draws the upper end is 1 - (alpha / 2)^(1/R), not 0.
        """
        if self.exact:
            return np.stack([self.shares, self.shares], axis=1)
        return clopper_pearson(self.hits, self.draws, (1 - self.confidence) / len(self.hits))

    @property
    def log_shells(self) -> NDArray[np.float64]:
        """ln of the number of weight vectors with few errors at each distance, (F,); -inf without a hit."""
        return self._log_sizes + _log(self.shares)

    @property
    def log_volume(self) -> float:
        """ln of the number of weight vectors with few errors at all of the distances together; -inf without a hit.

        It is the volume of a ball if `distances` are all numbers from 0 on.
        """
        return float(logsumexp(self.log_shells))

    @property
    def log_volume_interval(self) -> tuple[float, float]:
        """Interval of `log_volume` from the ends of `share_intervals`: holds with probability `confidence` or more."""
        low, high = logsumexp(self._log_sizes[:, None] + _log(self.share_intervals), axis=0)
        return float(low), float(high)

    @property
    def _log_sizes(self) -> NDArray[np.float64]:
        """ln of the binomial coefficients of n over k."""
        n, k = self.n_weights, self.distances
        return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _log(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms, -inf for 0."""
    with np.errstate(divide="ignore"):
        return np.log(shares)


def clopper_pearson(hits: NDArray[np.int64], draws: NDArray[np.int64], alpha: float) -> NDArray[np.float64]:
    """Intervals (F, 2) of probabilities that miss the true one with probability alpha at most."""
    low = betaincinv(np.maximum(hits, 1), draws - hits + 1, alpha / 2)
    high = betaincinv(hits + 1, np.maximum(draws - hits, 1), 1 - alpha / 2)
    return np.stack([np.where(hits == 0, 0.0, low), np.where(hits == draws, 1.0, high)], axis=1)


def hamming_volume(
    solution: Solution,
    patterns: Patterns,
    fractions: Sequence[float] | NDArray[np.float64],
    max_error: float = 0.0,
    realizations: int = 1000,
    seed: Seed = 0,
    method: Literal["sampled", "exact"] = "sampled",
    confidence: float = 0.95,
) -> HammingVolume:
    """How many weight vectors near a solution make few errors: the volume of a flat region, in numbers of vectors.

    At each of several Hamming distances, it is the number of all weight vectors there times the share of those with a
    train error of at most `max_error`.

    Parameters
    ----------
    solution : Solution
        The weights in the middle.
    patterns : Patterns
        Patterns on which errors are counted, usually the train patterns.
    fractions : sequence of float
        Distances as fractions of the n weights, in [0, 1]; exactly round(fraction n) weights are flipped. Equal
        distances count once. All of a ball is ``np.arange(k + 1) / n``.
    max_error : float, default 0.0
        Largest train error that counts as low, in [0, 1].
    realizations : int, default 1000
        Number of random draws at each distance. Not used by ``method="exact"``.
    seed : int, SeedSequence or Generator, default 0
        Fixes the draws. Not used by ``method="exact"``.
    method : {"sampled", "exact"}, default "sampled"
        "exact" looks at all 2^n weight vectors, n at most 28.
    confidence : float, default 0.95
        Probability with which the intervals hold, all together.

    Returns
    -------
    HammingVolume
        ``.log_volume`` with ``.log_volume_interval``, ``.shares``, ``.log_shells``.

    Raises
    ------
    InvalidInputError
        If an argument is out of range, the patterns do not fit, or the machine is too large to be enumerated.

    Notes
    -----
    Draws are those of `local_energy`: independent at one distance, correlated between distances. Shares below about one
    over the number of realizations cannot be seen: without a hit a shell counts as empty in `log_volume`, and its
    interval says how much it can hold. `local_entropy` estimates such rare solutions.

    References
    ----------
    Baldassi et al., Subdominant dense clusters allow for simple learning and high computational performance in neural
    networks with discrete synapses, Phys. Rev. Lett. 115, 128101 (2015). Clopper and Pearson, Biometrika 26, 404
    (1934).

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns([[1, 1, 1], [1, 1, -1]], [1, 1])
    >>> middle = bl.Solution(bl.Perceptron(3), [1, 1, 1])
    >>> bl.hamming_volume(middle, patterns, [0, 1 / 3], method="exact").hits.tolist()
    [1, 1]
    """
    check_solutions(solution)
    check_fit(solution.machine, patterns)
    n, share = solution.machine.n_weights, number_between("confidence", confidence, 0.5, 0.999999)
    distances, most = checked_distances(fractions, n), errors_below(max_error, patterns.n_patterns)
    if one_of("method", method, ("sampled", "exact")) == "exact":
        check_size(solution.machine)
        hits = enumerate_solutions(solution.machine, patterns, most).distances(solution)[distances]
        draws = np.array([math.comb(n, k) for k in distances])
        return HammingVolume(distances, hits, draws, n, most, share, True)
    count = positive_int("realizations", realizations)
    return sampled_volumes(solution, patterns, distances, [most], count, seed, share)[0]


def sampled_volumes(
    solution: Solution,
    patterns: Patterns,
    distances: NDArray[np.int64],
    max_errors: Sequence[int],
    realizations: int,
    seed: Seed,
    confidence: float,
) -> list[HammingVolume]:
    """A volume for each of several largest numbers of errors, from the same draws."""
    n, errors = solution.machine.n_weights, solution.error_count(patterns)
    rises = local_energy(solution, patterns, distances / n, realizations, seed)
    return [from_rises(rises, errors, patterns.n_patterns, distances, n, most, confidence) for most in max_errors]


def checked_distances(fractions: Sequence[float] | NDArray[np.float64], n_weights: int) -> NDArray[np.int64]:
    """Numbers of flips (F,), ascending, each once; raises InvalidInputError unless fractions are in [0, 1]."""
    return np.unique([n_flips(one, n_weights) for one in checked_fractions(fractions)])


def errors_below(max_error: float, n_patterns: int) -> int:
    """The largest number of errors that is at most this fraction of the patterns, up to rounding."""
    return math.floor(fraction("max_error", max_error) * n_patterns + 1e-9)


def from_rises(
    rises: LocalEnergy,
    errors: int,
    n_patterns: int,
    distances: NDArray[np.int64],
    n_weights: int,
    max_errors: int,
    confidence: float,
) -> HammingVolume:
    """Volumes from rises of the error at random weight vectors, and the number of errors in the middle."""
    counts = np.rint(rises.samples * n_patterns).astype(np.int64) + errors
    hits = (counts <= max_errors).sum(axis=1)
    draws = np.full(len(distances), counts.shape[1])
    return HammingVolume(distances, hits, draws, n_weights, max_errors, confidence, False)
