"""Solutions: +-1 weights of a machine, their errors and predictions."""

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
    """Binary weights of a machine and, if they come from `fit`, what is known of their making.

    machine: the architecture. weights: int8, all -1 or +1, of shape machine.weight_shape.
    latents: float32 of the same shape, whose signs are the weights (sign(0) = +1): the continuous weights of BinaryNet
    (the centre's for RSGD), or None. history: (epochs,) float64, train error after each epoch, NaN where nobody looked,
    or None. replicas: only for RSGD. algorithm: the settings that made it, or None. Arrays are copied and read-only.
    Raises InvalidInputError if weights, latents or replicas do not fit the machine or each other.
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

    def toward(self, end: "Solution", flipped: NDArray[np.int64], t: float) -> "Solution":
        """The solution after some flips of a path to `end`; `Path.solution` says what its latents are."""
        weights = self.weights.copy()
        np.multiply.at(weights.reshape(-1), flipped, np.int8(-1))  # a place may come again
        if self.latents is None or end.latents is None:
            return Solution(self.machine, weights)
        return Solution(self.machine, weights, blended(self.latents, end.latents, weights, t))

    def save(self, path: str | Path) -> None:
        """Write everything to a new safetensors file, from which `binland.load` gives it back to the last bit.

        Weights, latents, history, replicas, machine and algorithm; nothing is replaced, and the file is there whole or
        not at all. Raises StoreError if the name is taken or cannot be written, InvalidInputError if the algorithm has
        settings that are not plain.
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
            kind = type(solution).__name__
            raise InvalidInputError(f"{kind} given where a Solution is needed: Solution(machine, weights)")


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
