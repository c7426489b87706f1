"""Binary perceptron and committee machine, their exact symmetries, and solutions (+-1 weights of a machine)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from binland.algorithms import SGD, Algorithm
from binland.bits import Signs, Words, as_signs, pack, random_signs
from binland.checks import checked_memory, finite_float32, positive_int, real_array
from binland.data import Patterns, checked_signs
from binland.errors import InvalidInputError, shown
from binland.kernels.forward import outputs_into, preactivations_into
from binland.rng import Seed, generator


@dataclass(frozen=True)
class Symmetry:
    """Transformations of the hidden units that leave the function unchanged on every input, ties included.

    permutation: units may be exchanged, each with its output weight.
    sign_reversal: the weights of a unit and its output weight may be reversed together, so that a unit can take a place
    of opposite output weight. Exact only for odd n_inputs, because sign(0) = +1 does not change sign, and of use only
    where output weights are given: all +1, the paper's, leaves no such place.
    """

    permutation: bool
    sign_reversal: bool


@dataclass(frozen=True)
class Perceptron:
    """Binary perceptron, output sign(w . x), weights (N,) (paper, section 5.1). n_inputs: N."""

    n_inputs: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_inputs", positive_int("n_inputs", self.n_inputs))

    n_hidden = 1
    linear = True  # the logit is w . x / sqrt(N) itself, not its sign

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(N,)"""
        return (self.n_inputs,)

    @property
    def n_weights(self) -> int:
        """Number of binary weights N."""
        return self.n_inputs

    @property
    def output_signs(self) -> Signs:
        """Output weights (H,) int8 of the committee machine with one unit that the perceptron is."""
        return np.ones(1, np.int8)

    @property
    def symmetry(self) -> Symmetry:
        """None: two different weight vectors are two different functions."""
        return Symmetry(permutation=False, sign_reversal=False)


