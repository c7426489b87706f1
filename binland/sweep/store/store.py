"""Read a file of results, also while it is being written: the HDF5 file plus its journal.

The HDF5 file is never changed in place; a new version replaces it in one step. So whoever opens the journal first and
the HDF5 file second sees every finished task, whatever the writer does meanwhile.
"""

import json
import math
import os
import shlex
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from binland.checks import checked_path
from binland.errors import StoreError, one_line, shown
from binland.summary import table
from binland.sweep.spec import SweepSpec
from binland.sweep.store.journal import JournalReader, Record, open_journal
from binland.sweep.store.layout import DONE, FAILED, LEFT, SCHEMA, Layout, in_layout
from binland.sweep.store.lock import writer_of
from binland.sweep.store.opening import Declared, attribute, check_structure, declared, opened, reading, texts
from binland.sweep.tasks import Arrays, Outcome, Task, from_plain
from binland.sweep.words import TRAINING

OLDER = "it is older than this version; `binland merge OLD --out NEW` makes one that can be continued"
LONGEST_TIME = 1e12  # s


def actual(path: str | Path) -> Path:
    """A path, or the file it links to: journal, lock and new versions belong beside the file itself."""
    path = checked_path("path", path)
    try:
        return path.resolve() if path.is_symlink() else path
    except (OSError, RuntimeError):  # opening it will say what is wrong; RuntimeError: a link to itself
        return path


def journal_path(path: Path) -> Path:
    """Path of the journal beside a file of results; it exists during writing, or after a writer was killed."""
    return path.with_name(path.name + ".journal")


