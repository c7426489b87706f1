"""What a worker does with one task: pure functions from a spec and a task to named arrays."""

import time
import traceback
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from binland.algorithms import SGD
from binland.bits import from_bytes, to_bytes
from binland.errors import BinlandError
from binland.rng import Seed
from binland.sweep.family import Barrier, Machine, Patterns, Solution
from binland.sweep.spec import SweepSpec, parse_canonical
from binland.sweep.tasks import LEGS, SYMMETRY, BendTask, PairTask, SolutionTask, Task, streams

Arrays = dict[str, NDArray[Any]]
Seeds = dict[str, np.random.SeedSequence]


class Job(NamedTuple):
    """A task and all that it needs: packed weights, and latents where it asks for them, of the solutions it `needs`."""

    task: Task
    weights: tuple[NDArray[np.uint8], ...] = ()
    latents: tuple[NDArray[np.float32], ...] = ()


class Outcome(NamedTuple):
    """What came of a task: arrays of its variables without grid dimensions, wall seconds; or a traceback."""

    arrays: Arrays
    seconds: float
    failure: str = ""


def execute(text: str, job: Job) -> Outcome:
    """Run one task of the spec with canonical text `text`; a task that raises gives a failure."""
    began = time.perf_counter()
    try:
        arrays = _arrays(text, job)
    except BinlandError as error:  # says itself what is wrong
        return Outcome({}, time.perf_counter() - began, f"{type(error).__name__}: {error}")
    except Exception:
        return Outcome({}, time.perf_counter() - began, traceback.format_exc())
    return Outcome(arrays, time.perf_counter() - began)


def _arrays(text: str, job: Job) -> Arrays:
    spec, task, cell = parsed(text), job.task, job.task.cell
    machine, train = draw_problem(text, cell.size, cell.disorder)
    seeds = {name: stream.seed for name, stream in streams(spec, task).items()}
    if isinstance(task, SolutionTask):
        solution = spec.family.fit(spec, machine, train, spec.algorithm(cell.algorithm), seeds["fit"])
        test = draw_test(text, cell.size, cell.disorder)
        return measured(spec, solution, train, test, seeds["local_energy"])
    solutions = _solutions(spec, job, machine)
    if isinstance(task, PairTask):
        return compared(spec, solutions, train, seeds)
    if isinstance(task, BendTask):
        return bent(spec, solutions, train, spec.midpoint_algorithm, seeds)
    return mapped(spec, solutions, train, spec.measure.plane_points)


def measured(spec: SweepSpec, solution: Solution, train: Patterns, test: Patterns, seed: Seed) -> Arrays:
    """Errors, local energies and weights of a solution from `fit`; the seed draws the flips."""
    family = spec.family
    arrays: Arrays = {
        "train_error": np.array(solution.error(train)),
        "test_error": np.array(solution.error(test)),
        "local_energy": family.local_energy(spec, solution, train, seed),
        "history": solution.history,
        "weights": to_bytes(family.weights(solution)),
    }
    if solution.replicas is not None:
        arrays["replica_error"] = solution.replicas.errors
        arrays["replica_spread"] = np.array(solution.replicas.spread)
    if spec.store.latents:
        arrays["latents"] = family.latents(solution)
    return arrays


def compared(spec: SweepSpec, solutions: Sequence[Any], train: Patterns, seeds: Seeds) -> Arrays:
    """Distances, barriers and errors on shortest paths between two solutions."""
    family, (start, end) = spec.family, solutions
    moved = [end, family.align(end, start)]
    paths = [family.barrier(spec, start, to, train, seeds[name]) for name, to in zip(SYMMETRY, moved, strict=True)]
    return {
        "distance": np.array([family.hamming(start, to) for to in moved]),
        "barrier": np.array([path.samples for path in paths]),
        "barrier_of_mean": np.array([path.max_of_mean for path in paths]),
        "path_error": np.array([_thinned(spec, path) for path in paths]),
    }


def bent(spec: SweepSpec, solutions: Sequence[Any], train: Patterns, algorithm: SGD, seeds: Seeds) -> Arrays:
    """Distances, barriers and errors on both legs of optimised paths between two solutions."""
    family, (start, end) = spec.family, solutions
    found: dict[str, list[Any]] = {"bend_distance": [], "bend_barrier": [], "bend_error": [], "midpoint_error": []}
    for symmetry, to in zip(SYMMETRY, (end, family.align(end, start)), strict=True):
        middle = family.midpoint(spec, start, to, train, algorithm, seeds[f"{symmetry} midpoint"])
        ends = ((start, middle), (middle, to))
        legs = [
            family.barrier(spec, *leg, train, seeds[f"{symmetry} {name}"]) for name, leg in zip(LEGS, ends, strict=True)
        ]
        found["bend_distance"].append([family.hamming(*leg) for leg in ends])
        found["bend_barrier"].append(np.maximum(*(leg.samples for leg in legs)))
        found["bend_error"].append([_thinned(spec, leg) for leg in legs])
        found["midpoint_error"].append(middle.error(train))
    return {name: np.array(values) for name, values in found.items()}


def mapped(spec: SweepSpec, solutions: Sequence[Any], train: Patterns, points: int) -> Arrays:
    """Errors in the plane through three solutions, raw and aligned to the first."""
    family, first = spec.family, solutions[0]
    aligned = [first, *(family.align(solution, first) for solution in solutions[1:])]
    planes = [family.plane(spec, three, train, points) for three in (solutions, aligned)]
    return {
        "plane_error": np.array([plane.errors for plane in planes]),
        "plane_corner": np.array([plane.corners for plane in planes]),
        "plane_x": np.array([plane.x for plane in planes]),
        "plane_y": np.array([plane.y for plane in planes]),
    }


def _solutions(spec: SweepSpec, job: Job, machine: Machine) -> list[Any]:
    """The solutions that a job carries; arrays may be padded to the largest machine of the sweep."""
    family, count = spec.family, spec.family.n_weights(spec, job.task.cell.size)
    latents: list[Any] = [values[:count] for values in job.latents] or [None] * len(job.weights)
    return [
        family.rebuild(machine, from_bytes(octets, (count,)), values)
        for octets, values in zip(job.weights, latents, strict=True)
    ]


def _thinned(spec: SweepSpec, path: Barrier) -> NDArray[np.float64]:
    """Its profile at profile_points points."""
    steps = np.linspace(0, len(path.profile) - 1, spec.measure.profile_points).round().astype(int)
    return path.profile[steps]


@lru_cache(maxsize=8)
def parsed(text: str) -> SweepSpec:
    """The spec with this canonical text."""
    return parse_canonical(text)


@lru_cache(maxsize=4)
def draw_problem(text: str, size: int, disorder: int) -> tuple[Machine, Patterns]:
    """Machine and train patterns of a disorder sample; kept, since neighbouring tasks share them."""
    spec = parsed(text)
    return spec.family.machine(spec, size, disorder), spec.family.train(spec, size, disorder)


@lru_cache(maxsize=2)
def draw_test(text: str, size: int, disorder: int) -> Patterns:
    """Test patterns of a disorder sample: many, and pairs do without them."""
    spec = parsed(text)
    return spec.family.test(spec, size, disorder)
