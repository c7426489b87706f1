"""A family from outside: committee machines on random labels, swept over their width, registered as a package would."""

import tomllib
from dataclasses import dataclass, fields
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

import binland as bl
from binland.paths import optimized_midpoint
from binland.sweep.family import Family
from binland.sweep.identity import identify
from binland.sweep.spec import GridSpec, ModelSpec, Positive, Section, SweepSpec, check_settings

N_HIDDEN = 3
POINTS = 4  # of a path that are evaluated


class Data(Section):
    n_patterns: Positive = 20


class Model(ModelSpec):
    kind: Literal["toy"]


class Grid(GridSpec):
    width: Annotated[list[Positive], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class WarmSGD(bl.SGD):
    """An algorithm of its own, with one more setting."""

    temperature: float = 0.0

    def plain(self):
        """What binland trains of it."""
        return bl.SGD(**{field.name: getattr(self, field.name) for field in fields(bl.SGD)})


class Spec(SweepSpec):
    kinds = {"SGD": WarmSGD, "ADV": bl.ADV}  # noqa: RUF012

    data: Data = Data()
    model: Model
    grid: Grid


@dataclass
class Coarse:
    """A barrier that knows a few points of its paths."""

    samples: np.ndarray
    profile: np.ndarray

    @property
    def max_of_mean(self):
        return float(self.profile.max())


@dataclass
class Plane:
    errors: np.ndarray
    corners: np.ndarray
    x: np.ndarray
    y: np.ndarray


class Toy(Family):
    axis, symbol, meaning = "width", "L", "number of inputs"
    spec = Spec
    libraries = ("pytest",)

    def machine(self, spec, size, disorder):
        return bl.CommitteeMachine(size, N_HIDDEN)

    def train(self, spec, size, disorder):
        return self._patterns(spec, size, disorder, "train")

    def test(self, spec, size, disorder):
        return self._patterns(spec, size, disorder, "test")

    def _patterns(self, spec, size, disorder, purpose):
        seed = identify(self.disorder_key(spec, size, disorder) | {"purpose": purpose}).seed
        return bl.Patterns.random(spec.data.n_patterns, size, seed)

    def n_weights(self, spec, size):
        return N_HIDDEN * size

    def fit(self, spec, machine, train, algorithm, seed):
        return bl.fit(machine, train, _trained(algorithm), seed)

    def local_energy(self, spec, solution, train, seed):
        return bl.local_energy(solution, train, spec.measure.fractions, spec.measure.realizations, seed).samples

    def align(self, solution, to):
        return bl.align(solution, to).solution

    def hamming(self, a, b):
        return bl.hamming(a, b)

    def barrier(self, spec, start, end, train, seed):
        whole = bl.barrier(start, end, train, spec.measure.orders, seed)
        places = np.linspace(0, len(whole.profile) - 1, POINTS).round().astype(int)
        return Coarse(whole.samples, whole.profile[places])

    def midpoint(self, spec, start, end, train, algorithm, seed):
        return optimized_midpoint(start, end, train, _trained(algorithm), seed)

    def plane(self, spec, solutions, train, points):
        flat = [solution.latents.reshape(-1).astype(float) for solution in solutions]
        first, second = (vector - flat[0] for vector in flat[1:])
        across = first / np.linalg.norm(first)
        up = second - (second @ across) * across
        up /= np.linalg.norm(up)
        corners = np.array([[(vector - flat[0]) @ across, (vector - flat[0]) @ up] for vector in flat])
        x, y = (np.linspace(corners[:, k].min(), corners[:, k].max(), points) for k in range(2))
        machine = solutions[0].machine

        def error(a, b):
            latents = (flat[0] + a * across + b * up).reshape(machine.weight_shape)
            return bl.Solution(machine, np.where(latents >= 0, 1, -1)).error(train)

        return Plane(np.array([[error(a, b) for a in x] for b in y]), corners, x, y)

    def weights(self, solution):
        return solution.weights.reshape(-1)

    def latents(self, solution):
        return solution.latents.reshape(-1)

    def rebuild(self, machine, weights, latents=None, history=None, algorithm=None):
        shape = machine.weight_shape
        latents = None if latents is None else latents.reshape(shape)
        return bl.Solution(machine, weights.reshape(shape), latents, history=history, algorithm=algorithm)

    def disorder_key(self, spec, size, disorder):
        return {"seed": spec.seed, "width": size, "disorder": disorder, "n_patterns": spec.data.n_patterns}

    def model_key(self, spec):
        return {"kind": spec.model.kind}

    def stamp(self):
        return "toy 1"


FAMILY = Toy()


def _trained(algorithm):
    return algorithm.plain() if isinstance(algorithm, WarmSGD) else algorithm


def install(folder):
    """What pip leaves of a package with the toy, and with a kind that needs more; `folder` is on the path."""
    found = folder / "toy-1.0.dist-info"
    found.mkdir(exist_ok=True)
    (found / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    entries = "[binland.families]\ntoy = tests.sweep.toy:FAMILY\nlost = a_package_that_is_not_there:FAMILY\n"
    (found / "entry_points.txt").write_text(entries)


TEXT = """
title = "toy"
seed = 5
[model]
kind = "toy"
[grid]
width = [15, 9]
disorder_samples = 2
[algorithms.ADV]
epochs = 3
pretrain_epochs = 2
[algorithms.SGD]
epochs = 4
temperature = 0.5
[measure]
fractions = [0.1]
realizations = 2
orders = 2
profile_points = 4
midpoints = 2
plane_points = 5
[store]
latents = true
"""


def settings(**changes):
    """Plain settings; changes are `section={key: value}`."""
    plain = tomllib.loads(TEXT)
    for section, change in changes.items():
        plain[section] = {**plain.get(section, {}), **change}
    return plain


def spec(**changes):
    return check_settings(settings(**changes), "toy")
