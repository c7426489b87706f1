"""Tasks of a sweep as data: what they are, on what they depend, what they are called."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from binland.sweep.identity import Identity, identify
from binland.sweep.spec import SweepSpec

SYMMETRY = ("raw", "aligned")
LEGS = ("first", "second")


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of the grid: value of the swept size, number of the disorder sample, label of the algorithm."""

    size: int
    disorder: int
    algorithm: str


@dataclass(frozen=True, slots=True)
class SolutionTask:
    """Train one solution; measure its errors and its local energy."""

    cell: Cell
    solution: int

    kind = "solution"

    @property
    def needs(self) -> tuple["SolutionTask", ...]:
        """Nothing must be there first."""
        return ()

    def __str__(self) -> str:
        return f"solution {self.solution}"


@dataclass(frozen=True, slots=True)
class PairTask:
    """Distances and barriers between two solutions of a cell, raw and aligned."""

    cell: Cell
    start: int
    end: int

    kind = "pair"

    @property
    def needs(self) -> tuple[SolutionTask, ...]:
        """The two solutions that must be there first."""
        return SolutionTask(self.cell, self.start), SolutionTask(self.cell, self.end)

    def __str__(self) -> str:
        return f"pair {self.start} -> {self.end}"


@dataclass(frozen=True, slots=True)
class BendTask:
    """Distances and barriers along an optimised path between two solutions, raw and aligned; one of its midpoints."""

    cell: Cell
    start: int
    end: int
    midpoint: int

    kind = "bend"

    @property
    def needs(self) -> tuple[SolutionTask, ...]:
        """The two solutions that must be there first."""
        return SolutionTask(self.cell, self.start), SolutionTask(self.cell, self.end)

    def __str__(self) -> str:
        return f"bend {self.midpoint} of pair {self.start} -> {self.end}"


@dataclass(frozen=True, slots=True)
class PlaneTask:
    """Errors in the plane through the first three solutions of a cell, raw and aligned to the first."""

    cell: Cell

    kind = "plane"

    @property
    def needs(self) -> tuple[SolutionTask, ...]:
        """The three solutions that must be there first."""
        return tuple(SolutionTask(self.cell, solution) for solution in range(3))

    def __str__(self) -> str:
        return "plane"


Task = SolutionTask | PairTask | BendTask | PlaneTask
KINDS: dict[str, type[Any]] = {task.kind: task for task in (SolutionTask, PairTask, BendTask, PlaneTask)}
Group = tuple[str, int, str]  # kind, size, algorithm: tasks that take about the same time


def in_words(spec: SweepSpec, task: Task) -> str:
    """A task in words."""
    cell = task.cell
    return f"{task} of {spec.family.axis} = {cell.size}, disorder = {cell.disorder}, {cell.algorithm}"


def group(task: Task) -> Group:
    """What a task's time depends on."""
    return task.kind, task.cell.size, task.cell.algorithm


def cells(spec: SweepSpec) -> Iterator[Cell]:
    """Grid points, one disorder sample after the other so that an early stop leaves whole curves; large sizes first."""
    for disorder in range(spec.grid.disorder_samples):
        for size in sorted(spec.sizes, reverse=True):
            for label in spec.algorithms:
                yield Cell(size, disorder, label)


def cell_tasks(spec: SweepSpec, cell: Cell) -> list[Task]:
    """The tasks of a grid point, each after the solutions that it needs."""
    return [
        *(SolutionTask(cell, solution) for solution in range(spec.grid.solutions)),
        *(PairTask(cell, start, end) for start, end in spec.pairs()),
        *(BendTask(cell, *bend) for bend in spec.bends()),
        *([PlaneTask(cell)] if spec.measure.plane_points else []),
    ]


def first_tasks(spec: SweepSpec, cell: Cell) -> list[Task]:
    """The first task of each kind at a grid point."""
    return list({task.kind: task for task in reversed(cell_tasks(spec, cell))}.values())[::-1]


def all_tasks(spec: SweepSpec) -> list[Task]:
    """Every task of the sweep, in the order in which they are run."""
    return [task for cell in cells(spec) for task in cell_tasks(spec, cell)]


def streams(spec: SweepSpec, task: Task) -> dict[str, Identity]:
    """The random streams of a task; their seeds come from their ids.

    A stream is named by what it is for and all that may change its draws, nothing else: labels, test-set sizes and
    other grid points are left out, so that changing them changes no number drawn here.
    """
    cell = task.cell
    if isinstance(task, SolutionTask):
        return {name: _stream(spec, cell, name, solution=task.solution) for name in ("fit", "local_energy")}
    if isinstance(task, PairTask):
        return {
            symmetry: _stream(spec, cell, "path", start=task.start, end=task.end, symmetry=symmetry)
            for symmetry in SYMMETRY
        }
    if isinstance(task, PlaneTask):
        return {}
    place: dict[str, Any] = {"start": task.start, "end": task.end, "midpoint": task.midpoint}
    place["midpoint_algorithm"] = spec.described[spec.measure.midpoint_algorithm or ""]
    found = {}
    for symmetry in SYMMETRY:
        found[f"{symmetry} midpoint"] = _stream(spec, cell, "midpoint", symmetry=symmetry, **place)
        for leg in LEGS:
            found[f"{symmetry} {leg}"] = _stream(spec, cell, "bend", symmetry=symmetry, leg=leg, **place)
    return found


def _stream(spec: SweepSpec, cell: Cell, purpose: str, **parameters: Any) -> Identity:
    family = spec.family
    return identify(
        {
            "purpose": purpose,
            "disorder": family.disorder_key(spec, cell.size, cell.disorder),
            "model": family.model_key(spec),
            "algorithm": spec.described[cell.algorithm],
            **parameters,
            **family.stream_key(spec, purpose),
        }
    )


def task_identity(spec: SweepSpec, task: Task) -> Identity:
    """What a task is: value, canonical text, id. The id changes with what changes its numbers, and with nothing else.

    The value holds the ids of its random streams (see `streams`), which hold machine, disorder and algorithm; what is
    measured between solutions holds the ids of their trainings.
    """
    drawn = {name: stream.id for name, stream in streams(spec, task).items()}
    value = {"task": task.kind, "streams": drawn, **spec.family.task_key(spec, task.kind)}
    if task.needs:
        value["solutions"] = [streams(spec, need)["fit"].id for need in task.needs]
    if isinstance(task, BendTask):
        value["latents"] = spec.store.latents  # the midpoint starts with their size
    return identify(value)


def to_plain(task: Task) -> list[Any]:
    """A task as plain data: kind, size, disorder, algorithm, then its solution, or start and end, and midpoint."""
    cell = task.cell
    last = [getattr(task, name) for name in task.__dataclass_fields__ if name != "cell"]
    return [task.kind, cell.size, cell.disorder, cell.algorithm, *last]


def from_plain(plain: list[Any]) -> Task:
    """Undo `to_plain`."""
    kind, size, disorder, algorithm, *last = plain
    return KINDS[kind](Cell(size, disorder, algorithm), *last)
