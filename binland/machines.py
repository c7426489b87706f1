"""Binary perceptron and committee machine, and their exact symmetries."""

from dataclasses import dataclass

import numpy as np

from binland.bits import Signs, random_signs
from binland.checks import checked_memory, positive_int
from binland.data import checked_signs
from binland.errors import InvalidInputError, shown
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


def check_machine(machine: Machine) -> None:
    """Raise InvalidInputError unless it is a machine."""
    if not isinstance(machine, (Perceptron, CommitteeMachine)):
        raise InvalidInputError(f"machine={shown(machine)} is not a Perceptron or CommitteeMachine")