class Snapshot:
    """A file of results and its journal at one moment."""

    def __init__(self, path: Path, file: h5py.File, layout: Layout, journal: JournalReader | None):
        self.path, self.file, self.layout = path, file, layout
        self._journal = journal
        self.damaged = journal.damaged if journal else 0
        self.records: dict[Task, Record] = {}  # the latest record of every task in the journal
        self.running: dict[Task, Record] = {}
        self.started: list[float] = []  # times when tasks of the journal were given to workers, s
        for record in journal.records if journal else []:
            if record.facts.get("event") == "writer":
                continue
            task = checked_task(layout, record.facts)
            if record.facts["event"] == "start":
                self.running[task] = record
                self.started.append(record.facts["time"])
            else:
                self.running.pop(task, None)
                self.records[task] = record

    def runs(self) -> list[dict[str, Any]]:
        """Who wrote the file, one entry per run, the current writer included; "part" is [k, n] for a run of a part."""
        first = self._journal.records[:1] if self._journal else []
        latest = [record.facts for record in first if record.facts.get("event") == "writer"]
        return [*self.recorded_runs(), *latest]

    def recorded_runs(self) -> list[dict[str, Any]]:
        """The runs noted in the HDF5 file."""
        try:
            runs = json.loads(attribute(self.path, self.file, "runs") or "[]")
        except (ValueError, RecursionError):  # they are for information only
            return []
        return [run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []

    def read(self, name: str, place: Any = ...) -> NDArray[Any]:
        """Values of a variable in the HDF5 file; raises StoreError if they are damaged."""
        with reading(self.path):
            found = self.file[name][place]
            return np.array(found, object) if isinstance(found, bytes) else np.asarray(found)

    def states(self) -> dict[Task, int]:
        """LEFT, DONE or FAILED for every task."""
        laid_over = {task: FAILED if "failure" in record.facts else DONE for task, record in self.records.items()}
        return {task: int(value) for task, value in self._of_tasks("state", _is_state).items()} | laid_over

    def seconds(self) -> dict[Task, float]:
        """Wall time of every task, NaN if it is neither done nor failed."""
        laid_over = {task: record.facts["seconds"] for task, record in self.records.items()}
        found = {task: float(value) for task, value in self._of_tasks("seconds", _is_time).items()} | laid_over
        if any(math.isnan(found[task]) for task, state in self.states().items() if state == DONE):
            raise self._damaged("a task that is done has taken no time")
        return found

    def pace(self) -> float:
        """Seconds of work done per second since the journal began; 1 if unknown."""
        times = [record.facts["seconds"] for record in self.records.values()]
        worked = sum(seconds for seconds in times if not math.isnan(seconds))
        return worked / max(time.time() - min(self.started), 1e-9) if worked > 1e-9 and self.started else 1.0

    def failures(self) -> dict[Task, str]:
        """Tracebacks of the failed tasks."""
        failed = [task for task, state in self.states().items() if state == FAILED]
        return {task: self.outcome(task).failure for task in failed}

    def outcome(self, task: Task) -> Outcome:
        """Outcome of a finished task: all variables, padded with NaN or 0 to the lengths in the file."""
        if task in self.records:
            facts = self.records[task].facts
            return Outcome(self.arrays(task), facts["seconds"], facts.get("failure", ""))
        index, kind = self.layout.index(task), task.kind
        seconds = float(self.read(f"{kind}_seconds", index))
        if self.read(f"{kind}_state", index) == FAILED:
            return Outcome({}, seconds, str(texts(self.read(f"{kind}_failure", index)).item()))
        return Outcome({name: self.read(name, index) for name in self.layout.variables(kind)}, seconds)

    def arrays(self, task: Task) -> Arrays:
        """Arrays of a task in the journal."""
        assert self._journal is not None
        with reading(journal_path(self.path)):
            return self._journal.arrays(self.records[task])

    def keep_journal(self, path: Path) -> None:
        """Copy the journal, as it is, to a new file."""
        assert self._journal is not None
        self._journal.copy(path)

    def values(self, task: Task, variable: str) -> NDArray[Any]:
        """One variable of one task."""
        arrays = self.arrays(task) if task in self.records else {}
        return arrays[variable] if variable in arrays else self.read(variable, self.layout.index(task))

    def done(self, task: Task) -> bool:
        """Whether a task is done."""
        if task in self.records:
            return "failure" not in self.records[task].facts
        return int(self.read(f"{task.kind}_state", self.layout.index(task))) == DONE

    def _of_tasks(self, what: str, allowed: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> dict[Task, Any]:
        """The variable KIND_what for every task; raises StoreError on values that no writer writes."""
        values = {kind: self.read(f"{kind}_{what}") for kind in self.layout.kinds}
        for kind, found in values.items():
            if not allowed(found).all():
                raise self._damaged(f"{kind}_{what} holds {shown(found[~allowed(found)][0])}")
        return {task: values[task.kind][self.layout.index(task)] for task in self.layout.tasks()}

    def _damaged(self, why: str) -> StoreError:
        return StoreError(f"{self.path}: is damaged ({why}); take it from a copy, or run the sweep anew")


class Store:
    """A file of results of one sweep, for reading; returned by `run_sweep`. Print it for a summary."""

    def __init__(self, path: Path, declared: Declared):
        self.path, self._declared = path, declared
        self.layout, self.schema = declared.layout, declared.schema

    def __repr__(self) -> str:
        """A summary in a few lines."""
        return "\n".join(one_line(f"{name}: {value}") for name, value in self._facts())

    def _repr_html_(self) -> str:
        return table(type(self).__name__, self._facts())

    def _facts(self) -> list[tuple[str, str]]:
        """Names and values to print, of the file as it is now, which may have been extended or replaced."""
        try:
            return type(self).open(self.path)._described()
        except StoreError:
            return self._described()

    def _described(self) -> list[tuple[str, str]]:
        layout = self.layout
        swept = [f"{axis.name} = {list(axis.values)}" for axis in layout.axes]
        samples = f"{layout.disorder_samples} disorder sample{'' if layout.disorder_samples == 1 else 's'}"
        return [
            ("sweep", self.title or "untitled"),
            ("file", str(self.path)),
            ("tasks", self._counts()),
            ("grid", "; ".join([*swept, samples])),
            ("algorithms", ", ".join(layout.labels)),
            ("measured", ", ".join(kind for kind in layout.kinds if kind != TRAINING)),
            ("numbers", f"bl.load_results({str(self.path)!r})"),
            ("figures", f"binland plot {shlex.quote(str(self.path))}"),
        ]

    def _counts(self) -> str:
        """Of the tasks, in words; of a file that has become unreadable, why it has."""
        try:
            counts = count_states(self.states())
        except StoreError as error:
            return str(error)
        shown_counts = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        return f"{shown_counts} of {sum(counts.values())}"

    @property
    def spec(self) -> SweepSpec:
        """The sweep, to run or measure it again; raises StoreError if something that it needs is not installed.

        Plug-ins that its configuration names are not imported, since a stranger may have made the file.
        """
        return self._declared.spec(self.path)

    @property
    def settings(self) -> dict[str, Any]:
        """The tables of its configuration, in today's form."""
        return self._declared.settings

    @property
    def title(self) -> str:
        """Title of the sweep."""
        return str(self.settings.get("title", ""))

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open an existing file.

        Parameters
        ----------
        path : str or pathlib.Path
            HDF5 file of a sweep.

        Returns
        -------
        Sweep or Store
            The file, of the class whose ``open`` was called.

        Raises
        ------
        StoreError
            If the file is missing or not a file of binland's results.
        """
        path = actual(path)
        _check_ordinary(path)
        with opened(path) as file:
            return cls(path, declared(path, file))

    @contextmanager
    def snapshot(self, own: JournalReader | None = None) -> Iterator[Snapshot]:
        """Read the file and its journal as they are at this moment; a context manager.

        Parameters
        ----------
        own : JournalReader, optional
            The records of the writer's own journal; only the writer gives them.

        Yields
        ------
        Snapshot
            State, seconds and values of every task, all of the same moment.

        Raises
        ------
        StoreError
            If file or journal cannot be read or do not belong together.
        """
        with ExitStack() as stack:
            journal = self._journal(stack) if own is None else own
            file = stack.enter_context(opened(self.path))
            now = declared(self.path, file)
            if now.text != self._declared.text:  # it was extended in the meantime, so the journal may be an older one
                yield stack.enter_context(Store.open(self.path).snapshot(own))
                return
            check_structure(self.path, file, self.layout, self.schema)
            if journal is not None and own is None:
                self._check_owner(journal, file)
            try:
                snapshot = Snapshot(self.path, file, self.layout, journal)
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                raise self._unreadable(error) from None
            yield snapshot

    def _journal(self, stack: ExitStack) -> JournalReader | None:
        if self.schema != SCHEMA:
            return None
        try:
            file = open_journal(journal_path(self.path))
            if file is None:
                return None
            stack.callback(os.close, file)
            return JournalReader(file)
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> StoreError:
        reason = (error.strerror if isinstance(error, OSError) else None) or one_line(str(error), 300)
        reason = "it needs more memory than there is" if isinstance(error, MemoryError) else reason
        return StoreError(f"{journal_path(self.path)}: cannot be read ({reason}); move it away to go on without it")

    def _check_owner(self, journal: JournalReader, file: h5py.File) -> None:
        owner = journal.records[0].facts.get("file") if journal.records else None
        if owner is None or owner != attribute(self.path, file, "file_id"):
            raise StoreError(
                f"{journal_path(self.path)}: belongs to another result file than {self.path.name}; move it away, or"
                " move its file back"
            )

    def states(self) -> dict[Task, int]:
        """Whether each task is done, has failed or is left.

        Returns
        -------
        dict of Task to int
            0 for a task that is left, 1 for one that is done, 2 for one that has failed.
        """
        with self.snapshot() as snapshot:
            return self._known(snapshot, snapshot.states())

    def failures(self) -> dict[Task, str]:
        """Tracebacks of the failed tasks.

        Returns
        -------
        dict of Task to str
            Empty if no task has failed.
        """
        with self.snapshot() as snapshot:
            return self._known(snapshot, snapshot.failures())

    def seconds(self) -> dict[Task, float]:
        """Wall time of every task.

        Returns
        -------
        dict of Task to float
            In seconds; NaN for tasks that are neither done nor failed.
        """
        with self.snapshot() as snapshot:
            return self._known(snapshot, snapshot.seconds())

    def values(self, task: Task, variable: str) -> NDArray[Any]:
        """Read one variable of one task.

        Parameters
        ----------
        task : Task
            One of the tasks in ``.states()``.
        variable : str
            Its name, for example "train_error".

        Returns
        -------
        numpy.ndarray
            The values, without the dimensions of the grid.

        Raises
        ------
        StoreError
            If the file is damaged, or holds another sweep than when it was opened.
        """
        with self.snapshot() as snapshot:
            return snapshot.values(self._moved(task, snapshot), variable)

    def arrays(self, task: Task, variables: Iterable[str]) -> Arrays | None:
        """Read several variables of one task, all of the same moment.

        Parameters
        ----------
        task : Task
            One of the tasks in ``.states()``.
        variables : iterable of str
            Their names.

        Returns
        -------
        dict of str to numpy.ndarray, or None
            The values, without the dimensions of the grid; None if the task is not done.

        Raises
        ------
        StoreError
            If the file is damaged, or holds another sweep than when it was opened.
        """
        with self.snapshot() as snapshot:
            there = self._moved(task, snapshot)
            return {name: snapshot.values(there, name) for name in variables} if snapshot.done(there) else None

    def _moved(self, task: Task, snapshot: Snapshot) -> Task:
        """The same task in the file as it is now, which may have been extended."""
        moved = in_layout(task, self.layout, snapshot.layout)
        if moved is None:
            raise StoreError(f"{self.path}: holds another sweep than when it was opened; open it again")
        return moved

    def _known(self, snapshot: Snapshot, found: dict[Task, Any]) -> dict[Task, Any]:
        """Facts about tasks that were in the file when it was opened; it may have been extended since."""
        if snapshot.layout is self.layout:
            return found
        moved = ((task, in_layout(task, self.layout, snapshot.layout)) for task in self.layout.tasks())
        return {task: found[there] for task, there in moved if there in found}

    def writer(self) -> dict[str, Any] | None:
        """Who is writing the file now.

        Returns
        -------
        dict, or None
            Process, host and start of the writer; None if nobody is writing.
        """
        return writer_of(self.path)


def count_states(states: dict[Task, int], running: Collection[Task] = ()) -> dict[str, int]:
    """Numbers of tasks done, running, failed, blocked (a solution they need has failed) and left."""
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


def _check_ordinary(path: Path) -> None:
    """Raise StoreError unless the path is an ordinary file; reading a pipe could wait for ever."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{path}: no such file; give the path of a result file made by `binland sweep`") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"{path}: cannot be read ({reason}); give the path of a result file") from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not an ordinary file"
        raise StoreError(f"{path}: is {what}; give the path of a result file")


