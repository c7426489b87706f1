"""What a sweep will cost, from a short calibration: work in seconds and size of the file."""

import io
import itertools
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import h5py
import numpy as np

from binland.algorithms import SGD
from binland.sweep.execute import Outcome, Seeds, bent, compared, draw_problem, draw_test, mapped, measured
from binland.sweep.family import Machine, Patterns
from binland.sweep.spec import SweepSpec, check_settings
from binland.sweep.store.layout import Layout
from binland.sweep.store.tables import write_outcomes
from binland.sweep.tasks import Cell, Group, Task, first_tasks, group, streams

CALIBRATED = 3  # sizes that are timed; others lie between them
ENOUGH = 0.1  # seconds of training that are timed
FEW_POINTS = 4  # along a side of a plane that is timed
BOOKKEEPING = 64 + 16 + 16 + 8 + 1  # bytes of a task besides its numbers: id, two references, seconds, state


@dataclass(frozen=True)
class Estimate:
    """Seconds of one task of each kind, size and algorithm, and bytes of the whole result file."""

    seconds: dict[Group, float]
    bytes: float

    def work(self, tasks: Iterable[Task]) -> float:
        """Seconds of work in some tasks, on one core."""
        return sum(self.seconds[group(task)] for task in tasks)


def estimate(spec: SweepSpec) -> Estimate:
    """Time a few epochs and every measurement once, at the smallest, middle and largest size, and scale them up.

    Seconds and bytes between the timed sizes follow from a power law between neighbours. Early epochs stand for late
    ones and unfinished solutions for finished ones, so expect tens of percent of error, not more.
    """
    spec.family.warm_up()
    sizes = sorted(spec.sizes)
    timed = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]}) if len(sizes) > CALIBRATED else sizes
    seconds: dict[Group, float] = {}
    written: dict[Group, float] = {}
    with spec.family.one_thread():
        for size, label in itertools.product(timed, spec.algorithms):
            begun = _calibrate(spec, Cell(size, 0, label))
            for task, outcome in begun:
                seconds[group(task)] = outcome.seconds
                written[group(task)] = _compressed_size(spec, task, outcome)
    layout, samples = Layout(spec), spec.grid.disorder_samples
    every = [(kind, size, label) for kind in layout.kinds for size in sizes for label in spec.algorithms]
    count = {kind: layout.shape(kind)[-1] for kind in layout.kinds}
    numbers = sum(samples * count[key[0]] * _between(written, timed, key) for key in every)
    others = (samples - 1) * sum(count[key[0]] for key in every) * BOOKKEEPING
    return Estimate({key: _between(seconds, timed, key) for key in every}, numbers + others + _begun(spec, begun))


def _begun(spec: SweepSpec, outcomes: list[tuple[Task, Outcome]]) -> int:
    """Bytes of the file of one disorder sample with one task of each kind done, so that every table is begun."""
    layout, buffer = _in_memory(spec, {})
    with h5py.File(buffer, "r+") as file:
        write_outcomes(file, layout, outcomes)
    return len(buffer.getvalue())


def _in_memory(spec: SweepSpec, grid: dict[str, Any], **measure: int) -> tuple[Layout, io.BytesIO]:
    """A file of one disorder sample, grid and measures changed otherwise too, with nothing done."""
    settings = spec.resolved()
    settings["grid"] |= {"disorder_samples": 1, **grid}
    settings["measure"] |= measure
    layout, buffer = Layout(check_settings(settings, "calibration")), io.BytesIO()
    layout.create(buffer, {})
    return layout, buffer


