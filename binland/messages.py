"""Belief propagation at zero temperature: magnetisations and entropy of the weights that satisfy all patterns.

Mezard, J. Phys. A 22, 2181 (1989); Braunstein and Zecchina, PRL 96, 030201 (2006); Baldassi et al., PNAS 113, E7655
(2016), appendix. `kernels/messages.py` says what a message is.
"""

import math
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from binland.bits import Signs, as_signs
from binland.checks import checked_memory, finite, one_of, positive, positive_int, real_array, share_kept
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.kernels.messages import LANES, Rule, Scratch, bethe, pull, sweep
from binland.models import Machine, Solution, check_fit
from binland.rng import Seed, generator
from binland.summary import Summary

Array = NDArray[np.float64]
Method = Literal["auto", "gaussian", "exact"]
METHODS = ("auto", "gaussian", "exact")
FEW_INPUTS = 50  # "auto" is exact up to this
STRONGEST_FIELD = 1000.0
LARGEST_INITIAL = 10.0
SLIGHTLY = 0.01  # how far Bethe entropies of few weights may be below 0 or above ln 2
PLAIN = Rule(0.0, math.inf, 1.0)


@dataclass(frozen=True, eq=False, repr=False)
class Marginals(Summary):
    """Result of `belief_propagation`: statistics of the weights that satisfy all patterns.

    Attributes
    ----------
    machine : Perceptron or CommitteeMachine
        The machine.
    magnetizations : numpy.ndarray of shape machine.weight_shape
        Mean of each weight over the solutions, in [-1, 1].
    entropy : float
        Bethe entropy per weight, natural logarithm: ln(number of solutions) / n or, with external fields, the entropy
        of their Boltzmann distribution.
    converged : bool
        Whether no message changed by more than the tolerance in the last sweep.
    iterations : int
        Number of sweeps.
    residual : float
        Largest change of a message in the last sweep.
    method : {"gaussian", "exact"}
        How sums over inputs were computed.
    """

    machine: Machine
    magnetizations: Array
    entropy: float
    converged: bool
    iterations: int
    residual: float
    method: str

    _shown = ("machine", "entropy", "converged", "iterations", "residual", "method", "advice")

    @property
    def advice(self) -> str:
        """What to do if the result cannot be trusted, in words; empty if it converged to a sensible entropy."""
        if self.converged and -SLIGHTLY <= self.entropy <= math.log(2) + SLIGHTLY:
            return ""
        if self.converged and self.entropy > 0:
            return "the entropy is above ln 2, that of all weights: no sensible fixed point; take method='exact'"
        if self.converged:
            return "the entropy is negative: presumably no weights satisfy all patterns; take fewer patterns"
        return (
            f"no fixed point after {self.iterations} sweeps (a message still changes by {self.residual:.2g}), so that"
            " magnetisations and entropy are those of a moment: try damping=0.5 or more sweeps; close to capacity, and"
            " where there is no solution, there may be none"
        )

    @property
    def solution(self) -> Solution:
        """The most probable value of each weight by itself, sign(0) = +1, as a Solution; it may have train errors."""
        return Solution(self.machine, as_signs(self.magnetizations))


