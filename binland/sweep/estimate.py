"""Expected cost of a sweep, from a short calibration: seconds of work and size of the file."""

import io
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import h5py
import numpy as np

from binland.sweep.blame import blamed
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.execute import draw, encode, measure
from binland.sweep.spec import Axis, Point, SweepSpec
from binland.sweep.store.layout import Layout, layout_of
from binland.sweep.store.tables import write_outcomes
from binland.sweep.tasks import Group, Outcome, Task, group, measure_of
from binland.sweep.words import TRAINING

CALIBRATED = 3  # points of the grid that are timed; others lie between them
ENOUGH = 0.1  # seconds of training that are timed
BOOKKEEPING = 64 + 16 + 16 + 8 + 1  # bytes of a task besides its numbers: id, two references, seconds, state
Clock = Callable[[], float]


@dataclass(frozen=True)
class Estimate:
    """Seconds of a task by kind, point and algorithm, and bytes of the whole file of results."""

    seconds: dict[Group, float]
    bytes: float

    def work(self, tasks: Iterable[Task]) -> float:
        """Seconds of work of some tasks on one core."""
        return sum(self.seconds[group(task)] for task in tasks)


@blamed()
def estimate(spec: SweepSpec, clock: Clock = time.process_time) -> Estimate:
    """Time a few epochs and every measurement once, at the smallest, middle and largest point, and scale up.

    clock: processor time of this process in seconds, which other programs do not change. Between the timed points,
    seconds and bytes follow a power law in the product of the swept values. Early epochs stand for late ones and
    unfinished solutions for finished ones: expect errors of tens of percent.
    """
    spec.family.warm_up()
    layout = layout_of(spec)
    sizes = {point: _size(spec, point) for point in spec.points}
    ordered = sorted(spec.points, key=sizes.__getitem__)
    timed = ordered
    if len(ordered) > CALIBRATED:
        timed = list(dict.fromkeys((ordered[0], ordered[len(ordered) // 2], ordered[-1])))
    seconds: dict[Group, float] = {}
    written: dict[Group, float] = {}
    outcomes: list[tuple[Task, Outcome]] = []
    with spec.family.one_thread():
        for point in timed:
            here = _at(spec, point)
            for task, outcome in _calibrate(spec, layout, point, clock):
                seconds[group(task)] = outcome.seconds
                written[group(task)] = _compressed_size(here, task, outcome)
                outcomes.append((task, outcome))
    every = {group(task): task for point in spec.points for task in layout.first_tasks(point)}
    known = [sizes[point] for point in timed]
    between = _Between(timed, known, sizes)
    samples = spec.disorder_samples
    count = {key: layout.count(layout.kinds[key[0]]) / _groups_of(layout, key) for key in every}
    numbers = sum(samples * count[key] * between(written, key) for key in every)
    others = (samples - 1) * sum(count.values()) * BOOKKEEPING
    return Estimate({key: between(seconds, key) for key in every}, numbers + others + _frame(spec, outcomes))


def _groups_of(layout: Layout, key: Group) -> int:
    """Number of algorithms among which the tasks of a kind at a point are divided; 1 unless it is across."""
    return len(layout.labels) if layout.kinds[key[0]].across else 1


def _size(spec: SweepSpec, point: Point) -> float:
    """What times scale with: the product of the swept values, such as N or N P."""
    return math.prod(max(abs(value), 1e-12) for value in spec.values(point).values())


def _calibrate(spec: SweepSpec, layout: Layout, point: Point, clock: Clock) -> Iterable[tuple[Task, Outcome]]:
    """One task of each kind and algorithm at a point, with its seconds scaled to full length."""
    problem, algorithms = draw(spec, point, 0), spec.at(point).algorithms
    building, _ = _timed(lambda: (problem.model, problem.train), clock)
    drawing, _ = _timed(lambda: problem.test, clock)
    shared = spec.solutions * len(algorithms)  # a worker builds the data of a disorder sample once
    most = max((of.of for of in layout.kinds.values()), default=1)
    trained = {label: _Training(spec, problem, one, max(most, 2), clock) for label, one in algorithms.items()}
    for task in layout.first_tasks(point):
        label = task.cell.algorithm
        if task.kind == TRAINING:
            yield task, Outcome(trained[label].arrays(), building / shared + trained[label].seconds)
            continue
        measured, _ = spec.measures[measure_of(task)]
        drawn = drawing / shared if measured.test_patterns() else 0.0
        yield task, _measured(spec, layout, task, trained, drawn, clock)


class _Training:
    """Seconds of a complete training, extrapolated from a short one, and the solutions of the short one."""

    def __init__(self, spec: SweepSpec, problem: Any, algorithm: Algorithm, count: int, clock: Clock):
        self._spec, self._problem, self._algorithm, self._clock = spec, problem, algorithm, clock
        self.solutions: list[Any] = []
        one = algorithm.shortened(1)
        least = self._short(one, 0)
        few, taken, short = 1, least, one
        while taken - least < ENOUGH and short.n_steps < algorithm.n_steps and few < algorithm.n_steps:
            few *= 4
            short = algorithm.shortened(few)
            taken = self._short(short, 1)
        step = max(taken - least, 0.0) / max(short.n_steps - one.n_steps, 1)
        self.seconds = least + step * max(algorithm.n_steps - one.n_steps, 0)
        while len(self.solutions) < count:
            self._short(one, len(self.solutions))

    def _short(self, algorithm: Algorithm, seed: int) -> float:
        spec, problem = self._spec, self._problem
        seconds, solution = _timed(
            lambda: spec.family.fit(problem.model, problem.train, algorithm, seed, spec.compute), self._clock
        )
        del self.solutions[seed:]
        self.solutions.append(solution)
        return seconds

    def arrays(self) -> dict[str, Any]:
        """Arrays of the size that a complete training gives."""
        arrays, records = encode(self._spec, self.solutions[0]), self._algorithm.n_records
        if records and len(arrays.get("history", ())):
            arrays["history"] = np.resize(arrays["history"], records)
        return arrays


def _measured(
    spec: SweepSpec, layout: Layout, task: Task, trained: dict[str, _Training], drawn: float, clock: Clock
) -> Outcome:
    """One measurement on solutions of short trainings, with less work inside; its seconds are scaled up."""
    measured, settings = spec.measures[measure_of(task)]
    quick, factor = measured.quick(settings)
    inside = measured.trainings(settings, spec.family.states)
    short = {label: one.shortened(1) for label, one in spec.at(task.cell.point).algorithms.items()}
    solutions = [trained[need.cell.algorithm].solutions[k] for k, need in enumerate(task.needs)]
    seconds, arrays = _timed(lambda: measure(spec, task, solutions, short if inside else None, quick), clock)
    training = sum(count * trained[label].seconds for label, count in inside.items())
    return Outcome(_whole(layout, task, arrays), drawn + factor * seconds + training)


def _whole(layout: Layout, task: Task, arrays: dict[str, Any]) -> dict[str, Any]:
    """Arrays of the lengths that full settings give."""
    variables = layout.variables(task.kind)
    return {name: np.resize(values, layout.lengths(variables[name].inner)) for name, values in arrays.items()}


def _timed(action: Callable[[], Any], clock: Clock) -> tuple[float, Any]:
    began = clock()
    result = action()
    return clock() - began, result


def _small(spec: SweepSpec) -> SweepSpec:
    """The sweep with one disorder sample."""
    return replace(spec, disorder_samples=1)


def _at(spec: SweepSpec, point: Point) -> Layout:
    """The layout of one disorder sample at one point."""
    axes = (Axis(*axis[:2], (axis.values[k],), *axis[3:]) for axis, k in zip(spec.axes, point, strict=True))
    return layout_of(replace(_small(spec), axes=tuple(axes)))


def _frame(spec: SweepSpec, outcomes: list[tuple[Task, Outcome]]) -> int:
    """Bytes of the file of one disorder sample without its numbers: what HDF5 stores about its datasets."""
    layout, buffer = layout_of(_small(spec)), io.BytesIO()
    layout.create(buffer, _small(spec), {})
    names = [name for kind in layout.kinds for name in layout.variables(kind)]
    with h5py.File(buffer, "r+") as file:
        write_outcomes(file, layout, outcomes)
        file.flush()
        numbers = sum(file[name].id.get_storage_size() for name in names)
    return len(buffer.getvalue()) - numbers


def _compressed_size(layout: Layout, task: Task, outcome: Outcome) -> float:
    """Bytes of a task's numbers in the file, measured in memory. layout: of the task's point alone."""
    here = replace(task, cell=replace(task.cell, point=(0,) * len(layout.axes)))
    kind = layout.kinds[task.kind]
    packed = {name for name, of in kind.variables.items() if of.large and of.dtype == "u1"}
    with h5py.File(io.BytesIO(), "w") as file:
        for name, stored in layout.datasets().items():
            if stored.variable is not None and (name in kind.variables or name.startswith(f"{task.kind}_")):
                file.create_dataset(name, layout.lengths(stored.dims), stored.dtype, **layout.storage(stored))
        file.create_dataset(f"{task.kind}_failure", layout.shape(task.kind), h5py.string_dtype())
        write_outcomes(file, layout, [(here, outcome)])
        file.flush()
        compressed = [name for name in kind.variables if name not in packed]
        random = sum(outcome.arrays[name].nbytes for name in packed if name in outcome.arrays)  # stays as it is
        return float(sum(file[name].id.get_storage_size() for name in compressed) + random)


class _Between:
    """A power law through the timed points."""

    def __init__(self, timed: list[Point], known: list[float], sizes: dict[Point, float]):
        self._timed, self._logs, self._sizes = timed, np.log(known), sizes

    def __call__(self, values: dict[Group, float], key: Group) -> float:
        """The value of a group, from those of the timed points."""
        kind, point, label = key
        if point in self._timed:
            return values[key]
        logs = [math.log(max(values[kind, one, label], 1e-9)) for one in self._timed]
        return float(np.exp(np.interp(math.log(self._sizes[point]), self._logs, logs)))