def _calibrate(spec: SweepSpec, cell: Cell) -> list[tuple[Task, Outcome]]:
    """One task of each kind of a cell, with its seconds scaled to the whole training."""
    text, algorithm = spec.canonical(), spec.algorithm(cell.algorithm)
    at = (text, cell.size, 0)
    building, ((machine, train), test) = _timed(lambda: (draw_problem(*at), draw_test(*at)))
    training, solutions = _train(spec, machine, train, algorithm)
    measuring, arrays = _timed(lambda: measured(spec, solutions[0], train, test, 0))
    arrays["history"] = np.resize(arrays["history"], algorithm.epochs) if algorithm.epochs else arrays["history"]
    shared = spec.grid.solutions * len(spec.algorithms)  # a worker builds the data of a disorder sample once
    found = {"solution": Outcome(arrays, building / shared + training + measuring)}
    tasks = first_tasks(spec, cell)
    seeds = {task.kind: {name: stream.seed for name, stream in streams(spec, task).items()} for task in tasks}
    if "pair" in seeds:
        seconds, arrays = _timed(lambda: compared(spec, solutions[:2], train, seeds["pair"]))
        found["pair"] = Outcome(arrays, seconds)
    if "bend" in seeds:
        found["bend"] = _bend(spec, machine, train, solutions[:2], seeds["bend"])
    if "plane" in seeds:
        found["plane"] = _plane(spec, train, solutions)
    return [(task, found[task.kind]) for task in tasks]


def _bend(spec: SweepSpec, machine: Machine, train: Patterns, ends: list[Any], seeds: Seeds) -> Outcome:
    """With a midpoint of one epoch, and the rest of both trainings on top."""
    algorithm = spec.midpoint_algorithm
    training, _ = _train(spec, machine, train, algorithm)
    seconds, arrays = _timed(lambda: bent(spec, ends, train, _shortened(algorithm, 1), seeds))
    return Outcome(arrays, seconds + 2 * training)


def _plane(spec: SweepSpec, train: Patterns, corners: list[Any]) -> Outcome:
    """From a few points of it."""
    points = spec.measure.plane_points
    few = min(points, FEW_POINTS)
    seconds, arrays = _timed(lambda: mapped(spec, corners, train, few))
    shapes = {"plane_error": (points, points), "plane_x": (points,), "plane_y": (points,)}
    whole = {name: np.resize(arrays[name], (len(arrays[name]), *shape)) for name, shape in shapes.items()}
    return Outcome(arrays | whole, seconds * (points / few) ** 2)


def _train(spec: SweepSpec, machine: Machine, train: Patterns, algorithm: SGD) -> tuple[float, list[Any]]:
    """Seconds of a whole training, from one of few epochs; and three solutions of few epochs."""

    def short(epochs: int, seed: int) -> tuple[float, Any]:
        return _timed(lambda: spec.family.fit(spec, machine, train, _shortened(algorithm, epochs), seed))

    phases = (algorithm.epochs, getattr(algorithm, "pretrain_epochs", 0))
    least, solution = short(1, 0)
    few, taken, other = 1, least, solution
    while taken - least < ENOUGH and few < max(phases):
        few *= 4
        taken, other = short(few, 1)
    timed = sum(min(epochs, few) - min(epochs, 1) for epochs in phases)
    epoch = max(taken - least, 0.0) / max(timed, 1)
    third = short(1, 2)[1] if spec.measure.plane_points else solution
    return least + epoch * sum(max(epochs - 1, 0) for epochs in phases), [solution, other, third]


def _shortened(algorithm: SGD, epochs: int) -> SGD:
    names = [name for name in ("epochs", "pretrain_epochs") if hasattr(algorithm, name)]
    return replace(algorithm, **{name: min(epochs, getattr(algorithm, name)) for name in names})


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time of this process, which neighbours do not change, and the result."""
    began = time.process_time()
    result = action()
    return time.process_time() - began, result


def _compressed_size(spec: SweepSpec, task: Task, outcome: Outcome) -> float:
    """Bytes that a task's numbers take in the file, measured in a file in memory."""
    grid = {spec.family.axis: [task.cell.size], "solutions": max(1, len(task.needs))}
    kept = {"midpoints": int(task.kind == "bend"), "plane_points": spec.measure.plane_points * (task.kind == "plane")}
    single, buffer = _in_memory(spec, grid, **kept)
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
    kind, size, label = key
    if size in timed:
        return known[key]
    logs = [math.log(max(known[kind, one, label], 1e-9)) for one in timed]
    return float(np.exp(np.interp(math.log(size), np.log(timed), logs)))
