"""Tasks of a sweep as data: what they are, on what they depend, and the names of their random streams."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from binland.sweep.problem import disorder_key
from binland.sweep.spec import SweepSpec, canonical_json, describe_algorithm


@dataclass(frozen=True)
class Cell:
    """One point of the grid: value of N, number of the disorder sample, label of the algorithm."""

    n_inputs: int
    disorder: int
    algorithm: str


@dataclass(frozen=True)
class SolutionTask:
    """Train one solution; measure its errors and its local energy."""

    cell: Cell
    solution: int


@dataclass(frozen=True)
class PairTask:
    """Distances and barriers between two solutions of a cell, raw and aligned."""

    cell: Cell
    start: int
    end: int

    @property
    def needs(self) -> tuple[SolutionTask, SolutionTask]:
        """The two solutions that must be there first."""
        return SolutionTask(self.cell, self.start), SolutionTask(self.cell, self.end)


Task = SolutionTask | PairTask


def cells(spec: SweepSpec) -> Iterator[Cell]:
    """Grid points, one disorder sample after the other so that an early stop leaves whole curves; large N first."""
    for disorder in range(spec.grid.disorder_samples):
        for n_inputs in sorted(spec.grid.n_inputs, reverse=True):
            for label in spec.algorithms:
                yield Cell(n_inputs, disorder, label)


def all_tasks(spec: SweepSpec) -> list[Task]:
    """Every task, each pair after the solutions that it needs."""
    tasks: list[Task] = []
    for cell in cells(spec):
        tasks += [SolutionTask(cell, solution) for solution in range(spec.grid.solutions)]
        tasks += [PairTask(cell, start, end) for start, end in spec.pairs()]
    return tasks


def stream_text(spec: SweepSpec, purpose: str, cell: Cell, **parameters: Any) -> str:
    """Canonical text of a random stream: what it is for and all that may change its draws, nothing else.

    Labels, test-set sizes and other grid points are left out: changing them changes no number drawn here.
    """
    model = {"kind": spec.model.kind, "n_hidden": spec.model.n_hidden, "output_weights": spec.model.output_weights}
    key = disorder_key(spec, cell.n_inputs, cell.disorder)
    algorithm = describe_algorithm(spec.algorithm(cell.algorithm))
    return canonical_json({"purpose": purpose, "disorder": key, "model": model, "algorithm": algorithm, **parameters})
