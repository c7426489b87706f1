"""Solutions: binary weights of a deep network, with their errors and predictions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from binland.algorithms import Algorithm
from binland.bits import Signs, as_signs, blended
from binland.checks import checked_path
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.models import CommitteeMachine, Perceptron, Replicas
from binland.models import Solution as ShallowSolution
from binland.summary import TrainingSummary
from deepbridge.binary.counting import Walk, error_counts, no_ties, predicted_classes
from deepbridge.binary.networks import BinaryMLP, Network, check_fit, check_network
from deepbridge.binary.solution_file import write
from deepbridge.common.data import Dataset, as_array, as_dataset, named

Latents = tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, eq=False)
class Solution(TrainingSummary):
    """Binary weights of a deep network, and how they were made.

    `fit` returns it; your own weights become one by ``Solution(network, weights)``. Arrays of weights, ties and latents
    are copied and read-only.

    Parameters
    ----------
    network : BinaryMLP or BinaryConvNet
        The architecture.
    weights : sequence of array_like
        One array per free layer, of its weight shape, all -1 or +1; kept as int8.
    latents : sequence of array_like, optional
        One float32 array per free layer, whose signs are the weights (sign(0) = +1).
    ties : sequence of array_like, optional
        For each hidden layer (H,) the value of sign(0) of each unit; +1 by default. Only `align`, which reverses units,
        makes others.
    history : numpy.ndarray of shape (epochs,), optional
        Train error after each recorded epoch, NaN after the others.
    replicas : Replicas, optional
        The replicas behind a centre (RSGD).
    algorithm : Algorithm, optional
        The settings that made it.

    Raises
    ------
    InvalidInputError
        If weights are not signs of the network's shapes, or another argument does not fit them.

    Examples
    --------
    >>> import deepbridge as db
    >>> solution = db.Solution(db.BinaryMLP(3, ()), [[[1, -1, -1]]])
    >>> solution.predict([[1, 1, -1], [-1, 1, 1]]).tolist()
    [1, -1]
    """

    network: Network
    weights: tuple[Signs, ...]
    latents: Latents | None = None
    ties: tuple[Signs, ...] = ()
    history: NDArray[np.float64] | None = None
    replicas: Replicas[tuple[Signs, ...]] | None = None
    algorithm: Algorithm | None = None

    _shown = ("network", "algorithm", "weights", "latents", "replicas", "history")

    def __post_init__(self) -> None:
        check_network(self.network)
        shapes = self.network.weight_shapes
        object.__setattr__(self, "weights", checked_layers("weights", self.weights, shapes, np.int8, signs=True))
        units = [(layer.n_units,) for layer in self.network.hidden_layers]
        ties = no_ties(self.network) if isinstance(self.ties, tuple) and not self.ties else self.ties
        object.__setattr__(self, "ties", checked_layers("ties", ties, units, np.int8, signs=True))
        for k, layer in enumerate(self.ties):
            if not self.network.symmetry(k).sign_reversal and np.any(layer < 0):
                raise InvalidInputError(f"ties of layer {k} are not all +1, but its units cannot be reversed")
        if self.latents is not None:
            latents = checked_layers("latents", self.latents, shapes, np.float32)
            for k, (layer, weights) in enumerate(zip(latents, self.weights, strict=True)):
                if not np.array_equal(as_signs(layer), weights):
                    raise InvalidInputError(f"the signs of the latents of layer {k} are not its weights")
            object.__setattr__(self, "latents", latents)
        self._check_origin()

    def _check_origin(self) -> None:
        """Raise InvalidInputError unless history, replicas and algorithm are of the right kind, or None."""
        if self.history is not None and as_array("history", self.history).ndim != 1:
            raise InvalidInputError(f"history={shown(self.history)} is not an array (epochs,)")
        if self.algorithm is not None and not isinstance(self.algorithm, Algorithm):
            raise InvalidInputError(
                f"algorithm={shown(self.algorithm)} is not an SGD, RSGD or ADV, nor another Algorithm"
            )
        if self.replicas is None:
            return
        if not isinstance(self.replicas, Replicas):
            raise InvalidInputError(f"replicas={shown(self.replicas)} are not binland's Replicas")
        found = [np.shape(layer)[1:] for layer in self.replicas.weights]
        if found != list(self.network.weight_shapes):
            raise InvalidInputError(
                f"replicas have weights of shapes (R, ...) {shown(found)}, other than the network's"
            )

    @classmethod
    def from_shallow(cls, solution: ShallowSolution) -> "Solution":
        """A binland solution as a deep network with the same function.

        Parameters
        ----------
        solution : binland.Solution
            Weights of a perceptron, or of a committee machine whose output weights are all +1.

        Returns
        -------
        Solution
            The same weights, latents, history and replicas.

        Raises
        ------
        InvalidInputError
            If it is anything else.
        """
        if not isinstance(solution, ShallowSolution):
            raise InvalidInputError(f"{named(solution)} given where a binland Solution is needed")
        machine = solution.machine
        if isinstance(machine, Perceptron):
            network = BinaryMLP(machine.n_inputs, ())
        elif isinstance(machine, CommitteeMachine) and machine.output_weights is None:
            network = BinaryMLP(machine.n_inputs, (machine.n_hidden,), fixed_output=True)
        else:
            raise InvalidInputError(f"{shown(machine)} is no deep network here: its output weights are not all +1")
        shape = network.weight_shapes[0]
        latents = None if solution.latents is None else (solution.latents.reshape(shape),)
        found = solution.replicas
        replicas: Replicas[tuple[Signs, ...]] | None = None
        if found is not None:
            replicas = Replicas((found.weights.reshape(-1, *shape),), found.errors, found.history, found.spread)
        weights = (solution.weights.reshape(shape),)
        return cls(network, weights, latents, (), solution.history, replicas, solution.algorithm)

    @cached_property
    def flat(self) -> Signs:
        """All weights in one array, (n_weights,) int8: layer by layer, row-major, read-only."""
        flat = np.concatenate([layer.reshape(-1) for layer in self.weights])
        flat.flags.writeable = False
        return flat

    def error_count(self, data: Dataset | Patterns) -> int:
        """Number of patterns with a wrong prediction, exact.

        Parameters
        ----------
        data : Dataset or Patterns
            Data that the network can read.

        Returns
        -------
        int
            Number of errors, 0 to P.

        Raises
        ------
        InvalidInputError
            If the data do not fit.
        """
        dataset = check_fit(self.network, data)
        return int(error_counts(self.network, dataset, Walk.standing(self.flat, self.ties))[0])

    def error(self, data: Dataset | Patterns) -> float:
        """Fraction of patterns with a wrong prediction.

        Parameters
        ----------
        data : Dataset or Patterns
            Data that the network can read.

        Returns
        -------
        float
            Error in [0, 1].

        Raises
        ------
        InvalidInputError
            If the data do not fit.
        """
        dataset = as_dataset(data)
        return self.error_count(dataset) / dataset.n_patterns

    def predict(self, inputs: ArrayLike) -> NDArray[np.int64]:
        """Labels that the network gives to inputs.

        Parameters
        ----------
        inputs : array_like of shape (P, N) or (P, C, height, width)
            Inputs as in a `Dataset`: 16-bit integers.

        Returns
        -------
        numpy.ndarray of shape (P,), int64
            Predicted labels: -1 or +1 for two classes, else 0 to n_outputs - 1.

        Raises
        ------
        InvalidInputError
            If the inputs do not fit.
        """
        binary = self.network.n_outputs == 1
        images = as_array("inputs", inputs)
        if images.ndim < 2:
            raise InvalidInputError(f"inputs of shape {images.shape} are not (P, ...)")
        labels = np.full(len(images), 1 if binary else 0)
        dataset = check_fit(self.network, Dataset(images, labels, 2 if binary else self.network.n_outputs))
        classes = predicted_classes(self.network, dataset, Walk.standing(self.flat, self.ties))[0]
        return 2 * classes - 1 if binary else classes

    def toward(self, end: "Solution", flipped: NDArray[np.int64], t: float) -> "Solution":
        """The weights after some flips of a path to another solution; `Path.solution` is the usual way to ask for them.

        Parameters
        ----------
        end : Solution
            The other end of the path.
        flipped : numpy.ndarray of shape (k,), int64
            Flat indices of the weights to flip, each once.
        t : float
            Place on the path, 0 to 1, by which latents are interpolated.

        Returns
        -------
        Solution
            The weights there, with latents if both ends have some. Ties that differ are those of the nearer end, +1
            halfway.
        """
        flat = self.flat.copy()
        flat[flipped] *= -1
        weights = self.network.split(flat)
        ties = tuple(
            np.maximum(a, b) if t == 0.5 else b if t > 0.5 else a for a, b in zip(self.ties, end.ties, strict=True)
        )
        if self.latents is None or end.latents is None:
            return Solution(self.network, weights, None, ties)
        layers = zip(self.latents, end.latents, weights, strict=True)
        return Solution(self.network, weights, tuple(blended(*layer, t) for layer in layers), ties)

    def save(self, path: str | Path) -> None:
        """Write everything to a new file, from which `load_solution` restores it bit for bit.

        The file is a safetensors file with weights, latents, ties, history, replicas, network and algorithm. It appears
        complete or not at all, and an existing file is never replaced.

        Parameters
        ----------
        path : str or pathlib.Path
            Name of the new file.

        Raises
        ------
        StoreError
            If the name is taken or cannot be written.
        InvalidInputError
            If the algorithm has settings other than numbers, texts, truth values and tuples of them.
        """
        write(checked_path("path", path), {field.name: getattr(self, field.name) for field in fields(self)})

    def __repr__(self) -> str:
        made = "given weights" if self.algorithm is None else type(self.algorithm).__name__
        return f"Solution({self.network}, {made})"


def check_solution(solution: Solution) -> None:
    """Raise InvalidInputError unless it is a solution of a deep network."""
    if not isinstance(solution, Solution):
        how = "Solution.from_shallow(it)" if isinstance(solution, ShallowSolution) else "Solution(network, weights)"
        raise InvalidInputError(f"{named(solution)} given where a deepbridge Solution is needed: {how}")


def check_same(a: Solution, b: Solution) -> None:
    """Raise InvalidInputError unless both are solutions of one network."""
    check_solution(a)
    check_solution(b)
    if a.network != b.network:
        raise InvalidInputError(f"solutions of different networks, {shown(a.network)} and {shown(b.network)}")


def checked_layers(
    name: str, arrays: Sequence[ArrayLike], shapes: Sequence[tuple[int, ...]], dtype: Any, signs: bool = False
) -> tuple[NDArray[Any], ...]:
    """Read-only copies of the given shapes and type; raises InvalidInputError on other shapes, or values."""
    if isinstance(arrays, Mapping):
        raise InvalidInputError(f"{name} are a {named(arrays)}; give its arrays in the order of the layers, as a list")
    if isinstance(arrays, (str, bytes)) or not isinstance(arrays, Iterable):
        raise InvalidInputError(f"{name}={shown(arrays)} are not a list of arrays of numbers, one for each layer")
    try:
        made = [as_array(name, array) for array in islice(arrays, len(shapes) + 1)]
    except (TypeError, ValueError, RuntimeError):
        raise InvalidInputError(f"{name} are not a list of arrays of numbers, one for each layer") from None
    found = [array.shape for array in made]
    if found != list(shapes):
        raise InvalidInputError(f"{name} have the shapes {shown(found)}; the network needs {shown(list(shapes))}")
    for k, array in enumerate(made):
        if signs and not np.all((array == 1) | (array == -1)):
            raise InvalidInputError(f"{name} of layer {k} hold values other than -1 and +1; convert them first")
        if not np.all(np.abs(array) <= np.finfo(np.float32).max):
            raise InvalidInputError(f"{name} of layer {k} are not all finite numbers, at most 3.4e38 in size")
        made[k] = np.array(array, dtype, order="C")
        made[k].flags.writeable = False
    return tuple(made)
