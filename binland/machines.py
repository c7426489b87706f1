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
    """Transformations of the hidden units that leave the outputs unchanged on every input, ties included.

    permutation: units may change places, each with its output weight. sign_reversal: the weights of a unit and its
    output weight may change sign together, so that the unit can take a place with the opposite output weight. Exact
    only for odd n_inputs, because sign(0) = +1 does not change sign. If all output weights are +1, as in the paper,
    there is no such place.
    """

    permutation: bool
    sign_reversal: bool


@dataclass(frozen=True)
class Perceptron:
    """Binary perceptron: output sign(w . x) with N weights that are -1 or +1, sign(0) = +1.

    Parameters
    ----------
    n_inputs : int
        Number of inputs N, at least 1. With an odd number there are no ties w . x = 0.

    Raises
    ------
    InvalidInputError
        If the size is below 1.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 5.1.

    Examples
    --------
    >>> import binland as bl
    >>> bl.Perceptron(n_inputs=101).n_weights
    101
    """

    n_inputs: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_inputs", positive_int("n_inputs", self.n_inputs))

    n_hidden = 1
    linear = True  # the logit is w . x / sqrt(N) itself, not its sign

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weights, (N,)."""
        return (self.n_inputs,)

    @property
    def n_weights(self) -> int:
        """Number of binary weights N."""
        return self.n_inputs

    @property
    def output_signs(self) -> Signs:
        """Output weights, (1,) int8: the perceptron is a committee machine with a single unit of output weight +1."""
        return np.ones(1, np.int8)

    @property
    def symmetry(self) -> Symmetry:
        """No symmetry: two different weight vectors are two different functions."""
        return Symmetry(permutation=False, sign_reversal=False)


@dataclass(frozen=True)
class CommitteeMachine:
    """Fully connected committee machine: output sign(sum_h c_h sign(w_h . x)), sign(0) = +1.

    Each of the H hidden units has N binary weights w_h and sees all N inputs. The output weights c_h are fixed.

    Parameters
    ----------
    n_inputs : int
        Number of inputs N, at least 1.
    n_hidden : int
        Number of hidden units H, at least 1; 101 in the paper. With odd N and H there are no ties.
    output_weights : sequence of int, optional
        The H output weights c_h, -1 or +1. None, the default, means all +1, as in the paper.

    Raises
    ------
    InvalidInputError
        If a size is below 1 or the output weights are not H signs.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 5.1 and appendix B.

    Examples
    --------
    >>> import binland as bl
    >>> bl.CommitteeMachine(n_inputs=101, n_hidden=11).weight_shape
    (11, 101)
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

        Parameters
        ----------
        n_inputs : int
            Number of inputs N, at least 1.
        n_hidden : int
            Number of hidden units H, at least 1.
        seed : int, SeedSequence or Generator
            Fixes the output weights.

        Returns
        -------
        CommitteeMachine
            The machine.

        Raises
        ------
        InvalidInputError
            If a size is below 1, the output weights do not fit into memory, or the seed is not one.
        """
        count = positive_int("n_hidden", n_hidden)
        checked_memory(f"{count} output weights", 32 * count)
        signs = random_signs(generator(seed, "output_weights"), count)
        return cls(n_inputs, n_hidden, tuple(int(c) for c in signs))

    linear = False

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weights, (H, N)."""
        return (self.n_hidden, self.n_inputs)

    @property
    def n_weights(self) -> int:
        """Number of binary weights H N (the output weights are fixed)."""
        return self.n_hidden * self.n_inputs

    @property
    def output_signs(self) -> Signs:
        """Output weights c_h, (H,) int8."""
        return (
            np.ones(self.n_hidden, np.int8) if self.output_weights is None else np.array(self.output_weights, np.int8)
        )

    @property
    def symmetry(self) -> Symmetry:
        """Units may be permuted; with output weights of both signs and odd n_inputs they may be reversed as well."""
        return Symmetry(permutation=True, sign_reversal=self.output_weights is not None and self.n_inputs % 2 == 1)


Machine = Perceptron | CommitteeMachine


def check_machine(machine: Machine) -> None:
    """Raise InvalidInputError unless it is a machine."""
    if not isinstance(machine, (Perceptron, CommitteeMachine)):
        raise InvalidInputError(f"machine={shown(machine)} is not a Perceptron or CommitteeMachine")
