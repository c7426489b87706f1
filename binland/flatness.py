"""Local energy: how much the train error rises when a fraction of the signs is flipped (paper, appendix B)."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from binland.checks import checked_memory, one_of, positive_int, real_array
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.expectation import ExpectedErrors
from binland.models import Solution, check_fit, check_solutions
from binland.results import LocalEnergy
from binland.rng import Seed, generator
from binland.walks import Walker

__all__ = ["LocalEnergy", "checked_fractions", "local_energy", "n_flips"]

BYTES = 28  # bytes of memory per weight: random numbers, codes of flips (twice), rows


def local_energy(
    solution: Solution,
    patterns: Patterns,
    fractions: Sequence[float] | NDArray[np.float64],
    realizations: int = 10,
    seed: Seed = 0,
    flips: Literal["count", "independent"] = "count",
    method: Literal["sampled", "exact"] = "sampled",
) -> LocalEnergy:
    """How much the train error rises when a fraction of the weights is flipped: the flatness of a solution.

    delta E(w, eps) = E[error of w with a fraction eps of its signs flipped] - error of w.

    Parameters
    ----------
    solution : Solution
        The weights w.
    patterns : Patterns
        Patterns on which errors are counted, usually the train patterns.
    fractions : sequence of float
        The fractions eps, each in [0, 1].
    realizations : int, default 10
        Number of random draws for each fraction, at least 1; 10 in the paper. Not used by ``method="exact"``.
    seed : int, SeedSequence or Generator, default 0
        Fixes the draws. Not used by ``method="exact"``.
    flips : {"count", "independent"}, default "count"
        "count" flips exactly round(eps n) of the n weights, uniformly chosen (halves are rounded to even);
        "independent" flips each weight with probability eps.
    method : {"sampled", "exact"}, default "sampled"
        "sampled" draws; "exact" computes the expectation over all draws in closed form, without sampling noise.

    Returns
    -------
    LocalEnergy
        ``.mean`` and ``.std`` over the draws at each fraction.

    Raises
    ------
    InvalidInputError
        If a fraction is outside [0, 1], an option is unknown, the number of inputs differs, the work does not fit into
        memory or, when sampling, the machine has 2^24 or more inputs or hidden units.

    Notes
    -----
    A realization is one random walk through all fractions: its errors are counted, exactly, where the walk reaches each
    of them. So values at one fraction are independent, values of one realization at two fractions are not. What is
    drawn at a fraction depends on the seed and on its value only, not on the other fractions.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, appendix B.

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(20, 101, seed=0)
    >>> solution = bl.fit(bl.Perceptron(101), patterns, bl.SGD(epochs=50), seed=0)
    >>> rise = bl.local_energy(solution, patterns, fractions=[0, 0.5], method="exact").mean
    >>> float(rise[0]), bool(rise[1] > 0)
    (0.0, True)
    """
    check_solutions(solution)
    check_fit(solution.machine, patterns)
    eps = checked_fractions(fractions)
    convention = one_of("flips", flips, ("count", "independent"))
    rise: NDArray[np.float64] | NDArray[np.int64]
    if one_of("method", method, ("sampled", "exact")) == "exact":
        rise = _expected_counts(solution, patterns, eps, convention) - solution.error_count(patterns)
    else:
        count = positive_int("realizations", realizations)
        rise = _sampled_rise(solution, patterns, eps, count, seed, convention)
    return LocalEnergy(eps, rise / patterns.n_patterns)


def checked_fractions(fractions: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """(F,) float64; raises InvalidInputError unless it is a non-empty list of numbers in [0, 1]."""
    eps = np.atleast_1d(real_array("fractions", fractions).astype(np.float64, copy=False))
    if eps.ndim != 1 or eps.size == 0 or not np.all((eps >= 0) & (eps <= 1)):
        raise InvalidInputError(f"fractions={shown(fractions)} is not a non-empty list of numbers in [0, 1]")
    return eps


def n_flips(fraction: float, n_weights: int) -> int:
    """Number of weights flipped at a fraction: round(fraction n), halves to even."""
    return round(fraction * n_weights)


def _expected_counts(
    solution: Solution, patterns: Patterns, eps: NDArray[np.float64], flips: str
) -> NDArray[np.float64]:
    expected = ExpectedErrors(solution, patterns)
    n = solution.machine.n_weights
    values = [expected.count(n_flips(e, n)) if flips == "count" else expected.independent(e) for e in eps]
    return np.array(values)[:, None]


def _sampled_rise(
    solution: Solution, patterns: Patterns, eps: NDArray[np.float64], realizations: int, seed: Seed, flips: str
) -> NDArray[np.int64]:
    n, h = solution.machine.n_weights, solution.machine.n_hidden
    size = BYTES * n + 8 * (len(eps) + 1) * h + 64 * realizations * len(eps)
    checked_memory(f"{realizations} realizations of {len(eps)} fractions of {n} weights", size)
    root = generator(seed, "local_energy").integers(2**63, size=2)
    flipped = np.empty((len(eps), realizations), np.int64)
    for f, fraction in enumerate(eps):
        if flips == "count":
            flipped[f] = n_flips(fraction, n)
        else:
            rng = np.random.default_rng([*root, 1, int(fraction.view(np.uint64))])
            flipped[f] = [rng.binomial(n, fraction) for _ in range(realizations)]
    walker, uniforms = Walker(solution, patterns), np.empty(flipped.max())  # once: fresh memory is slow
    counts = np.empty(flipped.shape, np.int64)
    for r in range(realizations):
        drawn = uniforms[: flipped[:, r].max()]
        np.random.default_rng([*root, 0, r]).random(out=drawn)
        counts[:, r] = walker.error_counts_after(drawn, flipped[:, r])
    return counts - walker.error_count