def checked_task(layout: Layout, facts: Mapping[str, Any]) -> Task:
    """The task of a record of a journal; ValueError if the sweep has no such task or the record is not a writer's."""
    task = from_plain(facts["task"])
    if not _is_there(layout, task):
        raise ValueError(f"its task {shown(facts['task'])} is not one of this sweep")
    _check_facts(layout, task, facts)
    return task


def _is_there(layout: Layout, task: Task) -> bool:
    """Whether a sweep has this task, which may hold anything; raises KeyError or TypeError on some values."""
    kind, numbers = layout.kinds[task.kind], (*task.cell.point, task.cell.disorder, *task.solutions, task.repeat)
    if not all(type(value) is int and value >= 0 for value in numbers):
        return False
    if len(task.solutions) != kind.of or max(task.solutions) >= layout.solutions or task.repeat >= kind.repeats:
        return False
    if kind.across != bool(task.to) or task.to == task.cell.algorithm:
        return False
    if len({*task.needs}) < len(task.needs) or len(task.cell.point) != len(layout.axes):
        return False
    return all(k < length for k, length in zip(layout.index(task), layout.shape(task.kind), strict=True))


def _check_facts(layout: Layout, task: Task, facts: Mapping[str, Any]) -> None:
    """Raise ValueError unless the rest of a record about a task is what a writer writes."""
    name, failure = {"start": "time", "end": "seconds"}[facts["event"]], facts.get("failure", "none")
    if type(facts[name]) not in (int, float) or not _is_time(np.array(facts[name], float)):
        raise ValueError(f"its {name} {shown(facts[name])} is no time")
    if math.isnan(facts[name]) and "failure" not in facts:  # the time is unknown if workers have died
        raise ValueError(f"its {name} is no time")
    if not isinstance(failure, str) or not failure:
        raise ValueError("its failure is no text")
    _check_arrays(layout, task, facts)


