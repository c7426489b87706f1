"""Merge several files of results of one sweep, made separately (array jobs)."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.checks import checked_path
from binland.errors import InvalidInputError, StoreError, shown
from binland.sweep import older
from binland.sweep.config import check_settings
from binland.sweep.naming import task_identity
from binland.sweep.spec import SweepSpec
from binland.sweep.store.changes import GROWING, check_ids, check_layout, grows, obstacles, still_valid
from binland.sweep.store.layout import SCHEMA, Layout, in_layout, layout_of
from binland.sweep.store.lock import sole_writer
from binland.sweep.store.opening import attributes
from binland.sweep.store.store import Snapshot, Store
from binland.sweep.store.tables import finished
from binland.sweep.store.writer import create, make_folder
from binland.sweep.tasks import Outcome, Task, in_words


def merge(sources: Sequence[str | Path], out: str | Path) -> Store:
    """Make a new file of results with everything that is done in some others, whose grids may differ.

    The new grid includes all grids; what no source has is left to do. Where sources overlap they must agree bit for
    bit, times excepted; a task that failed in one and is done in another is done. Sources of older schemas are read.
    Their provenance and runs go to the attribute `sources`. Raises StoreError, before anything is written, if `out`
    exists, a source cannot be read, settings other than grid and algorithms differ, a source has other task ids than
    this version gives, or two sources disagree.
    """
    path = checked_path("out", out)
    if not isinstance(sources, list | tuple) or not sources:
        raise InvalidInputError(f"sources={shown(sources)} is not a list of at least one result file; give their paths")
    if os.path.exists(path):  # unlike Path.exists it does not raise on impossible names
        raise StoreError(f"{path}: is there already; choose another --out")
    stores = [Store.open(source) for source in sources]
    spec = _union(stores)
    with ExitStack() as stack:
        snapshots = [stack.enter_context(store.snapshot()) for store in stores]
        for store, snapshot in zip(stores, snapshots, strict=True):
            if store.schema == SCHEMA:
                check_layout(store)
            check_ids(store, snapshot)
        layout = layout_of(spec)
        owners = _owners(stores, spec, layout, snapshots)
        origins = [
            {"path": str(store.path), **attributes(store.path, snapshot.file)}
            for store, snapshot in zip(stores, snapshots, strict=True)
        ]

        def outcomes() -> Iterator[tuple[Task, Outcome]]:
            for place, (store, snapshot) in enumerate(zip(stores, snapshots, strict=True)):
                tasks = _tasks_of(store, spec, layout, snapshot)
                yield from ((task, outcome) for task, outcome in tasks if owners[task] == place)

        make_folder(path)
        with sole_writer(path):
            create(path, spec, outcomes, {"sources": json.dumps(origins)}, layout)
    return Store.open(path)


def _union(stores: list[Store]) -> SweepSpec:
    """The sweep that includes those of all files."""
    first, others = stores[0], stores[1:]
    settings = first.spec.resolved()
    for other in others:
        spec, table = other.spec, other.spec.resolved()
        if spec.family is not first.spec.family:
            raise StoreError(
                f"{other.path}: is not of the same sweep as {first.path}: model.kind is {table['model']['kind']} and"
                f" {settings['model']['kind']}"
            )
        if any(isinstance(settings["grid"].get(axis.key), str) for axis in spec.axes):
            raise StoreError(
                f"{other.path}: sweeps what follows another setting in {first.path}; merge files of one grid"
            )
        for axis in spec.axes:
            values = settings["grid"].get(axis.key, [])
            settings["grid"][axis.key] = list(dict.fromkeys([*values, *axis.values]))
        for name in GROWING:
            settings["grid"][name] = max(settings["grid"][name], table["grid"][name])
        first_ones = settings["algorithms"]
        settings["algorithms"] = first_ones | table["algorithms"] | first_ones
        settings["measure"] = _all_measures(settings["measure"], table["measure"])
    union = check_settings(settings, "the merged sweep", imports=False, complete=True)
    for store in stores:
        found = obstacles(store.spec, union)
        if found:
            raise StoreError(
                f"{store.path}: is not of the same sweep as {first.path}: to become it, it would"
                f" {'; '.join(found)}; merge files that differ in grid, algorithms and measures only"
            )
    return union


def _all_measures(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """The measures of both; for one that both have, the settings that ask for more, if they can be compared."""
    both = two | one
    for name in one.keys() & two.keys():
        if all(grows(one[name][key], two[name].get(key)) for key in one[name]):
            both[name] = two[name]
    return both


def _owners(stores: list[Store], spec: SweepSpec, layout: Layout, snapshots: list[Snapshot]) -> dict[Task, int]:
    """The source from which each task is taken; raises StoreError if two sources disagree."""
    owners: dict[Task, int] = {}
    known: list[dict[Task, Outcome]] = [{} for _ in snapshots]
    for place, (store, snapshot) in enumerate(zip(stores, snapshots, strict=True)):
        for task, outcome in _tasks_of(store, spec, layout, snapshot):
            known[place][task] = Outcome({}, outcome.seconds, outcome.failure)
            other = owners.get(task)
            if other is None or (not outcome.failure and known[other][task].failure):
                owners[task] = place
            elif not outcome.failure:
                differing = _disagreement(_outcome(stores[other], snapshots[other], layout, task), outcome)
                if differing:
                    raise StoreError(
                        f"{stores[other].path} and {store.path} disagree on {in_words(layout.axes, task)}: {differing}"
                        " differs; they were made by different code or data, nothing is written"
                    )
    return owners


def _tasks_of(store: Store, spec: SweepSpec, layout: Layout, snapshot: Snapshot) -> Iterator[tuple[Task, Outcome]]:
    """The finished tasks of a source, as tasks of the merged sweep."""
    if store.schema == SCHEMA:
        yield from still_valid(snapshot, layout, spec)
        return
    ids = layout.ids(spec)
    for task, outcome in finished(snapshot):
        for part, found in older.todays(store.spec, task, outcome):
            moved = in_layout(part, snapshot.layout, layout) if part.kind in layout.kinds else None
            if moved is not None and task_identity(store.spec, part).id == ids[moved.kind][layout.index(moved)]:
                yield moved, found


def _outcome(store: Store, snapshot: Snapshot, layout: Layout, task: Task) -> Outcome:
    """The outcome in a source of a finished task of the merged sweep."""
    here = in_layout(task, layout, snapshot.layout)
    assert here is not None
    if store.schema == SCHEMA:
        return snapshot.outcome(here)
    whole = older.whole(here)
    return dict(older.todays(store.spec, whole, snapshot.outcome(whole)))[here]


def _disagreement(one: Outcome, two: Outcome) -> str:
    """Name of the first variable in which two outcomes differ, padding excepted; empty if none does."""
    for name in one.arrays.keys() & two.arrays.keys():
        a, b = np.asarray(one.arrays[name]), np.asarray(two.arrays[name])
        shared = tuple(slice(0, min(pair)) for pair in zip(a.shape, b.shape, strict=True))
        if not np.array_equal(a[shared], b[shared], equal_nan=a.dtype.kind == "f"):
            return name
        for whole in (a, b):
            if _content(whole) != _content(whole[shared]):
                return name
    return ""


def _content(values: NDArray[Any]) -> int:
    """Number of entries that are not padding."""
    return int(np.count_nonzero(~np.isnan(values) if values.dtype.kind == "f" else values))
