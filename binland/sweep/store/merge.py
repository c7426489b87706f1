"""Several result files of one sweep, made apart (array jobs), into one."""

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
from binland.sweep.execute import Outcome
from binland.sweep.spec import SweepSpec, check_settings
from binland.sweep.store.changes import check_ids, obstacles
from binland.sweep.store.layout import DONE, LEFT, SCHEMA
from binland.sweep.store.lock import sole_writer
from binland.sweep.store.opening import attributes
from binland.sweep.store.store import Snapshot, Store
from binland.sweep.store.tables import finished
from binland.sweep.store.writer import create, make_folder
from binland.sweep.tasks import Task, in_words


def merge(sources: Sequence[str | Path], out: str | Path) -> Store:
    """Make a new result file of all that is done in some others, whose grids may differ.

    The new grid holds all grids; what none of the sources has is left to do. Where sources overlap they must agree bit
    for bit (times apart); a task that failed in one and is done in another is done. Sources of older schemas are read.
    Attributes of the sources (provenance, runs) go to the attribute `sources`.
    Raises StoreError, before anything is written, if `out` exists, a source cannot be read, settings other than grid
    and algorithms differ, a source has other task ids than this version gives, or two sources disagree on a task.
    """
    path = checked_path("out", out)
    if not isinstance(sources, list | tuple) or not sources:
        raise InvalidInputError(f"sources={shown(sources)} is not a list of at least one result file; give their paths")
    if os.path.exists(path):  # unlike Path.exists, of a name that cannot be
        raise StoreError(f"{path}: is there already; choose another --out")
    stores = [Store.open(source) for source in sources]
    spec = _union(stores)
    with ExitStack() as stack:
        snapshots = [stack.enter_context(store.snapshot()) for store in stores]
        for store, snapshot in zip(stores, snapshots, strict=True):
            if store.schema == SCHEMA:
                check_ids(store.path, snapshot)
        owners = _owners(stores, snapshots)
        origins = [
            {"path": str(store.path), **attributes(store.path, snapshot.file)}
            for store, snapshot in zip(stores, snapshots, strict=True)
        ]

        def outcomes() -> Iterator[tuple[Task, Outcome]]:
            for place, snapshot in enumerate(snapshots):
                yield from ((task, outcome) for task, outcome in finished(snapshot) if owners[task] == place)

        make_folder(path)
        with sole_writer(path):
            create(path, spec, outcomes, {"sources": json.dumps(origins)})
    return Store.open(path)


def _union(stores: list[Store]) -> SweepSpec:
    """The configuration whose grid holds those of all stores."""
    first = stores[0].spec
    settings, axis = first.resolved(), first.family.axis
    grids = [store.spec.grid for store in stores]
    settings["grid"] |= {
        axis: list(dict.fromkeys(size for store in stores for size in store.spec.sizes)),
        "disorder_samples": max(grid.disorder_samples for grid in grids),
        "solutions": max(grid.solutions for grid in grids),
    }
    settings["algorithms"] = {}
    for store in stores:
        for label, table in store.spec.described.items():
            settings["algorithms"].setdefault(label, table)
    for store in stores:
        if store.spec.family is not first.family:
            kinds = f"{store.spec.model.kind} and {first.model.kind}"
            raise StoreError(f"{store.path}: is not of the same sweep as {stores[0].path}: model.kind is {kinds}")
    union = check_settings(settings, "the merged sweep")
    for store in stores:
        found = obstacles(store.spec.model_copy(update={"title": union.title}), union)
        if found:
            raise StoreError(
                f"{store.path}: is not of the same sweep as {stores[0].path}: to become it, it would"
                f" {'; '.join(found)}; merge files that differ in grid and algorithms only"
            )
    return union


def _owners(stores: list[Store], snapshots: list[Snapshot]) -> dict[Task, int]:
    """Which source each task is taken from; raises StoreError where two sources disagree."""
    owners: dict[Task, int] = {}
    states = [snapshot.states() for snapshot in snapshots]
    for place, snapshot in enumerate(snapshots):
        for task, state in states[place].items():
            other = owners.get(task)
            if state == LEFT:
                continue
            if other is None or (state == DONE and states[other][task] != DONE):
                owners[task] = place
            elif state == DONE:
                differing = _disagreement(snapshots[other].outcome(task), snapshot.outcome(task))
                if differing:
                    words = in_words(stores[place].spec, task)
                    raise StoreError(
                        f"{stores[other].path} and {stores[place].path} disagree on {words}: {differing} differs; they"
                        " were made by different code or data, nothing is written"
                    )
    return owners


def _disagreement(one: Outcome, two: Outcome) -> str:
    """The first variable in which two outcomes differ, padding apart; empty if there is none."""
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
    """Number of entries that are no padding."""
    return int(np.count_nonzero(~np.isnan(values) if values.dtype.kind == "f" else values))
