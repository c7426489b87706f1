"""What a worker does with one task: pure functions from a spec and a task to named arrays."""

import time
import traceback
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from binland.bits import from_bytes, to_bytes
from binland.data import HiddenManifold, Patterns
from binland.flatness import local_energy
from binland.models import Machine, Solution
from binland.paths import barrier, hamming
from binland.rng import Seed
from binland.sweep.identity import identify
from binland.sweep.problem import build_machine, build_manifold, disorder_key
from binland.sweep.spec import SweepSpec, parse_canonical
from binland.sweep.tasks import PairTask, SolutionTask, Task, streams
from binland.symmetry import align
from binland.training import fit

Arrays = dict[str, NDArray[Any]]
SYMMETRY = ("raw", "aligned")


class Job(NamedTuple):
    """A task and all that it needs: the packed weights of the solutions of a pair."""

    task: Task
    weights: tuple[NDArray[np.uint8], ...] = ()


class Outcome(NamedTuple):
    """What came of a task: arrays of its variables without grid dimensions, wall seconds; or a traceback."""

    arrays: Arrays
    seconds: float
    failure: str = ""


def execute(text: str, job: Job) -> Outcome:
    """Run one task of the spec with canonical text `text`; a task that raises gives a failure."""
    began = time.perf_counter()
    try:
        arrays = _solution(text, job.task) if isinstance(job.task, SolutionTask) else _pair(text, job.task, job.weights)
    except Exception:
        return Outcome({}, time.perf_counter() - began, traceback.format_exc())
    return Outcome(arrays, time.perf_counter() - began)


def _solution(text: str, task: SolutionTask) -> Arrays:
    spec, cell = parsed(text), task.cell
    machine, train = draw_problem(text, cell.n_inputs, cell.disorder)
    seeds = {name: stream.seed for name, stream in streams(spec, task).items()}
    solution = fit(machine, train, spec.algorithm(cell.algorithm), seeds["fit"])
    test = draw_test(text, cell.n_inputs, cell.disorder)
    return measured(spec, solution, train, test, seeds["local_energy"])


def measured(spec: SweepSpec, solution: Solution, train: Patterns, test: Patterns, seed: Seed) -> Arrays:
    """Errors, local energies and weights of a solution from `fit`; the seed draws the flips."""
    measure = spec.measure
    energy = local_energy(solution, train, measure.fractions, measure.realizations, seed, measure.flips, measure.method)
    assert solution.history is not None
    arrays: Arrays = {
        "train_error": np.array(solution.error(train)),
        "test_error": np.array(solution.error(test)),
        "local_energy": energy.samples,
        "history": solution.history,
        "weights": to_bytes(solution.weights),
    }
    if solution.replicas is not None:
        arrays["replica_error"] = solution.replicas.errors
        arrays["replica_spread"] = np.array(solution.replicas.spread)
    if spec.store.latents:
        assert solution.latents is not None
        arrays["latents"] = solution.latents.reshape(-1)
    return arrays


def _pair(text: str, task: PairTask, packed: tuple[NDArray[np.uint8], ...]) -> Arrays:
    spec, cell = parsed(text), task.cell
    machine, train = draw_problem(text, cell.n_inputs, cell.disorder)
    start, end = (Solution(machine, from_bytes(octets, machine.weight_shape)) for octets in packed)
    ends = {"raw": end, "aligned": align(end, to=start).solution}
    distances, barriers, maxima, profiles = [], [], [], []
    for symmetry in SYMMETRY:
        seed = streams(spec, task)[symmetry].seed
        found = barrier(start, ends[symmetry], train, spec.measure.orders, seed)
        distances.append(hamming(start, ends[symmetry]))
        barriers.append(found.samples)
        maxima.append(found.max_of_mean)
        steps = np.linspace(0, len(found.profile) - 1, spec.measure.profile_points).round().astype(int)
        profiles.append(found.profile[steps])
    return {
        "distance": np.array(distances),
        "barrier": np.array(barriers),
        "barrier_of_mean": np.array(maxima),
        "path_error": np.array(profiles),
    }


@lru_cache(maxsize=8)
def parsed(text: str) -> SweepSpec:
    """The spec with this canonical text."""
    return parse_canonical(text)


@lru_cache(maxsize=4)
def draw_problem(text: str, n_inputs: int, disorder: int) -> tuple[Machine, Patterns]:
    """Machine and train patterns of a disorder sample; kept, since neighbouring tasks share them."""
    spec = parsed(text)
    key = disorder_key(spec, n_inputs, disorder)
    train = _manifold(text, n_inputs, disorder).sample(spec.data.n_patterns, identify(key | {"purpose": "train"}).seed)
    return build_machine(spec, n_inputs, disorder), train


@lru_cache(maxsize=2)
def draw_test(text: str, n_inputs: int, disorder: int) -> Patterns:
    """Test patterns of a disorder sample: many, and pairs do without them."""
    spec = parsed(text)
    key = disorder_key(spec, n_inputs, disorder)
    return _manifold(text, n_inputs, disorder).sample(spec.data.n_test, identify(key | {"purpose": "test"}).seed)


@lru_cache(maxsize=2)
def _manifold(text: str, n_inputs: int, disorder: int) -> HiddenManifold:
    return build_manifold(parsed(text), n_inputs, disorder)
