"""A family in one file: committees of units with real weights, `[model] kind = "sphere"`.

Their function does not change when a unit is rescaled or changes places with another one: solutions are compared raw,
normalised and aligned, by the mean angle between units.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy.optimize import linear_sum_assignment

import binland as bl
from binland.sweep.contracts.family import Family
from binland.sweep.contracts.section import ModelSection, Positive
from binland.sweep.contracts.variable import Coordinate, Variable


class SphereModel(ModelSection):
    kind: Literal["sphere"]
    n_units: Positive = Field(3, title="H", description="number of units H")


@dataclass(frozen=True)
class Machine:
    n_units: int
    n_inputs: int


@dataclass
class Point:
    """A solution: weights (H, N) float64."""

    weights: np.ndarray
    history: np.ndarray | None = None

    def error(self, patterns):
        votes = np.where(patterns.inputs @ self.weights.T >= 0, 1, -1).sum(axis=1)
        return float(np.mean(np.where(votes >= 0, 1, -1) != patterns.labels))


@dataclass(frozen=True, kw_only=True)
class Perceptrons(bl.Algorithm):
    """The perceptron rule for every unit. epochs, rate."""

    families: ClassVar = ("sphere",)

    epochs: int = 5
    rate: float = 0.1

    @property
    def n_records(self):
        return self.epochs

    def fit(self, machine, data, seed, start=None):
        rng = np.random.default_rng(seed)
        weights = rng.normal(size=(machine.n_units, machine.n_inputs)) if start is None else np.array(start)
        history = []
        for _ in range(self.epochs):
            for k in rng.permutation(len(data.labels)):
                fields = weights @ data.inputs[k]
                wrong = fields * data.labels[k] <= 0
                weights[wrong] += self.rate * data.labels[k] * data.inputs[k]
            history.append(Point(weights).error(data))
        return Point(weights, np.array(history))


@dataclass
class Paths:
    samples: np.ndarray
    profile: np.ndarray

    @property
    def max_of_mean(self):
        return float(self.profile.max())

    @property
    def n_points(self):
        return len(self.profile)


class Sphere(Family):
    kinds = ("sphere",)
    Settings = SphereModel
    problem = "clusters"
    algorithms: ClassVar = {"Perceptrons": Perceptrons}
    default_algorithms = ("Perceptrons",)
    states = ("raw", "normalised", "aligned")
    distance_label = "mean angle of units (units of pi)"
    perturbation_label = "noise"
    rebuilt_from = ("real_weights",)

    def build(self, settings, inputs, seed):
        return Machine(settings.n_units, inputs.shape[0])

    def fit(self, model, data, algorithm, seed, compute):
        return algorithm.fit(model, data, seed)

    def n_weights(self, settings, inputs):
        return settings.n_units * inputs.shape[0]

    def variables(self):
        return {"real_weights": Variable(("parameter",), "f8", "1", "weights, row-major", large=True)}

    def lengths(self, settings, inputs, algorithm):
        return {"parameter": Coordinate(self.n_weights(settings, inputs), labelled=False)}

    def encode(self, solution):
        return {"real_weights": solution.weights.reshape(-1)}

    def decode(self, model, arrays, algorithm=None):
        count = model.n_units * model.n_inputs
        return Point(arrays["real_weights"][:count].reshape(model.n_units, model.n_inputs))

    def view(self, state, solutions):
        if state == "raw":
            return list(solutions)
        unit = [Point(normalised(one.weights)) for one in solutions]
        return unit if state == "normalised" else [unit[0], *(self.align(one, unit[0]) for one in unit[1:])]

    def stamp(self):
        return "sphere 1"

    # Verbs

    def align(self, solution, to):
        _, order = linear_sum_assignment(to.weights @ solution.weights.T, maximize=True)
        return Point(solution.weights[order])

    def distance(self, a, b):
        cosines = np.sum(normalised(a.weights) * normalised(b.weights), axis=1)
        return float(np.mean(np.arccos(np.clip(cosines, -1, 1))) / np.pi)

    def shortest_paths(self, start, end, train, orders, seed, points, compute: Any):
        shares = np.linspace(0, 1, 11)
        profile = [Point((1 - share) * start.weights + share * end.weights).error(train) for share in shares]
        return Paths(np.full(orders, max(profile)), np.array(profile))


def normalised(weights):
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


SPHERE = Sphere()