def _check_arrays(layout: Layout, task: Task, facts: Mapping[str, Any]) -> None:
    """Raise ValueError unless a record has the arrays that a worker gives, in the types of the file."""
    known, listed = layout.variables(task.kind), facts.get("arrays", {})
    for variable, (dtype, shape) in listed.items():
        if variable not in known:
            raise ValueError(f"its variable {shown(variable)} is not one of this sweep")
        if np.dtype(dtype) != np.dtype(known[variable].dtype):
            raise ValueError(f"its {variable} has the type {shown(dtype)}, not {known[variable].dtype}")
        if not _fits(layout, task, known[variable].inner, shape):
            raise ValueError(f"its {variable} has the shape {shown(shape)}, which does not fit")
    missing = {name for name, variable in known.items() if not variable.optional} - listed.keys()
    if missing and facts["event"] == "end" and "failure" not in facts:
        raise ValueError(f"its {min(missing)} is missing")


def _fits(layout: Layout, task: Task, inner: tuple[str, ...], shape: list[int]) -> bool:
    """Whether a variable may have a shape: weights must be complete, others may be padded."""
    if len(shape) != len(inner):
        return False
    return all(length <= layout.lengths((dim,))[0] for length, dim in zip(shape, inner, strict=True)) and all(
        length == layout.sizes[dim][layout.place(task.cell.point)]
        for length, dim in zip(shape, inner, strict=True)
        if dim in layout.sizes
    )


def _is_state(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.isin(values, (LEFT, DONE, FAILED))


def _is_time(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether values are seconds or NaN."""
    return np.isnan(values) | ((values >= 0) & (values < LONGEST_TIME))
