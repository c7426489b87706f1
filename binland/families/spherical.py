"""The spherical perceptron with a margin, `[model] kind = "spherical"`."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.rng import Seed
from binland.spherical.instances import Instance, Perceptron, Solution
from binland.spherical.sampling import sample
from binland.spherical.simplices import energies
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.family import Arrays, Family
from binland.sweep.contracts.problem import Inputs
from binland.sweep.contracts.section import ModelSection
from binland.sweep.contracts.variable import Coordinate, Variable


class SphericalModel(ModelSection):
    """The spherical perceptron: a solution has W . xi / sqrt(N) > kappa for every pattern."""

    kind: Literal["spherical"] = Field(description="the model; decides what the other keys are")
    kappa: float = Field(0.0, ge=-4, le=4, title="kappa", description="margin kappa")


class Spherical(Family[SphericalModel]):
    """Weights on the sphere |W|^2 = N. It has no symmetry."""

    kinds = ("spherical",)
    Settings = SphericalModel
    problem = "gaussian"
    default_algorithms = ("Sampler", "MarginDescent")
    states = ("raw",)
    rebuilt_from = ("real_weights",)

    def takes(self, settings: SphericalModel, inputs: Inputs) -> None:
        """Inputs have to be vectors, with two classes."""
        if len(inputs.shape) != 1 or inputs.n_classes != 2:
            raise ValueError(
                f'model.kind = "spherical" takes inputs (N,) and labels -1 and +1, not shape {inputs.shape} in'
                f" {inputs.n_classes} classes; choose another data.kind"
            )

    def build(
        self, settings: SphericalModel, inputs: Inputs, seed: Callable[..., np.random.SeedSequence]
    ) -> Perceptron:
        """The model: N and the margin."""
        return Perceptron(inputs.shape[0], settings.kappa)

    def data(self, patterns: Any, inputs: Inputs) -> Instance:
        """Patterns with their labels absorbed, inputs times labels."""
        if isinstance(patterns, Instance):
            return patterns
        return Instance(np.asarray(patterns.inputs, float) * np.asarray(patterns.labels, float)[:, None])

    def fit(self, model: Perceptron, data: Instance, algorithm: Algorithm, seed: Seed, compute: Any) -> Solution:
        """Train by the algorithm's own `fit`."""
        return algorithm.fit(model, data, seed)

    def n_weights(self, settings: SphericalModel, inputs: Inputs) -> int:
        """Number of weights N."""
        return inputs.shape[0]

    def variables(self) -> dict[str, Variable]:
        """Stored: the weights."""
        return {"real_weights": Variable(("weight",), "f8", "1", "weights W, |W|^2 = N", large=True)}

    def lengths(self, settings: SphericalModel, inputs: Inputs, algorithm: Algorithm) -> dict[str, Coordinate]:
        """Number of weights N."""
        return {"weight": Coordinate(inputs.shape[0], labelled=False)}

    def encode(self, solution: Solution) -> dict[str, NDArray[Any]]:
        """The weights as an array."""
        return {"real_weights": solution.weights}

    def decode(self, model: Perceptron, arrays: Arrays, algorithm: Algorithm | None = None) -> Solution:
        """A solution from its weights."""
        weights = np.asarray(arrays["real_weights"])[: model.n_inputs]
        return Solution(weights, model.kappa, arrays.get("history"), algorithm)

    def coordinates(self, settings: SphericalModel) -> dict[str, tuple[float, str]]:
        """The margin, to plot against."""
        return {"margin": (settings.kappa, "margin kappa")}

    def summary(self, settings: SphericalModel) -> str:
        """The margin, in words."""
        return f"spherical perceptron, kappa = {settings.kappa:g}"

    def warm_up(self) -> None:
        """Compile or load the kernel of the sampler."""
        sample(Instance([[1.0, 0.0]]), -2.0, 1, 0, spacing=1, burn_in=0, start=[1.0, 0.0])  # type: ignore[arg-type]

    # Verbs

    def overlap(self, a: Solution, b: Solution) -> float:
        """Overlap W . W' / N of two solutions."""
        return float(a.weights @ b.weights) / len(a.weights)

    def margin(self, solution: Solution) -> float:
        """The margin that was asked for."""
        return solution.kappa

    def simplex_energies(
        self, solutions: Sequence[Solution], train: Instance, shares: NDArray[np.float64], threshold: float
    ) -> NDArray[np.float64]:
        """Energies on a simplex, `bl.spherical.energies`."""
        return energies(train, solutions, shares, threshold)


SPHERICAL = Spherical()
