"""Tasks of a sweep as data: what they are, what they depend on, what they are called."""

import math
from dataclasses import dataclass
from itertools import permutations
from typing import Any, NamedTuple

from numpy.typing import NDArray

from binland.sweep.contracts.measure import Measure
from binland.sweep.spec import Point, SweepSpec
from binland.sweep.words import ACROSS, TRAINING

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Cell:
    """A grid point (index of each axis' value), number of a disorder sample, and label of an algorithm."""

    point: Point
    disorder: int
    algorithm: str


@dataclass(frozen=True, slots=True)
class Task:
    """A training, or a measurement of some solutions.

    kind: "solution" or the name of a measure. solutions: their numbers. repeat: number of the repetition. to: label of
    the algorithm of all solutions except the first, if it differs from the cell's.
    """

    kind: str
    cell: Cell
    solutions: tuple[int, ...]
    repeat: int = 0
    to: str = ""

    @property
    def needs(self) -> tuple["Task", ...]:
        """The trainings that must be done first."""
        if self.kind == TRAINING:
            return ()
        cell, to = self.cell, self.cell
        if self.to:
            to = Cell(cell.point, cell.disorder, self.to)
        return tuple(Task(TRAINING, to if place else cell, (number,)) for place, number in enumerate(self.solutions))

    def __str__(self) -> str:
        numbers = " -> ".join(map(str, self.solutions)) if len(self.solutions) < 3 else ""
        of = "" if self.kind == TRAINING or not numbers else "of solution " if len(self.solutions) == 1 else "of "
        what = f"{self.kind} {of}{numbers}".strip()
        return f"{what}, repetition {self.repeat}" if self.repeat else what


class Job(NamedTuple):
    """A task with the arrays of each solution that it needs; None if the training comes right before it."""

    task: Task
    solutions: tuple[Arrays, ...] | None = ()


class Outcome(NamedTuple):
    """Result of a task: arrays of its variables without grid dimensions, and seconds; or a traceback."""

    arrays: Arrays
    seconds: float
    failure: str = ""


Group = tuple[str, Point, str]  # kind, point, algorithm: tasks that take about the same time


def measure_of(task: Task) -> str:
    """Name of the measure of a task."""
    return task.kind.removeprefix(ACROSS)


def in_words(axes: Any, task: Task) -> str:
    """A task as a text; axes: those of the sweep or of its file."""
    cell = task.cell
    values = (f"{axis.name} = {axis.values[place]}" for axis, place in zip(axes, cell.point, strict=True))
    algorithm = f"{cell.algorithm} to {task.to}" if task.to else cell.algorithm
    return f"{task} of {', '.join([*values, f'disorder = {cell.disorder}', algorithm])}"


def group(task: Task) -> Group:
    """Kind, point and algorithm of a task, which determine its time."""
    return task.kind, task.cell.point, task.cell.algorithm


def groups(of: int, solutions: int) -> list[tuple[int, ...]]:
    """Groups of solutions for a measure of `of` solutions: each one, all directed pairs, or the first ones."""
    if of < 3:
        return list(permutations(range(solutions), of))
    return [tuple(range(of))] if solutions >= of else []


def across(labels: list[str], solutions: int) -> list[tuple[str, str, tuple[int, int]]]:
    """Directed pairs of solutions of two algorithms: both labels, both numbers."""
    pairs = [(start, end) for start in range(solutions) for end in range(solutions)]
    return [(a, b, pair) for a, b in permutations(labels, 2) for pair in pairs]


def between_algorithms(measure: Measure[Any], settings: Any) -> bool:
    """Whether a measure also looks at pairs of two algorithms."""
    return measure.of == 2 and getattr(settings, "pairs", "within") == "all"


def count_tasks(spec: SweepSpec) -> int:
    """Number of tasks of a sweep."""
    count, labels = 0, len(spec.labels)
    for measure, settings in spec.measures.values():
        few = int(spec.solutions >= measure.of)
        within = labels * (math.perm(spec.solutions, measure.of) if measure.of < 3 else few)
        over = labels * (labels - 1) * spec.solutions**2 if between_algorithms(measure, settings) else 0
        count += (within + over) * measure.repeats(settings)
    return len(spec.points) * spec.disorder_samples * (labels * spec.solutions + count)


def to_plain(task: Task) -> list[Any]:
    """A task as plain data: kind, point, disorder, algorithm, solutions, repetition, algorithm of the others."""
    cell = task.cell
    return [task.kind, list(cell.point), cell.disorder, cell.algorithm, list(task.solutions), task.repeat, task.to]


def from_plain(plain: list[Any]) -> Task:
    """The inverse of `to_plain`."""
    kind, point, disorder, algorithm, solutions, repeat, to = plain
    return Task(kind, Cell(tuple(point), disorder, algorithm), tuple(solutions), repeat, to)
