"""Write a file of results so that a kill at any moment, a full disk or a second writer loses nothing.

Finished tasks go to the journal at once. From time to time, and at the end, a copy of the HDF5 file takes in the
journal and replaces the file in one step; then a new journal begins. Nothing else ever writes to the file.
"""

import glob
import json
import os
import shutil
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from binland.disk import move_to_new, new_version
from binland.errors import StoreError
from binland.interrupts import deferred
from binland.log import logger
from binland.sweep.provenance import git_state
from binland.sweep.spec import SweepSpec
from binland.sweep.store.changes import check_extension, check_ids, check_layout, check_same, still_valid
from binland.sweep.store.declared import layout_from
from binland.sweep.store.journal import Journal, Record
from binland.sweep.store.layout import SCHEMA, Layout, layout_of, state_of, storable
from binland.sweep.store.lock import Right, sole_writer
from binland.sweep.store.opening import attribute, attributes, check_structure, opened, reading
from binland.sweep.store.seal import copy_without_seal, seal
from binland.sweep.store.steady import SteadyFile
from binland.sweep.store.store import OLDER, Snapshot, Store, actual, journal_path
from binland.sweep.store.tables import check_outcomes, finished, fitting, present, write_outcomes
from binland.sweep.tasks import Arrays, Outcome, Task, to_plain
from binland.version import version

UPDATE_EVERY = 60.0  # seconds of a run after which the file takes in the journal ...
UPDATE_SHARE = 0.02  # ... as long as that costs no more than this share of the time
JOURNAL_BYTES = 2**28  # a longer journal is taken in at once ...
JOURNAL_SHARE = 0.5  # ... unless it is smaller than this share of the file


@contextmanager
def writing(
    path: str | Path, spec: SweepSpec, extend: bool = False, part: tuple[int, int] | None = None
) -> Iterator["Writer"]:
    """Context with the writer of the file of this sweep, which is created if it is missing.

    extend: the spec may have a larger grid or more measures than the file, which then gets room for the new tasks.
    part: (k, n) if this run is about a part of the grid. Raises StoreError rather than touch a file of another kind or
    configuration, in use, or not writable.
    """
    path = actual(path)
    make_folder(path)
    if path.exists():
        checked(path, spec, extend)  # no lock is made beside a foreign file
        if not os.access(path, os.W_OK):
            raise StoreError(f"{path}: is read-only; make it writable to go on, or choose another --out")
    with sole_writer(path) as right, ExitStack() as stack:
        if path.exists():
            store = checked(path, spec, extend)
        else:
            create(path, spec)
            store = Store.open(path)
        writer = Writer(store, right, part)
        stack.callback(writer.close)
        writer.begin()
        if writer.store.spec.text() != spec.text():  # titles and figures may have changed, too
            writer.extend(spec)
        yield writer


def checked(path: Path, spec: SweepSpec, extend: bool) -> Store:
    """The file, if it may be continued as this sweep; raises StoreError if not."""
    store = Store.open(path)
    if store.schema != SCHEMA:
        raise StoreError(f"{path}: has the schema {store.schema}; {OLDER}")
    (check_extension if extend else check_same)(store, spec)
    check_layout(store)
    return store


def make_folder(path: Path) -> None:
    """Make the folder of a new file; raises StoreError if that is impossible, or if the file's name is."""
    try:
        if "\0" in str(path):
            raise ValueError("a name has no NUL")
        path.parent.mkdir(parents=True, exist_ok=True)
        os.stat(path.parent / f"{path.name}.journal.damaged-12345678")  # as long as names get
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path}: cannot be created ({getattr(error, 'strerror', None) or error}); choose another --out"
        ) from None


