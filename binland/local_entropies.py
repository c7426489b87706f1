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
    """S(d) = ln(number of weights without a train error at Hamming distance d n of a solution) / n, for n weights.

    distances: (F,) mean Hamming distances d, fractions of the weights. entropy: (F,) S(d), natural logarithm. fields:
    (F,) the field gamma along the solution that holds each distance. converged: (F,) whether the messages did. The
    entropy is that of all distances near d together: at finite n it is above that of one distance by some ln(n) / 2n.
    """

    distances: Array
    entropy: Array
    fields: Array
    converged: NDArray[np.bool_]

    _shown = ("distances", "entropy", "fields", "converged")

    @property
    def upper_bound(self) -> Array:
        """(F,) entropy per weight of all weights at these distances: S(d) if every one had no error."""
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
    """Local entropy of a solution at given distances, or in given fields: exactly one of the two.

    distances: mean fractions of weights that differ from the solution's, each above 0 and below 1. The field along the
    solution is then found while the messages are: before every sweep it is the one that holds the distance. fields:
    gamma, from -1000 to 1000; weights w count exp(gamma sum w_i solution_i), and the distance follows. S is the
    Legendre transform of the free entropy, dS/dd = 2 gamma. The other options are those of `belief_propagation`, which
    runs anew for each distance or field, with the same seed.
    The solution may have train errors: then S is of the weights without errors around it.
    Raises InvalidInputError on other distances or fields, both or neither of them, and as `belief_propagation`.

        found = bl.local_entropy(solution, train, [0.01, 0.05, 0.1])
        found.entropy, found.upper_bound
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
    """What sets the external field along the solution, to a strength or for a distance, and gives its strength."""
    if not is_field:
        return lambda: messages.hold(solution.units, value)
    messages.set_fields(value * solution.units.astype(np.float64))
    return lambda: value


def _converge(messages: Messages, stop: Stop, hold: Callable[[], float]) -> tuple[float, bool]:
    """Sweeps, each after `hold` has set the external field; its strength, and whether all came to rest."""
    rule, strength = PLAIN._replace(damping=stop.damping), hold()
    for _ in range(stop.max_sweeps):
        change = messages.sweep(rule)
        before, strength = strength, hold()
        if max(change, abs(strength - before)) <= stop.tolerance:
            return strength, True
    return strength, False
