"""Solutions: binary weights of a machine, with their errors and predictions."""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from binland.bits import Signs, Words, as_signs, blended, pack
from binland.checks import checked_memory, checked_path, finite_float32, read_only, shaped_floats
from binland.data import Patterns, checked_signs
from binland.errors import InvalidInputError, shown
from binland.kernels.forward import outputs_into, preactivations_into
from binland.machines import CommitteeMachine, Machine, Perceptron, Symmetry, check_machine
from binland.results import Replicas
from binland.solution_file import write
from binland.summary import TrainingSummary
from binland.sweep.contracts.algorithm import Algorithm

__all__ = [
    "CommitteeMachine",
    "Machine",
    "Perceptron",
    "Replicas",
    "Solution",
    "Symmetry",
    "check_fit",
    "check_machine",
    "check_same",
    "check_solutions",
    "count_words",
    "outputs",
]


@dataclass(frozen=True, eq=False)
class Solution(TrainingSummary):
    """Binary weights of a machine, and how they were made.

    `fit` returns it; your own weights become one by ``Solution(machine, weights)``. "Solution" does not mean that the
    train error is zero. Arrays are copied and read-only.

    Parameters
    ----------
    machine : Perceptron or CommitteeMachine
        The architecture.
    weights : array_like of shape machine.weight_shape
        The weights, all -1 or +1; kept as int8.
    latents : array_like of the same shape, optional
        The continuous weights behind the binary ones, float32, whose signs are the weights (sign(0) = +1): what
        BinaryNet trains; for RSGD the centre of the replicas.
    history : array_like of shape (epochs,), optional
        Train error after each epoch, NaN where it was not recorded; float64.
    replicas : Replicas, optional
        The replicas behind a centre (RSGD, or annealing with several replicas).
    algorithm : Algorithm, optional
        The settings that made it.

    Raises
    ------
    InvalidInputError
        If the weights are not signs of the machine's shape, or another argument does not fit them.

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns([[1, 1, -1], [-1, 1, 1]], [1, -1])
    >>> solution = bl.Solution(bl.Perceptron(3), [1, -1, -1])
    >>> solution.predict(patterns.inputs).tolist(), solution.error(patterns)
    ([1, -1], 0.0)
    """

    machine: Machine
    weights: Signs
    latents: NDArray[np.float32] | None = None
    history: NDArray[np.float64] | None = None
    replicas: Replicas[Signs] | None = None
    algorithm: Algorithm | None = None

    _shown = ("machine", "algorithm", "weights", "latents", "replicas", "history")

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
            object.__setattr__(self, "latents", checked_latents(self.latents, weights))
        if self.history is not None:
            object.__setattr__(self, "history", shaped_floats("history", self.history, (None,)))
        if self.replicas is not None:
            object.__setattr__(self, "replicas", checked_replicas(self.replicas, self.machine))
        if self.algorithm is not None and not isinstance(self.algorithm, Algorithm):
            raise InvalidInputError(
                f"algorithm={shown(self.algorithm)} is not an SGD, RSGD or ADV, nor another Algorithm"
            )

    @property
    def units(self) -> Signs:
        """Weights as (H, N) int8; a perceptron is one unit, H = 1."""
        return self.weights.reshape(self.machine.n_hidden, self.machine.n_inputs)

    @cached_property
    def words(self) -> Words:
        """Weights packed into bits, (H, W) uint64 with W = ceil(N / 64)."""
        return pack(self.units)

    def error_count(self, patterns: Patterns) -> int:
        """Number of patterns with a wrong prediction, exact.

        Parameters
        ----------
        patterns : Patterns
            Patterns with as many inputs as the machine.

        Returns
        -------
        int
            Number of errors, 0 to P.

        Raises
        ------
        InvalidInputError
            If the number of inputs differs.
        """
        check_fit(self.machine, patterns)
        return count_words(self.machine, self.words, patterns)

    def error(self, patterns: Patterns) -> float:
        """Fraction of patterns with a wrong prediction.

        Parameters
        ----------
        patterns : Patterns
            Patterns with as many inputs as the machine.

        Returns
        -------
        float
            Error in [0, 1].

        Raises
        ------
        InvalidInputError
            If the number of inputs differs.
        """
        return self.error_count(patterns) / patterns.n_patterns

    def predict(self, inputs: ArrayLike) -> Signs:
        """Labels that the machine gives to inputs.

        Parameters
        ----------
        inputs : array_like of shape (P, N)
            Inputs, all -1 or +1.

        Returns
        -------
        numpy.ndarray of shape (P,), int8
            Predicted labels, -1 or +1; sign(0) = +1.

        Raises
        ------
        InvalidInputError
            If the inputs are not signs or have another width.
        """
        signs = checked_signs("inputs", inputs, 2)
        patterns = Patterns(signs, np.ones(len(signs), np.int8))
        check_fit(self.machine, patterns)
        return as_signs(outputs(self.machine, self.words, patterns))

    def preactivations(self, patterns: Patterns) -> NDArray[np.int32]:
        """Pre-activations w_h . x of every hidden unit on every pattern.

        Parameters
        ----------
        patterns : Patterns
            Patterns with as many inputs as the machine.

        Returns
        -------
        numpy.ndarray of shape (H, P), int32
            The sums, not divided by sqrt(N).

        Raises
        ------
        InvalidInputError
            If the number of inputs differs or the sums do not fit into memory.
        """
        check_fit(self.machine, patterns)
        checked_memory("pre-activations", 4 * self.machine.n_hidden * patterns.n_patterns)
        fields = np.empty((self.machine.n_hidden, patterns.n_patterns), np.int32)
        preactivations_into(self.words, patterns.words, self.machine.n_inputs, fields)
        return fields

    def toward(self, end: "Solution", flipped: NDArray[np.int64], t: float) -> "Solution":
        """The weights after some flips of a path to another solution; `Path.solution` is the usual way to ask for them.

        Parameters
        ----------
        end : Solution
            The other end of the path.
        flipped : numpy.ndarray of shape (k,), int64
            Flat indices of the weights to flip; one that occurs twice is flipped back.
        t : float
            Place on the path, 0 to 1, by which latents are interpolated.

        Returns
        -------
        Solution
            The weights there, with latents if both ends have some.
        """
        weights = self.weights.copy()
        np.multiply.at(weights.reshape(-1), flipped, np.int8(-1))  # a place may come again
        if self.latents is None or end.latents is None:
            return Solution(self.machine, weights)
        return Solution(self.machine, weights, blended(self.latents, end.latents, weights, t))

    def save(self, path: str | Path) -> None:
        """Write everything to a new file, from which `load` restores it bit for bit.

        The file is a safetensors file with weights, latents, history, replicas, machine and algorithm. It appears
        complete or not at all, and an existing file is never replaced.

        Parameters
        ----------
        path : str or pathlib.Path
            Name of the new file, for example "flat.safetensors".

        Raises
        ------
        StoreError
            If the name is taken or cannot be written.
        InvalidInputError
            If the algorithm has settings other than numbers, texts, truth values and tuples of them.
        """
        write(checked_path("path", path), {field.name: getattr(self, field.name) for field in fields(self)})

    def __repr__(self) -> str:
        made = type(self.algorithm).__name__ if self.algorithm else "given weights"
        return f"Solution({self.machine}, {made})"


