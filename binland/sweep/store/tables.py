"""Move outcomes into and out of the variables of an open HDF5 file, many at a time, since each HDF5 call is slow."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import h5py
import numpy as np

from binland.sweep.spec import Point
from binland.sweep.store.layout import DONE, LEFT, Layout, state_of, storable
from binland.sweep.store.opening import texts
from binland.sweep.store.store import Snapshot
from binland.sweep.tasks import Arrays, Outcome, Task

SLAB = 2**25  # bytes held at a time
Place = tuple[int, ...]
Entry = tuple[Place, Any]


def write_outcomes(file: h5py.File, layout: Layout, outcomes: Iterable[tuple[Task, Outcome]]) -> None:
    """Write outcomes, each at its task's position."""
    for name, entries in _columns(layout, outcomes):
        _write_entries(file[name], entries, len(layout.axes))


def check_outcomes(file: h5py.File, layout: Layout, outcomes: Iterable[tuple[Task, Outcome]]) -> None:
    """Raise ValueError unless a file holds exactly these outcomes, each at its task's position, bit for bit."""
    written = dict.fromkeys(layout.kinds, 0)
    for name, entries in _columns(layout, outcomes):
        _check_entries(file[name], entries, len(layout.axes))
        if name.endswith("_state"):
            written[name.removesuffix("_state")] += len(entries)
    for kind, count in written.items():
        if np.count_nonzero(file[f"{kind}_state"][...] != LEFT) != count:
            raise ValueError(f"{kind}_state does not read as it was written")