def belief_propagation(
    machine: Machine,
    patterns: Patterns,
    fields: ArrayLike | None = None,
    *,
    method: Method = "auto",
    damping: float = 0.0,
    tolerance: float = 1e-3,
    max_sweeps: int = 1000,
    initial: float = 0.0,
    seed: Seed = 0,
) -> Marginals:
    """Marginals and Bethe entropy of the uniform distribution over all weights without a train error.

    Parameters
    ----------
    machine : Perceptron or CommitteeMachine
        The machine.
    patterns : Patterns
        The patterns to be satisfied.
    fields : array_like of shape machine.weight_shape, optional
        External fields f, ``|f| <= 1000``: weights w count with the factor exp(sum f w). None by default.
    method : {"auto", "gaussian", "exact"}, default "auto"
        How sums over inputs are computed. "gaussian": as normal variables, good for many inputs (below about 20 it may
        converge to nonsense). "exact": by convolution, N times as expensive. "auto": exact up to 50 inputs. The sum
        over hidden units is exact in both.
    damping : float, default 0.0
        Share of the old message that is kept in each update, in [0, 1).
    tolerance : float, default 1e-3
        Stop when no message (a field, that is, an atanh of a magnetization) changes by more than this in a sweep.
    max_sweeps : int, default 1000
        Largest number of sweeps.
    initial : float, default 0.0
        Messages start uniform in [-initial, initial], from 0 to 10. From 0 all hidden units with the same output weight
        stay alike, which describes all solutions together.
    seed : int, SeedSequence or Generator, default 0
        Fixes the first messages and the order of the patterns, a new one in every sweep.

    Returns
    -------
    Marginals
        ``.entropy`` and ``.magnetizations``. A run that has not converged is returned all the same: look at
        ``.converged`` and ``.advice``.

    Raises
    ------
    InvalidInputError
        If patterns or fields do not fit, an option is out of range, or the messages do not fit into memory (8 bytes per
        weight and pattern).

    Notes
    -----
    Equal seeds give equal numbers on every CPU: messages are made of sums, quotients and square roots in a fixed order
    (`kernels/elementary.py`).

    References
    ----------
    Mezard, J. Phys. A 22, 2181 (1989). Braunstein and Zecchina, Phys. Rev. Lett. 96, 030201 (2006). Baldassi et al.,
    PNAS 113, E7655 (2016), appendix.

    Examples
    --------
    >>> import binland as bl
    >>> machine, patterns = bl.Perceptron(21), bl.Patterns.random(8, 21, seed=0)
    >>> marginals = bl.belief_propagation(machine, patterns)
    >>> abs(marginals.entropy - bl.enumerate_solutions(machine, patterns).entropy) < 0.01
    True
    """
    check_fit(machine, patterns)
    messages = Messages(machine, patterns, method, generator(seed, "belief_propagation"), initial)
    if fields is not None:
        messages.set_fields(checked_fields(fields, machine))
    residual, iterations = converge(messages, Stop.checked(damping, tolerance, max_sweeps))
    return messages.marginals(residual, iterations, tolerance)


@dataclass(frozen=True)
class Stop:
    """When sweeps end (tolerance, largest number), and the damping of messages."""

    damping: float
    tolerance: float
    max_sweeps: int

    @classmethod
    def checked(cls, damping: object, tolerance: object, max_sweeps: object) -> Self:
        """The settings after a check; raises InvalidInputError on values out of range."""
        return cls(
            share_kept("damping", damping), positive("tolerance", tolerance), positive_int("max_sweeps", max_sweeps)
        )


def checked_initial(initial: object) -> float:
    """A float; raises InvalidInputError unless it is in [0, 10]: larger messages leave rounding errors behind."""
    value = finite("initial", initial)
    if not 0 <= value <= LARGEST_INITIAL:
        raise InvalidInputError(f"initial={value} is not a number from 0 to {LARGEST_INITIAL:g}")
    return value


def checked_fields(fields: ArrayLike, machine: Machine) -> Array:
    """(H, N) float64; raises InvalidInputError on another shape and on values beyond +-1000."""
    array = real_array("fields", fields)
    if array.shape != machine.weight_shape or not np.all(np.abs(array) <= STRONGEST_FIELD):
        raise InvalidInputError(
            f"fields={shown(fields)} are not numbers of shape {machine.weight_shape} from -1000 to 1000"
        )
    return array.astype(np.float64).reshape(machine.n_hidden, machine.n_inputs)