def checked_latents(latents: object, weights: Signs) -> NDArray[np.float32]:
    """A read-only float32 copy; raises InvalidInputError unless its signs, sign(0) = +1, are the weights."""
    array = finite_float32("latents", latents, weights.shape)
    differing = int(np.count_nonzero(as_signs(array) != weights))
    if differing:
        raise InvalidInputError(
            f"the signs of the latents differ from the weights in {differing} of {weights.size} places (sign(0) = +1);"
            " give latents=None, or weights with their signs"
        )
    return read_only(array)


def checked_replicas(replicas: object, machine: Machine) -> Replicas[Signs]:
    """Replicas with arrays copied and read-only; raises InvalidInputError unless they are such, of this machine."""
    if not isinstance(replicas, Replicas):
        raise InvalidInputError(f"replicas={shown(replicas)} is not a Replicas, as `fit` gives them")
    shape = machine.weight_shape
    weights = checked_signs("replicas.weights", replicas.weights, 1 + len(shape))
    if weights.shape[1:] != shape:
        raise InvalidInputError(f"replicas.weights of shape {weights.shape} do not fit {shown(machine)}")
    errors = shaped_floats("replicas.errors", replicas.errors, (len(weights),))
    history = shaped_floats("replicas.history", replicas.history, (None, len(weights)))
    spread = float(shaped_floats("replicas.spread", replicas.spread, ()))
    return Replicas(weights, errors, history, spread)


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
            package = type(solution).__module__.partition(".")[0]
            kind = f"{package}.".removeprefix("builtins.") + type(solution).__name__
            raise InvalidInputError(f"{kind} given where a binland.Solution(machine, weights) is needed")


def check_same(a: Solution, b: Solution) -> None:
    """Raise InvalidInputError unless both are solutions of one machine."""
    check_solutions(a, b)
    if a.machine != b.machine:
        raise InvalidInputError(
            f"solutions of different machines, {shown(a.machine)} and {shown(b.machine)}; `align` one to the other"
        )


def count_words(machine: Machine, words: Words, patterns: Patterns) -> int:
    """Errors of packed weights (H, W) on patterns."""
    return int(np.count_nonzero((outputs(machine, words, patterns) >= 0) != (patterns.labels > 0)))


def outputs(machine: Machine, words: Words, patterns: Patterns) -> NDArray[np.int64]:
    """sum_h c_h sign(w_h . x) of packed weights, (P,) int64."""
    out = np.empty(patterns.stacks.shape[0] * patterns.stacks.shape[2], np.int64)
    outputs_into(words, patterns.stacks, machine.output_signs, machine.n_inputs, out)
    return out[: patterns.n_patterns]
