"""What a worker does with one task: pure functions from a spec and a task to named arrays."""

import time
import traceback
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.bits import Signs, to_bytes
from binland.data import Patterns
from binland.flatness import local_energy
from binland.models import Machine, Solution
from binland.paths import barrier, hamming
from binland.rng import seed_of
from binland.sweep.problem import build_machine, build_manifold, disorder_key
from binland.sweep.spec import SweepSpec, canonical_json, parse_canonical
from binland.sweep.tasks import PairTask, SolutionTask, Task, stream_text
from binland.symmetry import align
from binland.training import fit

Arrays = dict[str, NDArray[Any]]
SYMMETRY = ("raw", "aligned")


def execute(text: str, task: Task, weights: tuple[Signs, ...] = ()) -> Arrays:
    """Run one task of the spec with canonical text `text`; `weights` are those of the solutions it needs.

    Returns the arrays of the task's variables, without grid dimensions, and `seconds`; a task that raises returns
    `failure`, its traceback, instead.
    """
    began = time.perf_counter()
    try:
        arrays = _solution(text, task) if isinstance(task, SolutionTask) else _pair(text, task, *weights)
    except Exception:
        return {"failure": np.array(traceback.format_exc(), dtype=object)}
    return arrays | {"seconds": np.array(time.perf_counter() - began)}


def _solution(text: str, task: SolutionTask) -> Arrays:
    spec, cell = _spec(text), task.cell
    machine, train, test = _problem(text, cell.n_inputs, cell.disorder)
    algorithm = spec.algorithm(cell.algorithm)
    solution = fit(machine, train, algorithm, seed_of(stream_text(spec, "fit", cell, solution=task.solution)))
    measure = spec.measure
    energy = local_energy(
        solution,
        train,
        measure.fractions,
        measure.realizations,
        seed_of(stream_text(spec, "local_energy", cell, solution=task.solution, flips=measure.flips)),
        measure.flips,
        measure.method,
    )
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
    return arrays


def _pair(text: str, task: PairTask, start_weights: Signs, end_weights: Signs) -> Arrays:
    spec, cell = _spec(text), task.cell
    machine, train, _ = _problem(text, cell.n_inputs, cell.disorder)
    start, end = Solution(machine, start_weights), Solution(machine, end_weights)
    ends = {"raw": end, "aligned": align(end, to=start).solution}
    distances, barriers, maxima, profiles = [], [], [], []
    for symmetry in SYMMETRY:
        stream = stream_text(spec, "path", cell, start=task.start, end=task.end, symmetry=symmetry)
        found = barrier(start, ends[symmetry], train, spec.measure.orders, seed_of(stream))
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
def _spec(text: str) -> SweepSpec:
    return parse_canonical(text)


@lru_cache(maxsize=2)
def _problem(text: str, n_inputs: int, disorder: int) -> tuple[Machine, Patterns, Patterns]:
    """Machine, train and test patterns of a disorder sample; kept, since neighbouring tasks share them."""
    spec = _spec(text)
    manifold = build_manifold(spec, n_inputs, disorder)
    key = disorder_key(spec, n_inputs, disorder)
    train = manifold.sample(spec.data.n_patterns, seed_of(canonical_json(key | {"purpose": "train"})))
    test = manifold.sample(spec.data.n_test, seed_of(canonical_json(key | {"purpose": "test"})))
    return build_machine(spec, n_inputs, disorder), train, test
