"""A family with every verb in one file: committees whose width is swept and whose paths are known at a few points,
`[model] kind = "coarse"`, trained by an algorithm of its own."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

import binland as bl
from binland.families.binary import BinaryFamily
from binland.paths import optimized_midpoint
from binland.sweep.contracts.section import ModelSection, Positive

POINTS = 4  # of a path that are evaluated


class CoarseModel(ModelSection):
    kind: Literal["coarse"]
    width: Positive = Field(3, title="L", description="number of hidden units L")


@dataclass(frozen=True, kw_only=True)
class WarmSGD(bl.SGD):
    """SGD with one more setting."""

    families: ClassVar = ("coarse",)

    temperature: float = 0.0

    def fit(self, machine, data, seed, start=None):
        return bl.fit(machine, data, plain(self), seed, start)


def plain(algorithm):
    return bl.SGD(**{field.name: getattr(algorithm, field.name) for field in fields(bl.SGD)})


@dataclass
class Paths:
    """Errors along paths, known at a few points."""

    samples: np.ndarray
    profile: np.ndarray

    @property
    def n_points(self):
        return len(self.profile)

    @property
    def max_of_mean(self):
        return float(self.profile.max())


class Coarse(BinaryFamily):
    kinds = ("coarse",)
    Settings = CoarseModel
    problem = "random-labels"
    algorithms: ClassVar = {"WarmSGD": WarmSGD, "ADV": bl.ADV}
    default_algorithms = ("WarmSGD",)
    libraries = ("pytest",)

    def build(self, settings, inputs, seed):
        return bl.CommitteeMachine(inputs.shape[0], settings.width)

    def fit(self, model, data, algorithm, seed, compute):
        return bl.fit(model, data, algorithm, seed)

    def n_weights(self, settings, inputs):
        return settings.width * inputs.shape[0]

    def weights(self, solution):
        return solution.weights.reshape(-1)

    def latent_weights(self, solution):
        return None if solution.latents is None else solution.latents.reshape(-1)

    def decode(self, model, arrays, algorithm=None):
        weights, latents = self.unpacked(arrays, model.n_weights)
        shape = model.weight_shape
        latents = None if latents is None else latents.reshape(shape)
        return bl.Solution(model, weights.reshape(shape), latents, self.history(arrays), None, algorithm)

    def stamp(self):
        return "coarse 1"

    # Verbs

    def align(self, solution, to):
        return bl.align(solution, to).solution

    def distance(self, a, b):
        return bl.hamming(a, b)

    def local_energy(self, solution, train, fractions, realizations, seed, compute):
        return bl.local_energy(solution, train, fractions, realizations, seed).samples

    def shortest_paths(self, start, end, train, orders, seed, points, compute: Any):
        whole = bl.barrier(start, end, train, orders, seed)
        places = np.linspace(0, len(whole.profile) - 1, POINTS).round().astype(int)
        return Paths(whole.samples, whole.profile[places])

    def midpoint(self, start, end, train, algorithm, seed, compute):
        return optimized_midpoint(start, end, train, plain(algorithm), seed)

    def plane(self, solutions, train, points, compute):
        return bl.plane(*solutions, train, points)


COARSE = Coarse()
