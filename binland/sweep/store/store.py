"""Reading a result file, also while it is being written: the HDF5 file with its journal laid over it.

The HDF5 file is never changed in place; a new one takes its place at once. So whoever opens the journal first and the
HDF5 file second sees every finished task, whatever the writer does meanwhile.
"""

import json
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from binland.bits import Signs, from_bytes
from binland.checks import checked_path
from binland.errors import StoreError
from binland.sweep.execute import Arrays, Outcome
from binland.sweep.spec import SweepSpec, check_settings
from binland.sweep.store.journal import JournalReader, Record
from binland.sweep.store.layout import DONE, FAILED, LEFT, READABLE, SCHEMA, Layout
from binland.sweep.store.lock import writer_of
from binland.sweep.tasks import SolutionTask, Task, all_tasks, from_plain

OLDER = "it is older than this version; `binland merge OLD --out NEW` makes one that can be continued"


def actual(path: str | Path) -> Path:
    """A path, or what it links to: journal, lock and new versions of a file are to lie beside the file itself."""
    path = checked_path("path", path)
    try:
        return path.resolve() if path.is_symlink() else path
    except OSError:  # whoever opens it will say why
        return path


def journal_path(path: Path) -> Path:
    """The journal beside a result file; there is one while it is written, or after the writer was killed."""
    return path.with_name(path.name + ".journal")


class Snapshot:
    """A result file and its journal as they were at one moment."""

    def __init__(self, file: h5py.File, layout: Layout, journal: JournalReader | None):
        self.file, self.layout = file, layout
        self._journal = journal
        self.damaged = journal.damaged if journal else 0
        self.records: dict[Task, Record] = {}  # the last word on every task in the journal
        self.running: dict[Task, Record] = {}
        self.started: list[float] = []  # times when tasks of the journal were given to workers, s
        for record in journal.records if journal else []:
            if "task" in record.facts:
                task = from_plain(record.facts["task"])
                if record.facts["event"] == "start":
                    self.running[task] = record
                    self.started.append(record.facts["time"])
                else:
                    self.running.pop(task, None)
                    self.records[task] = record

    def runs(self) -> list[dict[str, Any]]:
        """Who wrote the file, one entry per run, and who writes the journal; "part" is [k, n] of a run of a part."""
        latest = [record.facts for record in self._journal.records[:1]] if self._journal else []
        try:
            return [*json.loads(self.file.attrs["runs"]), *latest]
        except (KeyError, ValueError, TypeError):  # none yet, or damaged: they are for information only
            return latest

    def states(self) -> dict[Task, int]:
        """LEFT, DONE or FAILED for every task."""
        laid_over = {task: FAILED if "failure" in record.facts else DONE for task, record in self.records.items()}
        return {task: int(value) for task, value in self._of_tasks("state").items()} | laid_over

    def seconds(self) -> dict[Task, float]:
        """Wall time of every task, NaN if it is neither done nor failed."""
        laid_over = {task: record.facts["seconds"] for task, record in self.records.items()}
        return {task: float(value) for task, value in self._of_tasks("seconds").items()} | laid_over

    def pace(self) -> float:
        """Seconds of work that are done in a second, since the journal began; 1 if it says nothing."""
        worked = sum(record.facts["seconds"] for record in self.records.values())
        return worked / max(time.time() - min(self.started), 1e-9) if worked and self.started else 1.0

    def failures(self) -> dict[Task, str]:
        """Tracebacks of the failed tasks."""
        failed = [task for task, state in self.states().items() if state == FAILED]
        return {task: self.outcome(task).failure for task in failed}

    def outcome(self, task: Task) -> Outcome:
        """What is known of a finished task: every variable, padded with NaN or 0 to the lengths of the file."""
        if task in self.records:
            facts = self.records[task].facts
            return Outcome(self.arrays(task), facts["seconds"], facts.get("failure", ""))
        index, kind = self.layout.index(task), task.kind
        seconds = float(self.file[f"{kind}_seconds"][index])
        if self.file[f"{kind}_state"][index] == FAILED:
            return Outcome({}, seconds, self.file[f"{kind}_failure"][index].decode())
        return Outcome({name: self.file[name][index] for name in self.layout.variables(kind)}, seconds)

    def arrays(self, task: Task) -> Arrays:
        """The arrays of a task in the journal."""
        assert self._journal is not None
        return self._journal.arrays(self.records[task])

    def values(self, task: Task, variable: str) -> NDArray[Any]:
        """What is known of one variable of one task."""
        if task in self.records:
            return self.arrays(task)[variable]
        return np.asarray(self.file[variable][self.layout.index(task)])

    def _of_tasks(self, what: str) -> dict[Task, Any]:
        """The variable KIND_what at every task."""
        values = {kind: self.file[f"{kind}_{what}"][...] for kind in self.layout.kinds}
        return {task: values[task.kind][self.layout.index(task)] for task in all_tasks(self.layout.spec)}


