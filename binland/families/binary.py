"""What families of binary weights share: how a solution becomes arrays, eight weights to a byte."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from binland.bits import as_signs, from_bytes, to_bytes
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.family import Arrays, Family
from binland.sweep.contracts.problem import Inputs
from binland.sweep.contracts.section import ModelSection
from binland.sweep.contracts.variable import Coordinate, Variable

M = TypeVar("M", bound=ModelSection)


class BinaryFamily(Family[M]):
    """Base of families with binary weights: they have latents, and replicas if the algorithm has some."""

    states = ("raw", "aligned")
    distance_label = "Hamming distance (fraction of weights)"
    perturbation_label = "flipped weights (%)"
    rebuilt_from = ("weights",)
    latents = ("latents",)

    def weights(self, solution: Any) -> NDArray[np.int8]:
        """All weights, (n_weights,) int8, -1 or +1."""
        raise NotImplementedError

    def latent_weights(self, solution: Any) -> NDArray[np.float32] | None:
        """All latents, (n_weights,) float32, or None."""
        raise NotImplementedError

    def variables(self) -> dict[str, Variable]:
        """Stored: packed weights, latents and what is known of replicas."""
        spread = "mean Hamming distance between two replicas, fraction of weights"
        packed = "binary weights, eight to a byte, lowest bit first, 1 is +1"
        return {
            "replica_error": Variable(("replica",), "f8", "1", "train error of each replica of RSGD", optional=True),
            "replica_spread": Variable((), "f8", "1", spread, optional=True),
            "weights": Variable(("byte",), "u1", "1", packed, large=True),
            "latents": Variable(("weight",), "f4", "1", "continuous weights of BinaryNet, row-major", True, True),
        }

    def lengths(self, settings: M, inputs: Inputs, algorithm: Algorithm) -> dict[str, Coordinate]:
        """Numbers of replicas, of bytes of packed weights, and of weights."""
        count = self.n_weights(settings, inputs)
        return {
            "replica": Coordinate(getattr(algorithm, "replicas", 1)),
            "byte": Coordinate(-(-count // 8), labelled=False),
            "weight": Coordinate(count, labelled=False),
        }

    def encode(self, solution: Any) -> dict[str, NDArray[Any]]:
        """The arrays of a solution, without those that it does not have."""
        arrays: dict[str, NDArray[Any]] = {"weights": to_bytes(self.weights(solution))}
        if solution.replicas is not None:
            arrays["replica_error"] = solution.replicas.errors
            arrays["replica_spread"] = np.array(solution.replicas.spread)
        latents = self.latent_weights(solution)
        return arrays if latents is None else arrays | {"latents": latents}

    def majority(self, model: Any, solutions: Sequence[Any]) -> Any:
        """The solution whose weights are the signs of the sum of the solutions' weights, sign(0) = +1."""
        total = np.sum([self.weights(solution) for solution in solutions], axis=0)
        return self.decode(model, {"weights": to_bytes(as_signs(total))})

    @staticmethod
    def unpacked(arrays: Arrays, count: int) -> tuple[NDArray[np.int8], NDArray[np.float32] | None]:
        """Weights and latents of a model with `count` weights, without padding."""
        latents = arrays.get("latents")
        return from_bytes(arrays["weights"], (count,)), None if latents is None else latents[:count]

    @staticmethod
    def history(arrays: Arrays) -> NDArray[np.float64] | None:
        """The train-error history without padding, or None."""
        history = arrays.get("history")
        return None if history is None else history[~np.isnan(history)]