def finished(source: Snapshot) -> Iterator[tuple[Task, Outcome]]:
    """All tasks that are done or failed, with their outcomes; arrays are padded to the lengths in the file."""
    layout = source.layout
    known = [task for task, state in source.states().items() if state != LEFT]
    known.sort(key=lambda task: (task.kind, layout.index(task)))
    for kind, tasks in groupby(known, key=lambda task: task.kind):
        names = [*layout.variables(kind), *(f"{kind}_{name}" for name in ("seconds", "state", "failure"))]
        row_bytes = sum(_row_bytes(source.file[name], len(layout.axes)) for name in names)
        rows = max(1, SLAB // row_bytes)
        for (point, band), members in groupby(tasks, key=lambda task: (task.cell.point, task.cell.disorder // rows)):
            part = (*point, slice(band * rows, (band + 1) * rows))
            block = {name: texts(source.read(name, part)) for name in names}
            for task in members:
                if task in source.records:
                    yield task, source.outcome(task)
                    continue
                disorder, *rest = layout.index(task)[len(point) :]
                place = (disorder - band * rows, *rest)
                seconds, state, failure = (block[f"{kind}_{name}"][place] for name in ("seconds", "state", "failure"))
                arrays = {name: block[name][place] for name in layout.variables(kind)} if state == DONE else {}
                yield task, Outcome(arrays, float(seconds), failure)


def fitting(layout: Layout, task: Task, outcome: Outcome) -> Outcome:
    """The outcome, or a failure if the file has no room for it because its sizes are not the declared ones."""
    variables = layout.variables(task.kind)
    for name, array in outcome.arrays.items():
        room = layout.lengths(variables[name].inner) if name in variables else ()
        shape = np.shape(array)
        if name not in variables or len(shape) != len(room) or any(a > b for a, b in zip(shape, room, strict=True)):
            text = f"{task.kind}: {name} has the shape {shape}, and the file has room for {room}"
            return Outcome({}, outcome.seconds, text)
    missing = [name for name, of in variables.items() if not of.optional and name not in outcome.arrays]
    if missing and not outcome.failure:
        return Outcome({}, outcome.seconds, f"{task.kind}: has no {missing[0]}, which is to be stored")
    return outcome


def present(arrays: Arrays) -> Arrays:
    """Arrays without those that are padding only, which the solution does not have."""
    return {name: values for name, values in arrays.items() if values.dtype.kind != "f" or not np.all(np.isnan(values))}


def _columns(layout: Layout, outcomes: Iterable[tuple[Task, Outcome]]) -> Iterator[tuple[str, list[Entry]]]:
    """Outcomes as entries of variables, grouped by kind and grid point."""
    for slab in _slabs(outcomes):
        blocks: dict[tuple[str, Point], list[tuple[Task, Outcome]]] = {}
        for task, outcome in slab:
            blocks.setdefault((task.kind, task.cell.point), []).append((task, outcome))
        for (kind, _), members in blocks.items():
            yield from _of_kind(layout, kind, members)


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


def _of_kind(layout: Layout, kind: str, members: list[tuple[Task, Outcome]]) -> Iterator[tuple[str, list[Entry]]]:
    places = [layout.index(task) for task, _ in members]
    outcomes = [outcome for _, outcome in members]
    columns: dict[str, list[Any]] = {
        f"{kind}_seconds": [outcome.seconds for outcome in outcomes],
        f"{kind}_state": [state_of(outcome) for outcome in outcomes],
        f"{kind}_failure": [storable(outcome.failure) for outcome in outcomes],
        **{name: [outcome.arrays.get(name) for outcome in outcomes] for name in layout.variables(kind)},
    }
    for name, values in columns.items():
        entries = [(place, value) for place, value in zip(places, values, strict=True) if value is not None]
        if entries:
            yield name, entries


def _write_entries(dataset: h5py.Dataset, entries: list[Entry], n_axes: int) -> None:
    """Set entries of one grid point: all rows from first to last in one write, unless they are large or sparse."""
    rows = _rows(dataset, entries, n_axes)
    if rows is None:
        for place, value in entries:
            dataset[(*place, *corner(value))] = value
        return
    low, part = rows
    block = dataset[part]
    for place, value in entries:
        disorder, *rest = place[n_axes:]
        block[(disorder - low, *rest, *corner(value))] = value
    dataset[part] = block


def _check_entries(dataset: h5py.Dataset, entries: list[Entry], n_axes: int) -> None:
    """Raise ValueError unless the entries of one grid point read back as they were written."""
    low, part = _rows(dataset, entries, n_axes) or (0, ())
    block = dataset[part] if part else None
    for place, value in entries:
        inner = corner(value)
        disorder, *rest = place[n_axes:]
        there = dataset[(*place, *inner)] if block is None else block[(disorder - low, *rest, *inner)]
        if not _same(there, value, dataset.dtype):
            raise ValueError(f"{dataset.name.lstrip('/')} does not read as it was written")


def _same(there: Any, value: Any, dtype: np.dtype[Any]) -> bool:
    if isinstance(value, str):
        return bool(there.decode() == value)
    given, kept = np.asarray(value), np.asarray(value).astype(dtype)
    lossless = np.array_equal(given, kept, equal_nan=given.dtype.kind == "f")
    return lossless and np.asarray(there).tobytes() == kept.tobytes()


def _rows(dataset: h5py.Dataset, entries: list[Entry], n_axes: int) -> tuple[int, tuple[Any, ...]] | None:
    """First row and position of a block that holds entries of a grid point; None if it is large or sparse."""
    disorders = [place[n_axes] for place, _ in entries]
    low, high = min(disorders), max(disorders) + 1
    if _row_bytes(dataset, n_axes) * (high - low) <= SLAB and high - low <= 10 * len(entries):
        return low, (*entries[0][0][:n_axes], slice(low, high))
    return None


def corner(value: Any) -> tuple[slice, ...]:
    """Slice of a larger array that an array fills; padding comes after it."""
    return tuple(slice(0, length) for length in np.shape(value))


def _row_bytes(dataset: h5py.Dataset, n_axes: int) -> int:
    """Bytes of all entries at one grid point and disorder sample."""
    return int(dataset.dtype.itemsize * np.prod(dataset.shape[n_axes + 1 :], dtype=np.int64))