class Store:
    """A result file of one sweep, for reading. Use `Store.open`."""

    def __init__(self, path: Path, spec: SweepSpec, schema: str):
        self.path, self.spec, self.schema = path, spec, schema
        self.layout = Layout(spec)

    @classmethod
    def open(cls, path: str | Path) -> "Store":
        """An existing file; raises StoreError if it is missing or not a binland result."""
        path = actual(path)
        try:
            folder, there = path.is_dir(), path.is_file()
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); give the path of a result file"
            ) from None
        if folder:
            raise StoreError(f"{path}: is a folder; give the path of a result file")
        if not there:
            raise StoreError(f"{path}: no such file; give the path of a result file made by `binland sweep`")
        with _opened(path) as file:
            spec, schema = _configuration(path, file)
        return cls(path, spec, schema)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The file and its journal at this moment; raises StoreError if they cannot be read or do not fit."""
        with ExitStack() as stack:
            journal = None
            path = journal_path(self.path)
            if self.schema == SCHEMA and path.exists():
                try:
                    journal = JournalReader(stack.enter_context(path.open("rb")))
                except FileNotFoundError:  # the writer has just finished
                    pass
                except (OSError, ValueError, KeyError) as error:
                    raise StoreError(f"{path}: cannot be read ({error}); move it away to go on without it") from None
            file = stack.enter_context(_opened(self.path))
            spec, _ = _configuration(self.path, file)
            if journal is not None:
                owner = journal.records[0].facts.get("file") if journal.records else None
                if owner != file.attrs["file_id"]:
                    raise StoreError(
                        f"{path}: belongs to another result file than {self.path.name}; move it away, or move its file"
                        " back"
                    )
            same = spec.canonical() == self.spec.canonical()  # or somebody has extended the file meanwhile
            yield Snapshot(file, self.layout if same else Layout(spec), journal)

    def states(self) -> dict[Task, int]:
        """LEFT, DONE or FAILED for every task."""
        with self.snapshot() as snapshot:
            return snapshot.states()

    def failures(self) -> dict[Task, str]:
        """Tracebacks of the failed tasks."""
        with self.snapshot() as snapshot:
            return snapshot.failures()

    def seconds(self) -> dict[Task, float]:
        """Wall time of every task, NaN if it is neither done nor failed."""
        with self.snapshot() as snapshot:
            return snapshot.seconds()

    def values(self, task: Task, variable: str) -> NDArray[Any]:
        """What is known of one variable of one task."""
        with self.snapshot() as snapshot:
            return snapshot.values(task, variable)

    def weights(self, task: SolutionTask, shape: tuple[int, ...]) -> Signs:
        """Binary weights of a finished solution, of the given shape."""
        return from_bytes(self.values(task, "weights"), shape)

    def writer(self) -> dict[str, Any] | None:
        """Process, host and start of the writer at work, None if there is none."""
        return writer_of(self.path)


def count_states(states: dict[Task, int], running: Collection[Task] = ()) -> dict[str, int]:
    """Number of tasks done, running, failed, blocked (a solution that they need has failed) and left."""
    counts = dict.fromkeys(("done", "running", "failed", "blocked", "left"), 0)
    for task, state in states.items():
        if task in running:
            counts["running"] += 1
        elif state != LEFT:
            counts["done" if state == DONE else "failed"] += 1
        else:
            blocked = any(states[need] == FAILED and need not in running for need in task.needs)
            counts["blocked" if blocked else "left"] += 1
    return counts


def _configuration(path: Path, file: h5py.File) -> tuple[SweepSpec, str]:
    schema = file.attrs.get("schema")
    if not isinstance(schema, str) or schema not in READABLE:
        raise StoreError(
            f"{path}: is not a binland result of a known schema ({schema!r} is none of {', '.join(READABLE)});"
            " give the path of a file made by `binland sweep`, or update binland"
        )
    try:
        settings = dict(json.loads(file.attrs["config"]))
    except (KeyError, ValueError, TypeError) as error:
        raise StoreError(f"{path}: its configuration cannot be read ({error}); take it from a copy") from None
    return check_settings(settings, str(path)), schema


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """The HDF5 file for reading; raises StoreError if it is not one, or not a whole one.

    What reading a damaged file raises in the body of the context is HDF5's choice: OSError, KeyError or RuntimeError.
    """
    try:
        file = h5py.File(path, "r")
    except BlockingIOError:
        raise StoreError(f"{path}: another program has it open for writing; close it there first") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read as HDF5 ({error}); is it a result file, and complete?") from None
    try:
        with file:
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        raise StoreError(f"{path}: is damaged ({error}); take it from a copy, or run the sweep anew") from None
