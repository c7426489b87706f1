"""Local entropy: how many weights satisfy all patterns at a distance from given ones, by belief propagation.

Baldassi et al., PRL 115, 128101 (2015) and PNAS 113, E7655 (2016).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from binland.checks import real_array
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.messages import PLAIN, STRONGEST_FIELD, Messages, Method, Stop
from binland.models import Solution, check_fit, check_solutions
from binland.rng import Seed, generator
from binland.summary import Summary

Array = NDArray[np.float64]
Numbers = Sequence[float] | Array


@dataclass(frozen=True, eq=False, repr=False)
class LocalEntropy(Summary):
    """How many weight vectors without a train error lie at a distance from given weights (`local_entropy`).

    S(d) = ln(number of weight vectors at Hamming distance d n that satisfy all patterns) / n, for n weights.

    Attributes
    ----------
    distances : numpy.ndarray of shape (F,)
        Mean Hamming distances d, fractions of the weights.
    entropy : numpy.ndarray of shape (F,)
        S(d), natural logarithm, per weight. All distances near d count together, so at finite n the value is above that
        of a single distance by about ln(n) / (2 n).
    fields : numpy.ndarray of shape (F,)
        The field gamma along the given weights that belongs to each distance.
    converged : numpy.ndarray of shape (F,), bool
        Whether the messages converged. Entropies without convergence mean little.
    """

    distances: Array
    entropy: Array
    fields: Array
    converged: NDArray[np.bool_]

    _shown = ("distances", "entropy", "fields", "converged")

    @property
    def upper_bound(self) -> Array:
        """Entropy per weight of all weight vectors at these distances, (F,): -d ln d - (1 - d) ln(1 - d)."""
        return np.asarray(entr(self.distances) + entr(1 - self.distances))


def local_entropy(
    solution: Solution,
    patterns: Patterns,
    distances: Numbers | None = None,
    *,
    fields: Numbers | None = None,
    method: Method = "auto",
    damping: float = 0.0,
    tolerance: float = 1e-3,
    max_sweeps: int = 1000,
    seed: Seed = 0,
) -> LocalEntropy:
    """Local entropy of a solution by belief propagation: how many solutions lie at a distance from it.

    Give either `distances` or `fields`; the other follows. The given solution may have train errors: only the weights
    around it have to satisfy all patterns.

    Parameters
    ----------
    solution : Solution
        The weights in the centre.
    patterns : Patterns
        The patterns to be satisfied.
    distances : sequence of float, optional
        Mean Hamming distances d as fractions of the weights, each above 0 and below 1. Before every sweep the field
        along the solution is set to the value that holds this distance.
    fields : sequence of float, optional
        Fields gamma, from -1000 to 1000: weights w count with the factor exp(gamma sum_i w_i solution_i).
    method, damping, tolerance, max_sweeps
        As in `belief_propagation`, which runs anew for each distance or field.
    seed : int, SeedSequence or Generator, default 0
        Fixes the order in which messages are updated; the same for each distance or field.

    Returns
    -------
    LocalEntropy
        ``.distances``, ``.entropy``, ``.fields`` and ``.converged``.

    Raises
    ------
    InvalidInputError
        If both or neither of `distances` and `fields` are given or one is out of range, and as `belief_propagation`.

    Notes
    -----
    S is the Legendre transform of the free entropy in the field gamma, so dS/dd = 2 gamma.

    References
    ----------
    Baldassi et al., Phys. Rev. Lett. 115, 128101 (2015) and PNAS 113, E7655 (2016).

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(10, 41, seed=0)
    >>> solution = bl.fit(bl.Perceptron(41), patterns, bl.RBP(), seed=0)
    >>> local = bl.local_entropy(solution, patterns, [0.1, 0.2])
    >>> bool((local.entropy < local.upper_bound).all()), local.converged.tolist()
    (True, [True, True])
    """
    check_solutions(solution)
    check_fit(solution.machine, patterns)
    if (distances is None) == (fields is None):
        raise InvalidInputError("give either distances or fields: one of them follows from the other")
    asked = checked_distances(distances) if distances is not None else _checked_strengths(fields)
    stop = Stop.checked(damping, tolerance, max_sweeps)
    root = generator(seed, "local_entropy_bp").integers(2**63, size=2)
    rows = []
    for value in asked:
        messages = Messages(solution.machine, patterns, method, np.random.default_rng(root))
        strength, converged = _converge(messages, stop, _holding(messages, solution, float(value), fields is not None))
        overlap = float(np.mean(solution.weights * messages.magnetizations))
        rows.append(((1 - overlap) / 2, messages.entropy(), strength, converged))
    columns = np.array(rows).T
    return LocalEntropy(columns[0], columns[1], columns[2], columns[3] > 0)


def checked_distances(distances: Numbers) -> Array:
    """(F,) float64; raises InvalidInputError unless it is a non-empty list of numbers above 0 and below 1."""
    array = np.atleast_1d(real_array("distances", distances).astype(np.float64, copy=False))
    if array.ndim != 1 or array.size == 0 or not np.all((array > 0) & (array < 1)):
        raise InvalidInputError(f"distances={shown(distances)} is not a non-empty list of numbers above 0 and below 1")
    return array


def _checked_strengths(fields: Numbers | None) -> Array:
    array = np.atleast_1d(real_array("fields", fields).astype(np.float64, copy=False))
    if array.ndim != 1 or array.size == 0 or not np.all(np.abs(array) <= STRONGEST_FIELD):
        raise InvalidInputError(f"fields={shown(fields)} is not a non-empty list of numbers from -1000 to 1000")
    return array


def _holding(messages: Messages, solution: Solution, value: float, is_field: bool) -> Callable[[], float]:
    """A function that sets the external field, given directly or by a distance, and returns its strength."""
    if not is_field:
        return lambda: messages.hold(solution.units, value)
    messages.set_fields(value * solution.units.astype(np.float64))
    return lambda: value


def _converge(messages: Messages, stop: Stop, hold: Callable[[], float]) -> tuple[float, bool]:
    """Sweep until messages and field strength stop changing; `hold` sets the field. Returns strength and success."""
    rule, strength = PLAIN._replace(damping=stop.damping), hold()
    for _ in range(stop.max_sweeps):
        change = messages.sweep(rule)
        before, strength = strength, hold()
        if max(change, abs(strength - before)) <= stop.tolerance:
            return strength, True
    return strength, False
