"""Tasks of a sweep as data: what they are, on what they depend, what they are called."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from binland.sweep.identity import Identity, identify
from binland.sweep.problem import disorder_key
from binland.sweep.spec import SweepSpec

WALKS = 2  # how random walks are drawn; another way gets another number, and with it other tasks


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of the grid: value of N, number of the disorder sample, label of the algorithm."""

    n_inputs: int
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
        return f"solution {self.solution} of {_place(self.cell)}"


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
        return f"pair {self.start} -> {self.end} of {_place(self.cell)}"


Task = SolutionTask | PairTask
Group = tuple[str, int, str]  # kind, N, algorithm: tasks that take about the same time


def _place(cell: Cell) -> str:
    return f"n_inputs = {cell.n_inputs}, disorder = {cell.disorder}, {cell.algorithm}"


def group(task: Task) -> Group:
    """What a task's time depends on."""
    return task.kind, task.cell.n_inputs, task.cell.algorithm


def cells(spec: SweepSpec) -> Iterator[Cell]:
    """Grid points, one disorder sample after the other so that an early stop leaves whole curves; large N first."""
    for disorder in range(spec.grid.disorder_samples):
        for n_inputs in sorted(spec.grid.n_inputs, reverse=True):
            for label in spec.algorithms:
                yield Cell(n_inputs, disorder, label)


def cell_tasks(spec: SweepSpec, cell: Cell) -> list[Task]:
    """The tasks of a grid point, each pair after the solutions that it needs."""
    solutions: list[Task] = [SolutionTask(cell, solution) for solution in range(spec.grid.solutions)]
    return solutions + [PairTask(cell, start, end) for start, end in spec.pairs()]


def all_tasks(spec: SweepSpec) -> list[Task]:
    """Every task of the sweep, in the order in which they are run."""
    return [task for cell in cells(spec) for task in cell_tasks(spec, cell)]


def streams(spec: SweepSpec, task: Task) -> dict[str, Identity]:
    """The random streams of a task; their seeds come from their ids.

    A stream is named by what it is for and all that may change its draws, nothing else: labels, test-set sizes and
    other grid points are left out, so that changing them changes no number drawn here.
    """
    if isinstance(task, SolutionTask):
        return {
            "fit": _stream(spec, task.cell, "fit", solution=task.solution),
            "local_energy": _stream(
                spec, task.cell, "local_energy", draws=WALKS, solution=task.solution, flips=spec.measure.flips
            ),
        }
    return {
        symmetry: _stream(spec, task.cell, "path", draws=WALKS, start=task.start, end=task.end, symmetry=symmetry)
        for symmetry in ("raw", "aligned")
    }


def _stream(spec: SweepSpec, cell: Cell, purpose: str, **parameters: Any) -> Identity:
    model = {"kind": spec.model.kind, "n_hidden": spec.model.n_hidden, "output_weights": spec.model.output_weights}
    key = disorder_key(spec, cell.n_inputs, cell.disorder)
    algorithm = spec.described[cell.algorithm]
    return identify({"purpose": purpose, "disorder": key, "model": model, "algorithm": algorithm, **parameters})


def task_identity(spec: SweepSpec, task: Task) -> Identity:
    """What a task is: value, canonical text, id. The id changes with what changes its numbers, and with nothing else.

    The value holds the ids of its random streams (see `streams`), which hold machine, disorder and algorithm; a pair
    holds the ids of the trainings of its two solutions.
    """
    drawn = {name: stream.id for name, stream in streams(spec, task).items()}
    measure = spec.measure
    if isinstance(task, SolutionTask):
        settings = {name: getattr(measure, name) for name in ("fractions", "flips", "method")}
        settings["realizations"] = measure.realizations if measure.method == "sampled" else None
        return identify({"task": "solution", "streams": drawn, "n_test": spec.data.n_test, **settings})
    solutions = [streams(spec, need)["fit"].id for need in task.needs]
    settings = {"orders": measure.orders, "profile_points": measure.profile_points}
    return identify({"task": "pair", "streams": drawn, "solutions": solutions, **settings})


def to_plain(task: Task) -> list[Any]:
    """A task as plain data: kind, N, disorder, algorithm, then its solution or start and end."""
    last = [task.solution] if isinstance(task, SolutionTask) else [task.start, task.end]
    return [task.kind, task.cell.n_inputs, task.cell.disorder, task.cell.algorithm, *last]


def from_plain(plain: list[Any]) -> Task:
    """Undo `to_plain`."""
    kind, n_inputs, disorder, algorithm, *last = plain
    cell = Cell(n_inputs, disorder, algorithm)
    return SolutionTask(cell, *last) if kind == "solution" else PairTask(cell, *last)