class Messages:
    """The messages of all patterns to all weights, and how they are updated.

    messages (P, H, M), totals, fields (H, M): as `kernels.messages` defines them, M being N padded to a multiple of
    LANES. rng draws the order of the patterns.
    """

    def __init__(
        self, machine: Machine, patterns: Patterns, method: str, rng: np.random.Generator, initial: float = 0.0
    ):
        method = one_of("method", method, METHODS)
        n, h, p = machine.n_inputs, machine.n_hidden, patterns.n_patterns
        self.machine, self.patterns, self.rng = machine, patterns, rng
        self.exact = method == "exact" or (method == "auto" and n <= FEW_INPUTS)
        width = -(-n // LANES) * LANES
        room = 8 * (p * h * width + (h + 1) ** 2 + self.exact * (n + 1) ** 2) + p * width
        checked_memory(f"messages of {p} patterns to {machine.n_weights} weights", room)
        self.inputs = np.zeros((p, width), np.int8)
        self.inputs[:, :n] = patterns.inputs
        self.messages = np.zeros((p, h, width))
        size = checked_initial(initial)
        if size > 0:
            self.messages[..., :n] = rng.uniform(-size, size, (p, h, n))
        self.totals = np.zeros((h, width))
        for message in self.messages:  # summed in a fixed order; a library might choose another one
            self.totals += message
        self.fields = np.zeros((h, width))
        self._satisfied, self._labels = np.zeros(p), np.array(patterns.labels)
        self._scratch = _scratch(h, width, n if self.exact else 0)

    def sweep(self, rule: Rule = PLAIN, focusing: bool = False) -> float:
        """Update every message once in random order, focusing fields included; returns the largest change."""
        machine = self.machine
        count = self.patterns.n_patterns + focusing * machine.n_weights
        return self._sweep(self.rng.permutation(count), rule)

    def _sweep(self, order: NDArray[np.int64], rule: Rule) -> float:
        machine = self.machine
        return sweep(
            self.exact, order, self.inputs, self._labels, machine.output_signs, machine.n_inputs, rule,
            self.messages, self.totals, self.fields, self._satisfied, self._scratch,
        )  # fmt: skip

    def set_fields(self, fields: Array) -> None:
        """Replace the external fields by (H, N)."""
        n = self.machine.n_inputs
        self.totals[:, :n] += fields - self.fields[:, :n]
        self.fields[:, :n] = fields

    def reinforce(self, share: float, totals: Array) -> None:
        """Set the external fields to a share of given fields (H, M)."""
        self.set_fields(share * totals[:, : self.machine.n_inputs])

    def hold(self, reference: Signs, distance: float) -> float:
        """Set an external field along reference (H, N) that holds the mean distance; returns its strength gamma."""
        padded = np.zeros_like(self.totals)
        padded[:, : self.machine.n_inputs] = reference
        return pull(padded, distance, self.totals, self.fields)

    @property
    def magnetizations(self) -> Array:
        """Mean of each weight, of shape machine.weight_shape."""
        return np.tanh(self.totals[:, : self.machine.n_inputs]).reshape(self.machine.weight_shape)

    @property
    def decoded(self) -> Signs:
        """The most probable sign of each weight, of shape machine.weight_shape; sign(0) = +1."""
        return as_signs(self.totals[:, : self.machine.n_inputs]).reshape(self.machine.weight_shape)

    def entropy(self) -> float:
        """Bethe entropy per weight: (free entropy - fields . magnetisations) / n."""
        self._sweep(np.arange(self.patterns.n_patterns), PLAIN._replace(damping=1.0))  # Z of all patterns, no more
        free = bethe(self.messages, self.totals, self._satisfied, self.machine.n_inputs)
        return float(free - np.sum(self.fields * np.tanh(self.totals))) / self.machine.n_weights

    def marginals(self, residual: float, iterations: int, tolerance: float) -> Marginals:
        """The current state as a result."""
        method = "exact" if self.exact else "gaussian"
        converged = residual <= tolerance
        return Marginals(self.machine, self.magnetizations, self.entropy(), converged, iterations, residual, method)


def _scratch(h: int, width: int, exact_inputs: int) -> Scratch:
    n = exact_inputs
    units, inputs = np.zeros((6, h)), np.zeros((4, n))
    return Scratch(
        np.zeros((h, width)), np.zeros((2, LANES)), np.zeros(LANES),
        units[0], units[1], units[2], units[3], units[4], units[5], np.zeros((h + 1, h + 1)), np.zeros(h + 1),
        inputs[0], inputs[1], inputs[2], inputs[3], np.zeros((n + 1, n + 1)), np.zeros(n + 1),
    )  # fmt: skip


def converge(messages: Messages, stop: Stop) -> tuple[float, int]:
    """Sweep until no message changes by more than the tolerance; returns the largest change and number of sweeps."""
    rule, residual = PLAIN._replace(damping=stop.damping), math.inf
    for iteration in range(1, stop.max_sweeps + 1):
        residual = messages.sweep(rule)
        if residual <= stop.tolerance:
            return residual, iteration
    return residual, stop.max_sweeps
