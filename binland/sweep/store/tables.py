"""Outcomes into the variables of an open HDF5 file, many at a time."""

from collections.abc import Iterable, Iterator
from typing import Any

import h5py
import numpy as np

from binland.sweep.execute import Outcome
from binland.sweep.store.layout import DONE, FAILED, LEFT, Layout
from binland.sweep.store.store import Snapshot
from binland.sweep.tasks import Task

SLAB = 2**25  # bytes held at a time


def write_outcomes(file: h5py.File, layout: Layout, outcomes: Iterable[tuple[Task, Outcome]]) -> None:
    """Write outcomes, each at its task's place."""
    for slab in _slabs(outcomes):
        _write_slab(file, layout, slab)


def copy_finished(source: Snapshot, file: h5py.File, layout: Layout) -> None:
    """Write all that is done or failed in a snapshot into a file whose grid holds the snapshot's."""
    write_outcomes(file, layout, finished(source))


def finished(source: Snapshot) -> Iterator[tuple[Task, Outcome]]:
    """Every task that is done or failed, with what came of it; arrays are padded to the lengths of the file."""
    rows: dict[tuple[str, int, int], list[Task]] = {}
    for task, state in source.states().items():
        if state != LEFT:
            n, disorder, _, _ = source.layout.index(task)
            rows.setdefault((task.kind, n, disorder), []).append(task)
    for (kind, n, disorder), tasks in rows.items():
        names = [*source.layout.variables(kind), *(f"{kind}_{name}" for name in ("seconds", "state", "failure"))]
        row = {name: source.file[name][n, disorder] for name in names}
        for task in tasks:
            if task in source.records:
                yield task, source.outcome(task)
                continue
            place = source.layout.index(task)[2:]
            seconds, state, failure = (row[f"{kind}_{name}"][place] for name in ("seconds", "state", "failure"))
            arrays = {name: row[name][place] for name in source.layout.variables(kind)} if state == DONE else {}
            yield task, Outcome(arrays, float(seconds), failure.decode())


def _slabs(outcomes: Iterable[tuple[Task, Outcome]]) -> Iterator[list[tuple[Task, Outcome]]]:
    held: list[tuple[Task, Outcome]] = []
    size = 0
    for task, outcome in outcomes:
        held.append((task, outcome))
        size += 200 + sum(array.nbytes for array in outcome.arrays.values())
        if size > SLAB:
            yield held
            held, size = [], 0
    if held:
        yield held


def _write_slab(file: h5py.File, layout: Layout, slab: list[tuple[Task, Outcome]]) -> None:
    blocks: dict[tuple[str, int, int], list[tuple[Task, Outcome]]] = {}
    for task, outcome in slab:
        n, disorder, _, _ = layout.index(task)
        blocks.setdefault((task.kind, n, disorder), []).append((task, outcome))
    for (kind, n, disorder), members in blocks.items():
        _write_block(file, layout, kind, (n, disorder), members)


def _write_block(
    file: h5py.File, layout: Layout, kind: str, row: tuple[int, int], members: list[tuple[Task, Outcome]]
) -> None:
    """Outcomes of one kind at one N and disorder sample, one variable after the other."""
    places = [layout.index(task)[2:] for task, _ in members]
    outcomes = [outcome for _, outcome in members]
    columns: dict[str, list[Any]] = {
        f"{kind}_seconds": [outcome.seconds for outcome in outcomes],
        f"{kind}_state": [FAILED if outcome.failure else DONE for outcome in outcomes],
        f"{kind}_failure": [outcome.failure for outcome in outcomes],
        **{name: [outcome.arrays.get(name) for outcome in outcomes] for name in layout.variables(kind)},
    }
    for name, values in columns.items():
        rows = [(place, value) for place, value in zip(places, values, strict=True) if value is not None]
        if rows:
            _write_rows(file[name], row, rows)


def _write_rows(dataset: h5py.Dataset, row: tuple[int, int], rows: list[tuple[tuple[int, int], Any]]) -> None:
    """Set entries of dataset[row], in one write where they are small, one by one where they are large."""
    itemsize = dataset.dtype.itemsize * int(np.prod(dataset.shape[2:]))
    if len(rows) > 1 and itemsize <= SLAB:
        block = dataset[row]
        for place, value in rows:
            block[(*place, *(slice(0, length) for length in np.shape(value)))] = value
        dataset[row] = block
    else:
        for place, value in rows:
            dataset[(*row, *place, *(slice(0, length) for length in np.shape(value)))] = value