def create(
    path: Path,
    spec: SweepSpec,
    outcomes: Callable[[], Iterable[tuple[Task, Outcome]]] = tuple,
    facts: dict[str, str] | None = None,
    layout: Layout | None = None,
) -> None:
    """Make a new file of results with some outcomes; raises StoreError rather than replace anything.

    outcomes: returns them anew at each call, to be written and to be compared with what is read back. facts: more
    attributes. layout: of the sweep, if it is known.
    """
    for taken, advice in ((path, "choose another --out"), (journal_path(path), "move it away, or its file back")):
        if taken.exists():
            raise StoreError(f"{taken}: is there already; {advice}")
    layout = readable(path, layout or layout_of(spec))
    try:
        with deferred(), new_version(path) as part:
            with SteadyFile(part) as target:
                layout.create(target, spec, {"file_id": uuid.uuid4().hex, **(facts or {})})
                with h5py.File(target, "r+") as file:
                    write_outcomes(file, layout, outcomes())
            complete(part, layout, outcomes())
            move_to_new(part, path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be created ({reason(error)}); choose another --out") from None


def readable(path: Path, layout: Layout) -> Layout:
    """The layout; raises StoreError if readers would refuse it."""
    try:
        layout_from(json.dumps(layout.plain()))
    except ValueError as error:
        raise StoreError(f"{path}: cannot be created ({error}); what a plug-in declares has to change") from None
    return layout


def complete(part: Path, layout: Layout, outcomes: Iterable[tuple[Task, Outcome]]) -> None:
    """Seal a new version and read it back; raises StoreError unless it holds exactly these outcomes."""
    seal(part)
    with opened(part) as file, reading(part):
        check_structure(part, file, layout, SCHEMA)
        layout.check_names(file)
        check_outcomes(file, layout, outcomes)


class Writer:
    """The only writer of a file of results; made by `writing`. `states` holds the state of every task."""

    def __init__(self, store: Store, right: Right, part: tuple[int, int] | None = None):
        self.store, self._right = store, right
        self._card = right.card | ({"part": list(part)} if part else {})
        self.path = store.path
        self.states: dict[Task, int] = {}
        self._records: dict[Task, Record] = {}
        self._running: dict[Task, float] = {}  # when they were given to a worker
        self._owner: str | None = None  # id of the file
        self._journal: Journal | None = None
        self._kept = False  # a copy of the journal, which is damaged
        self._file: h5py.File | None = None
        self._opened = ExitStack()  # closes it
        self._updated, self._cost = time.monotonic(), 0.0

    def begin(self) -> None:
        """Take in the journal that a killed writer left, and begin a new one."""
        with deferred(), self.store.snapshot() as snapshot:
            self.states = snapshot.states()
            check_ids(self.store, snapshot)
            self._keep_damaged(snapshot)
            for path in (self.path, journal_path(self.path)):
                for leftover in path.parent.glob(f"{glob.escape(path.name)}.????????.part"):  # of a killed writer
                    with suppress(OSError):
                        leftover.unlink()
            self._take_in(snapshot)
            self._new_journal(snapshot)

    def _keep_damaged(self, snapshot: Snapshot) -> None:
        """Copy a journal with damaged bytes before it is removed."""
        if not snapshot.damaged or self._kept:
            return
        journal = journal_path(self.path)
        kept = journal.with_suffix(f".damaged-{uuid.uuid4().hex[:8]}")
        try:
            snapshot.keep_journal(kept)
        except OSError as error:
            kept.unlink(missing_ok=True)
            raise self._trouble(error) from None
        self._kept = True
        warnings.warn(
            f"{journal}: {snapshot.damaged} bytes of it are damaged; tasks recorded there are done again, a copy is in"
            f" {kept.name}",
            stacklevel=3,
        )

    def start(self, tasks: Iterable[Task]) -> None:
        """Note that tasks were given to a worker."""
        for task in tasks:
            self._running.setdefault(task, time.time())
            self._append({"event": "start", "task": to_plain(task), "time": self._running[task]})

    def record(self, task: Task, outcome: Outcome) -> None:
        """Store a task's outcome, as a failure if the file has no room for it; StoreError if it cannot be written."""
        outcome = fitting(self.store.layout, task, outcome)
        facts: dict[str, Any] = {"event": "end", "task": to_plain(task), "seconds": outcome.seconds}
        if outcome.failure:
            facts["failure"] = storable(outcome.failure)
        with deferred():
            self._records[task] = self._append(facts, self._as_kept(task, outcome.arrays))
            self._running.pop(task, None)
            self.states[task] = state_of(outcome)
        assert self._journal is not None
        waited, size = time.monotonic() - self._updated, self._journal.size
        long = size > JOURNAL_BYTES and size > JOURNAL_SHARE * self.path.stat().st_size
        if long or waited > max(UPDATE_EVERY, self._cost / UPDATE_SHARE):
            self.update()

    def arrays(self, task: Task, variables: Iterable[str]) -> Arrays:
        """Some variables of a finished task, without those that it does not have; from the file they come padded."""
        if task in self._records:
            assert self._journal is not None
            found = self._journal.arrays(self._records[task])
            return {name: found[name] for name in variables if name in found}
        if self._file is None:
            self._file = self._opened.enter_context(opened(self.path))
            self._check_owner(self._file)
        with reading(self.path):
            index = self.store.layout.index(task)
            return present({name: np.asarray(self._file[name][index]) for name in variables})

    def update(self) -> None:
        """Bring the HDF5 file up to date and begin a new journal."""
        began = time.monotonic()
        with deferred(), self._snapshot() as snapshot:
            self._take_in(snapshot)
            self._check_complete(snapshot)
            self._new_journal(snapshot)
        self._updated = time.monotonic()
        self._cost = self._updated - began

    def extend(self, spec: SweepSpec) -> None:
        """Make room in the file for the tasks of a larger sweep; finished tasks with the same id are kept."""
        new = readable(self.path, layout_of(spec))
        with deferred(), self._snapshot() as snapshot, self._next_version() as part:
            kept = attributes(self.path, snapshot.file)
            kept = {key: value for key, value in kept.items() if key not in new.attributes(spec)}
            with SteadyFile(part) as target:
                new.create(target, spec, kept)
                with h5py.File(target, "r+") as file:
                    write_outcomes(file, new, still_valid(snapshot, new, spec))
            complete(part, new, still_valid(snapshot, new, spec))
        self.store = Store.open(self.path)
        self.states = self.store.states()

    def close(self) -> None:
        """Bring the file up to date and remove the journal; if that fails, the journal stays for the next run."""
        with deferred():
            try:
                if self._journal is not None:
                    with self._snapshot() as snapshot:
                        self._take_in(snapshot)
                    if self._journal.ours():
                        journal_path(self.path).unlink()
                    self._check_complete(snapshot)
            finally:
                self._close_journal()
                self._close_file()

    @contextmanager
    def _snapshot(self) -> Iterator[Snapshot]:
        """The file and the records written here, whether or not the journal still has its name."""
        assert self._journal is not None
        with self.store.snapshot(self._journal.reader()) as snapshot:
            self._check_owner(snapshot.file)
            self._keep_damaged(snapshot)
            yield snapshot

    def _check_owner(self, file: h5py.File) -> None:
        """Raise StoreError unless the file is the one that this writer writes."""
        if attribute(self.path, file, "file_id") != self._owner:
            raise StoreError(
                f"{self.path}: was replaced by another program while the sweep ran; what is done since the last version"
                f" is in {journal_path(self.path).name}: move the sweep's own file back"
            )

    def _as_kept(self, task: Task, arrays: Arrays) -> Arrays:
        """Arrays in the types of the file, which readers of the journal expect."""
        known = self.store.layout.variables(task.kind)
        return {
            name: np.asarray(array).astype(known[name].dtype, casting="same_kind") for name, array in arrays.items()
        }

    def _append(self, facts: dict[str, Any], arrays: Arrays | None = None) -> Record:
        assert self._journal is not None
        try:
            return self._journal.append(facts, arrays)
        except OSError as error:
            raise self._trouble(error) from None

    def _take_in(self, snapshot: Snapshot) -> None:
        """Take in what the journal holds; a record may be complete although the call that wrote it was interrupted."""
        if not snapshot.records:
            return
        with self._next_version() as part:
            copy_without_seal(self.path, part)
            with SteadyFile(part) as target, h5py.File(target, "r+") as file:
                news = ((task, snapshot.outcome(task)) for task in snapshot.records)
                write_outcomes(file, self.store.layout, news)
                file.attrs["runs"] = json.dumps(self._runs(snapshot))
            complete(part, self.store.layout, finished(snapshot))

    def _check_complete(self, snapshot: Snapshot) -> None:
        """Raise StoreError if tasks recorded in this run are missing in the journal."""
        lost = self._records.keys() - snapshot.records.keys()
        if lost:
            raise StoreError(
                f"{journal_path(self.path)}: has lost what {len(lost)} tasks gave (was it cut or damaged by another"
                " program?); run the same command to do them again"
            )

    def _new_journal(self, snapshot: Snapshot) -> None:
        """A journal that begins with the writer's name and the running tasks."""
        if self._journal is not None:
            self._journal.check()
        self._owner = attribute(self.path, snapshot.file, "file_id")
        try:
            journal = Journal(journal_path(self.path), {"event": "writer", "file": self._owner, **self._card})
        except OSError as error:
            raise self._trouble(error) from None
        self._close_journal()
        self._journal, self._records, self._kept = journal, {}, False
        self.start(self._running)

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    @contextmanager
    def _next_version(self) -> Iterator[Path]:
        """Context with the path for a new version, which replaces the file at the end."""
        try:
            with new_version(self.path) as part:
                yield part
                self._check_right()
                self._close_file()
                shutil.copymode(self.path, part)
                os.replace(part, self.path)
                sync_folder(self.path.parent)
                logger.debug("%s: a new version has taken its place", self.path)
        except OSError as error:
            raise self._trouble(error) from None

    def _check_right(self) -> None:
        """Raise StoreError if the lock was removed or replaced, so that somebody else may be writing the file."""
        if not self._right.still_ours():
            raise StoreError(
                f"{self.path}.lock: was removed or replaced by another program while the sweep ran; what is done is in"
                " the journal, run the same command to go on"
            )

    def _runs(self, snapshot: Snapshot) -> list[dict[str, Any]]:
        """Who wrote the file and when: one entry per run."""
        runs = snapshot.recorded_runs()
        if not runs or {key: runs[-1].get(key) for key in self._card} != self._card:
            runs.append({**self._card, "version": version("binland"), "git": git_state()})
        runs[-1]["until"] = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        return runs

    def _trouble(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self.path}: cannot be written ({reason(error)}); what is done is safe, free space and run the same"
            " command"
        )

    def _close_file(self) -> None:
        self._opened.close()
        self._file = None


def reason(error: OSError) -> str:
    """Why a file could not be written, in few words."""
    return os.strerror(error.errno) if error.errno else str(error)


def sync_folder(path: Path) -> None:
    """Wait until a folder's list of names is on the disk."""
    with suppress(PermissionError):  # Windows opens no folders
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