@dataclass(frozen=True)
class CommitteeMachine:
    """Fully connected committee machine, output sign(sum_h c_h sign(w_h . x)), weights (H, N) (paper, section 5.1).

    n_inputs: N. n_hidden: H. output_weights: the fixed c_h, H values -1 or +1; None means all +1, as in the paper.
    Raises InvalidInputError on sizes below 1 and on other output weights.
    """

    n_inputs: int
    n_hidden: int
    output_weights: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("n_inputs", "n_hidden"):
            object.__setattr__(self, name, positive_int(name, getattr(self, name)))
        if self.output_weights is None:
            return
        signs = checked_signs("output_weights", self.output_weights, 1)
        if len(signs) != self.n_hidden:
            raise InvalidInputError(f"{len(signs)} output_weights for n_hidden={self.n_hidden}; one per hidden unit")
        values = tuple(int(c) for c in signs)
        object.__setattr__(self, "output_weights", None if min(values) > 0 else values)

    @classmethod
    def with_random_outputs(cls, n_inputs: int, n_hidden: int, seed: Seed) -> "CommitteeMachine":
        """A machine whose output weights are drawn uniformly from -1 and +1.

        Raises InvalidInputError on sizes below 1 or beyond this machine's memory, and on bad seeds.
        """
        count = positive_int("n_hidden", n_hidden)
        checked_memory(f"{count} output weights", 32 * count)
        signs = random_signs(generator(seed, "output_weights"), count)
        return cls(n_inputs, n_hidden, tuple(int(c) for c in signs))

    linear = False

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(H, N)"""
        return (self.n_hidden, self.n_inputs)

    @property
    def n_weights(self) -> int:
        """Number of binary weights H N (the output weights are fixed)."""
        return self.n_hidden * self.n_inputs

    @property
    def output_signs(self) -> Signs:
        """Output weights (H,) int8."""
        return (
            np.ones(self.n_hidden, np.int8) if self.output_weights is None else np.array(self.output_weights, np.int8)
        )

    @property
    def symmetry(self) -> Symmetry:
        """Permutations; with given output weights and odd n_inputs also sign reversal."""
        return Symmetry(permutation=True, sign_reversal=self.output_weights is not None and self.n_inputs % 2 == 1)


Machine = Perceptron | CommitteeMachine
Weights = TypeVar("Weights")


@dataclass(frozen=True, eq=False)
class Replicas(Generic[Weights]):
    """The replicas behind an RSGD solution (their centre).

    weights: (R, *weight_shape) int8; of a deep network one such array per layer. errors: (R,) train errors.
    history: (epochs, R) train errors after each epoch that was looked at, else NaN. spread: mean Hamming distance
    between two replicas, as a fraction of the weights.
    """

    weights: Weights
    errors: NDArray[np.float64]
    history: NDArray[np.float64]
    spread: float


@dataclass(frozen=True, eq=False)
class Solution:
    """Binary weights of a machine and, if they come from `fit`, what is known of their making.

    machine: the architecture. weights: int8, all -1 or +1, of shape machine.weight_shape; read-only.
    latents: float32 of the same shape, the continuous weights of BinaryNet (the centre's for RSGD), or None.
    history: (epochs,) train error after each epoch, or None. replicas: only for RSGD. algorithm: what made it.
    Raises InvalidInputError if the weights do not fit the machine.
    """

    machine: Machine
    weights: Signs
    latents: NDArray[np.float32] | None = None
    history: NDArray[np.float64] | None = None
    replicas: Replicas[Signs] | None = None
    algorithm: Algorithm | None = None

    def __post_init__(self) -> None:
        check_machine(self.machine)
        shape = self.machine.weight_shape
        weights = checked_signs("weights", self.weights, len(shape))
        if weights.shape != shape:
            raise InvalidInputError(
                f"weights of shape {weights.shape} do not fit {shown(self.machine)}, which needs {shape}"
            )
        object.__setattr__(self, "weights", weights)
        if self.latents is not None:
            object.__setattr__(self, "latents", finite_float32("latents", self.latents, shape))
        if self.history is not None:
            object.__setattr__(self, "history", real_array("history", self.history))
        if self.replicas is not None:
            self._check_replicas(self.replicas)
        if self.algorithm is not None and not isinstance(self.algorithm, SGD):  # or what a package derives from it
            raise InvalidInputError(f"algorithm={shown(self.algorithm)} is not an SGD, RSGD or ADV")

    def _check_replicas(self, replicas: object) -> None:
        shape = self.machine.weight_shape
        if not isinstance(replicas, Replicas):
            raise InvalidInputError(f"replicas={shown(replicas)} is not a Replicas, as `fit` gives them")
        weights = checked_signs("replicas.weights", replicas.weights, 1 + len(shape))
        if weights.shape[1:] != shape:
            raise InvalidInputError(f"replicas.weights of shape {weights.shape} do not fit {shown(self.machine)}")

    @property
    def units(self) -> Signs:
        """Weights as (H, N), also for the perceptron (H = 1)."""
        return self.weights.reshape(self.machine.n_hidden, self.machine.n_inputs)

    @cached_property
    def words(self) -> Words:
        """Weights packed to (H, W) uint64."""
        return pack(self.units)

    def error_count(self, patterns: Patterns) -> int:
        """Number of patterns with a wrong prediction. Raises InvalidInputError if n_inputs differ."""
        check_fit(self.machine, patterns)
        return count_words(self.machine, self.words, patterns)

    def error(self, patterns: Patterns) -> float:
        """Fraction of patterns with a wrong prediction, in [0, 1]. Raises InvalidInputError if n_inputs differ."""
        return self.error_count(patterns) / patterns.n_patterns

    def predict(self, inputs: ArrayLike) -> Signs:
        """Predicted labels (P,) int8 of inputs (P, N); sign(0) = +1."""
        signs = checked_signs("inputs", inputs, 2)
        patterns = Patterns(signs, np.ones(len(signs), np.int8))
        check_fit(self.machine, patterns)
        return as_signs(outputs(self.machine, self.words, patterns))

    def preactivations(self, patterns: Patterns) -> NDArray[np.int32]:
        """w_h . x_mu, (H, P) int32."""
        check_fit(self.machine, patterns)
        checked_memory("pre-activations", 4 * self.machine.n_hidden * patterns.n_patterns)
        fields = np.empty((self.machine.n_hidden, patterns.n_patterns), np.int32)
        preactivations_into(self.words, patterns.words, self.machine.n_inputs, fields)
        return fields

    def __repr__(self) -> str:
        made = type(self.algorithm).__name__ if self.algorithm else "given weights"
        return f"Solution({self.machine}, {made})"


def check_machine(machine: Machine) -> None:
    """Raise InvalidInputError unless it is a machine."""
    if not isinstance(machine, (Perceptron, CommitteeMachine)):
        raise InvalidInputError(f"machine={shown(machine)} is not a Perceptron or CommitteeMachine")


def check_fit(machine: Machine, patterns: Patterns) -> None:
    """Raise InvalidInputError unless both are what they should be and have the same number of inputs."""
    check_machine(machine)
    if not isinstance(patterns, Patterns):
        raise InvalidInputError(f"{type(patterns).__name__} given where Patterns are needed: Patterns(inputs, labels)")
    if machine.n_inputs != patterns.n_inputs:
        sizes = f"{machine.n_inputs} inputs but the patterns have {patterns.n_inputs}"
        raise InvalidInputError(f"{shown(machine)} has {sizes}")


def check_solutions(*solutions: Solution) -> None:
    """Raise InvalidInputError unless all are solutions."""
    for solution in solutions:
        if not isinstance(solution, Solution):
            kind = type(solution).__name__
            raise InvalidInputError(f"{kind} given where a Solution is needed: Solution(machine, weights)")


def count_words(machine: Machine, words: Words, patterns: Patterns) -> int:
    """Errors of packed weights (H, W) on patterns."""
    return int(np.count_nonzero((outputs(machine, words, patterns) >= 0) != (patterns.labels > 0)))


def outputs(machine: Machine, words: Words, patterns: Patterns) -> NDArray[np.int64]:
    """sum_h c_h sign(w_h . x) of packed weights, (P,) int64."""
    out = np.empty(patterns.stacks.shape[0] * patterns.stacks.shape[2], np.int64)
    outputs_into(words, patterns.stacks, machine.output_signs, machine.n_inputs, out)
    return out[: patterns.n_patterns]
