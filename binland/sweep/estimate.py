"""What a sweep will cost, from a short calibration: work in seconds and size of the file."""

import io
import itertools
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import h5py
import numpy as np
from threadpoolctl import threadpool_limits

from binland.algorithms import ADV, Algorithm
from binland.bits import to_bytes
from binland.data import Patterns
from binland.models import Machine, Solution
from binland.sweep.execute import Job, Outcome, draw_problem, draw_test, execute, measured
from binland.sweep.spec import SweepSpec, check_settings
from binland.sweep.store.layout import Layout
from binland.sweep.store.tables import write_outcomes
from binland.sweep.tasks import Cell, Group, PairTask, SolutionTask, Task, group
from binland.sweep.workers import warm_up
from binland.training import fit

CALIBRATED = 3  # values of N that are timed; others lie between them
ENOUGH = 0.1  # seconds of training that are timed
BOOKKEEPING = 64 + 16 + 16 + 8 + 1  # bytes of a task besides its numbers: id, two references, seconds, state


@dataclass(frozen=True)
class Estimate:
    """Seconds of one task of each kind, N and algorithm, and bytes of the whole result file."""

    seconds: dict[Group, float]
    bytes: float

    def work(self, tasks: Iterable[Task]) -> float:
        """Seconds of work in some tasks, on one core."""
        return sum(self.seconds[group(task)] for task in tasks)


def estimate(spec: SweepSpec) -> Estimate:
    """Time a few epochs and every measurement once, at the smallest, middle and largest N, and scale them up.

    Seconds and bytes between the timed sizes follow from a power law between neighbours. Early epochs stand for late
    ones and unfinished solutions for finished ones, so expect tens of percent of error, not more.
    """
    warm_up()
    sizes = sorted(spec.grid.n_inputs)
    timed = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]}) if len(sizes) > CALIBRATED else sizes
    seconds: dict[Group, float] = {}
    written: dict[Group, float] = {}
    with threadpool_limits(1):
        for n_inputs, label in itertools.product(timed, spec.algorithms):
            begun = _calibrate(spec, Cell(n_inputs, 0, label))
            for task, outcome in begun:
                seconds[group(task)] = outcome.seconds
                written[group(task)] = _compressed_size(spec, task, outcome)
    kinds = Layout(spec).kinds
    every = [(kind, n, label) for kind in kinds for n in sizes for label in spec.algorithms]
    per_kind = {"solution": spec.grid.solutions, "pair": len(spec.pairs())}
    samples = spec.grid.disorder_samples
    numbers = sum(samples * per_kind[key[0]] * _between(written, timed, key) for key in every)
    others = (samples - 1) * sum(per_kind[key[0]] for key in every) * BOOKKEEPING
    return Estimate({key: _between(seconds, timed, key) for key in every}, numbers + others + _begun(spec, begun))


def _begun(spec: SweepSpec, outcomes: list[tuple[Task, Outcome]]) -> int:
    """Bytes of the file of one disorder sample with one task of each kind done, so that every table is begun."""
    layout, buffer = _in_memory(spec)
    with h5py.File(buffer, "r+") as file:
        write_outcomes(file, layout, outcomes)
    return len(buffer.getvalue())


def _in_memory(spec: SweepSpec, **grid: Any) -> tuple[Layout, io.BytesIO]:
    """A file of one disorder sample, its grid changed otherwise too, with nothing done."""
    settings = spec.resolved()
    settings["grid"] |= {"disorder_samples": 1, **grid}
    layout, buffer = Layout(check_settings(settings, "calibration")), io.BytesIO()
    layout.create(buffer, {})
    return layout, buffer


def _calibrate(spec: SweepSpec, cell: Cell) -> list[tuple[Task, Outcome]]:
    """One solution and one pair of a cell, with their seconds scaled to the whole training."""
    text, algorithm = spec.canonical(), spec.algorithm(cell.algorithm)
    at = (text, cell.n_inputs, 0)
    building, ((machine, train), test) = _timed(lambda: (draw_problem(*at), draw_test(*at)))
    training, solution, other = _train(machine, train, algorithm)
    measuring, arrays = _timed(lambda: measured(spec, solution, train, test, 0))
    arrays["history"] = np.resize(arrays["history"], algorithm.epochs) if algorithm.epochs else arrays["history"]
    shared = spec.grid.solutions * len(spec.algorithms)  # a worker builds the data of a disorder sample once
    seconds = building / shared + training + measuring
    found: list[tuple[Task, Outcome]] = [(SolutionTask(cell, 0), Outcome(arrays, seconds))]
    if spec.pairs():
        task = PairTask(cell, 0, 1)
        job = Job(task, (to_bytes(solution.weights), to_bytes(other.weights)))
        seconds, outcome = _timed(lambda: execute(text, job))
        found.append((task, outcome._replace(seconds=seconds)))
    return found


def _train(machine: Machine, train: Patterns, algorithm: Algorithm) -> tuple[float, Solution, Solution]:
    """Seconds of a whole training, from one of few epochs; and two solutions of few epochs."""
    phases = (algorithm.epochs, algorithm.pretrain_epochs) if isinstance(algorithm, ADV) else (algorithm.epochs,)
    least, solution = _timed(lambda: fit(machine, train, _shortened(algorithm, 1), 0))
    few, taken, other = 1, least, solution
    while taken - least < ENOUGH and few < max(phases):
        few *= 4
        shorter = _shortened(algorithm, few)
        taken, other = _timed(partial(fit, machine, train, shorter, 1))
    timed = sum(min(epochs, few) - min(epochs, 1) for epochs in phases)
    epoch = max(taken - least, 0.0) / max(timed, 1)
    return least + epoch * sum(max(epochs - 1, 0) for epochs in phases), solution, other


def _shortened(algorithm: Algorithm, epochs: int) -> Algorithm:
    shorter: dict[str, Any] = {"epochs": min(epochs, algorithm.epochs)}
    if isinstance(algorithm, ADV):
        shorter["pretrain_epochs"] = min(epochs, algorithm.pretrain_epochs)
    return replace(algorithm, **shorter)


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time of this process, which neighbours do not change, and the result."""
    began = time.process_time()
    result = action()
    return time.process_time() - began, result


def _compressed_size(spec: SweepSpec, task: Task, outcome: Outcome) -> float:
    """Bytes that a task's numbers take in the file, measured in a file in memory."""
    solutions = 1 if task.kind == "solution" else 2
    single, buffer = _in_memory(spec, n_inputs=[task.cell.n_inputs], solutions=solutions)
    with h5py.File(buffer, "r+") as file:
        before = _stored(file, single, task)
        write_outcomes(file, single, [(task, outcome)])
        file.flush()
        weights = outcome.arrays["weights"].nbytes if "weights" in outcome.arrays else 0  # random bits stay as they are
        return _stored(file, single, task) - before + weights


def _stored(file: h5py.File, layout: Layout, task: Task) -> float:
    compressed = [name for name in layout.variables(task.kind) if name != "weights"]
    return float(sum(file[name].id.get_storage_size() for name in compressed))


def _between(known: dict[Group, float], timed: list[int], key: Group) -> float:
    """Power law through the timed sizes on both sides."""
    kind, n_inputs, label = key
    if n_inputs in timed:
        return known[key]
    logs = [math.log(max(known[kind, n, label], 1e-9)) for n in timed]
    return float(np.exp(np.interp(math.log(n_inputs), np.log(timed), logs)))
