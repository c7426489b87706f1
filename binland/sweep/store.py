"""The result file: one HDF5 file per sweep in netCDF-4 layout, written by one process, closed after every task.

Every variable spans the whole grid from the start, NaN or 0 where nothing is known yet; `solution_state` and
`pair_state` say what is done. Weights are packed, eight to a byte.
"""

import json
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from binland.bits import Signs, from_bytes
from binland.errors import StoreError
from binland.sweep.execute import SYMMETRY, Arrays
from binland.sweep.provenance import provenance
from binland.sweep.spec import SweepSpec, check_settings
from binland.sweep.tasks import SolutionTask, Task, all_tasks

SCHEMA = "binland-sweep-1"
LEFT, DONE, FAILED = 0, 1, 2
PATIENCE = 10.0  # seconds before a warning that somebody else has the file open
GRID = ("n_inputs", "disorder", "algorithm")

_SOLUTION: dict[str, tuple[tuple[str, ...], str, str]] = {
    "train_error": ((), "f8", "fraction of the training patterns with a wrong label"),
    "test_error": ((), "f8", "fraction of the test patterns with a wrong label"),
    "local_energy": (("fraction", "realization"), "f8", "train error after random sign flips minus train error"),
    "history": (("epoch",), "f8", "train error after each epoch"),
    "replica_error": (("replica",), "f8", "train error of each replica of RSGD"),
    "replica_spread": ((), "f8", "mean Hamming distance between two replicas, fraction of the weights"),
    "weights": (("byte",), "u1", "binary weights, eight to a byte, lowest bit first, 1 is +1, row-major"),
}
_PAIR: dict[str, tuple[tuple[str, ...], str, str]] = {
    "distance": (("symmetry",), "f8", "Hamming distance, fraction of the weights"),
    "barrier": (("symmetry", "order"), "f8", "highest train error on a random shortest path"),
    "barrier_of_mean": (("symmetry",), "f8", "maximum of the train error averaged over the orders"),
    "path_error": (("symmetry", "position"), "f8", "train error along the path, mean over the orders"),
}


class Store:
    """A result file of one sweep. Use `Store.open`; hold `writing()` while anything is written."""

    def __init__(self, path: Path, spec: SweepSpec):
        self.path, self.spec = path, spec

    @classmethod
    def open(cls, path: str | Path) -> "Store":
        """An existing file; raises StoreError if it is missing or not a binland result."""
        path = Path(path)
        if path.is_dir():
            raise StoreError(f"{path}: is a folder; give the path of a result file")
        if not path.is_file():
            raise StoreError(f"{path}: no such file; give the path of a result file made by `binland sweep`")
        with reading(path) as file:
            if file.attrs.get("schema") != SCHEMA:
                raise StoreError(f"{path}: is not a {SCHEMA} file; give the path of a result made by `binland sweep`")
            settings = json.loads(file.attrs["config"])
        return cls(path, check_settings(settings, str(path)))

    @classmethod
    def open_or_create(cls, path: str | Path, spec: SweepSpec) -> "Store":
        """The file of this very sweep, made if it is missing; raises StoreError rather than touch any other file."""
        path = Path(path)
        if not path.exists():
            store = cls(path, spec)
            store._create()
            return store
        store = cls.open(path)
        if store.spec.canonical() != spec.canonical():
            raise StoreError(
                f"{path}: holds a sweep with other settings ({_differences(store.spec, spec)}); choose another --out"
            )
        return cls(path, spec)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of tasks: no pairs where there is one solution."""
        return ("solution", "pair") if self.spec.pairs() else ("solution",)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Exclusive right to write; raises StoreError if another process has it."""
        lock = FileLock(f"{self.path}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(f"{self.path}: another process is writing it; wait for it or stop it first") from None
        except OSError as error:
            raise StoreError(f"{self.path}: its folder cannot be written ({error.strerror}); copy the file") from None
        try:
            yield
        finally:
            lock.release()  # the lock file stays: unlinking it would let two writers in

    def states(self) -> dict[Task, int]:
        """LEFT, DONE or FAILED for every task."""
        return {task: int(state) for task, state in self._of_tasks("state").items()}

    def task_seconds(self) -> dict[Task, float]:
        """Wall time of every task, NaN if it is not done."""
        return {task: float(seconds) for task, seconds in self._of_tasks("seconds").items()}

    def failures(self) -> dict[Task, str]:
        """Tracebacks of the failed tasks."""
        failed = [task for task, state in self.states().items() if state == FAILED]
        return {task: self.values(task, f"{_kind(task)}_failure").decode() for task in failed}

    def _of_tasks(self, what: str) -> dict[Task, Any]:
        """The variable KIND_what at every task."""
        with reading(self.path) as file:
            values = {kind: file[f"{kind}_{what}"][...] for kind in self.kinds}
        return {task: values[_kind(task)][self._index(task)] for task in all_tasks(self.spec)}

    def values(self, task: Task, variable: str) -> Any:
        """What a variable of the file holds for one task."""
        with reading(self.path) as file:
            return file[variable][self._index(task)]

    def weights(self, task: SolutionTask, shape: tuple[int, ...]) -> Signs:
        """Binary weights of a finished solution, of the given shape."""
        return from_bytes(self.values(task, "weights"), shape)

    def record(self, task: Task, arrays: Arrays) -> None:
        """Write what a task returned and mark it done, or failed; raises StoreError if the disk does not take it."""
        index = self._index(task)
        kind = _kind(task)
        try:
            with _opened(self.path, "r+") as file:
                if "failure" in arrays:
                    file[f"{kind}_failure"][index] = str(arrays["failure"])
                    file[f"{kind}_state"][index] = FAILED
                    return
                for name, values in arrays.items():
                    variable = f"{kind}_seconds" if name == "seconds" else name
                    place = index + tuple(slice(0, length) for length in np.shape(values))
                    file[variable][place] = values
                file.flush()
                file[f"{kind}_state"][index] = DONE
        except OSError as error:
            raise StoreError(
                f"{self.path}: cannot be written ({error}); free space, then run the same command"
            ) from None

    def _index(self, task: Task) -> tuple[int, ...]:
        cell = task.cell
        grid = (
            self.spec.grid.n_inputs.index(cell.n_inputs),
            cell.disorder,
            list(self.spec.algorithms).index(cell.algorithm),
        )
        last = task.solution if isinstance(task, SolutionTask) else self.spec.pair_index(task.start, task.end)
        return (*grid, last)

    def _create(self) -> None:
        part = self.path.with_name(self.path.name + f".{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with h5netcdf.File(part, "w") as file:
                self._layout(file)
            _move_to_new(part, self.path)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be created ({error}); choose another --out") from None
        finally:
            with suppress(OSError):
                part.unlink()

    def _layout(self, file: h5netcdf.File) -> None:
        spec = self.spec
        for name, coordinate in coordinates(spec).items():
            file.dimensions[name] = len(coordinate)
            dtype = h5py.string_dtype() if coordinate.dtype == object else coordinate.dtype
            file.create_variable(name, (name,), dtype)[...] = coordinate
        if spec.pairs():
            for column, name in enumerate(("start", "end")):
                file.create_variable(name, ("pair",), "i8")[...] = np.array(spec.pairs(), np.int64)[:, column]
        for kind in self.kinds:
            dims = (*GRID, kind)
            for name, (inner, dtype, meaning) in (_SOLUTION if kind == "solution" else _PAIR).items():
                _variable(file, name, dims, inner, dtype, meaning)
            _variable(file, f"{kind}_seconds", dims, (), "f8", "wall time of the task, s")
            _variable(file, f"{kind}_state", dims, (), "i1", "0 left, 1 done, 2 failed")
            file.create_variable(f"{kind}_failure", dims, h5py.string_dtype())
        settings = json.dumps(spec.resolved())
        for key, value in {"schema": SCHEMA, "title": spec.title, "config": settings, **provenance()}.items():
            file.attrs[key] = value


def coordinates(spec: SweepSpec) -> dict[str, NDArray[Any]]:
    """Dimensions of the result file with their labels, text as object arrays."""
    algorithms = [spec.algorithm(label) for label in spec.algorithms]
    units = spec.model.n_hidden or 1
    sizes = {
        "disorder": spec.grid.disorder_samples,
        "solution": spec.grid.solutions,
        "pair": len(spec.pairs()),
        "realization": spec.measure.realizations if spec.measure.method == "sampled" else 1,
        "epoch": max(1, *(algorithm.epochs for algorithm in algorithms)),
        "replica": max(getattr(algorithm, "replicas", 1) for algorithm in algorithms),
        "order": spec.measure.orders,
        "byte": -(-max(spec.grid.n_inputs) * units // 8),
    }
    return {
        "n_inputs": np.array(spec.grid.n_inputs),
        "algorithm": np.array(list(spec.algorithms), object),
        "fraction": np.array(spec.measure.fractions),
        "symmetry": np.array(SYMMETRY, object),
        "position": np.linspace(0, 1, spec.measure.profile_points),
        **{name: np.arange(size) for name, size in sizes.items() if size},
    }


def _variable(
    file: h5netcdf.File, name: str, dims: tuple[str, ...], inner: tuple[str, ...], dtype: str, meaning: str
) -> None:
    """A chunk for each task; floats start as NaN."""
    lengths = tuple(len(file.dimensions[dim]) for dim in inner)
    options: dict[str, Any] = {"chunks": (1,) * len(dims) + lengths, "compression": "gzip"} if inner else {}
    fill = np.nan if dtype == "f8" else None
    variable = file.create_variable(name, (*dims, *inner), dtype, fillvalue=fill, **options)
    variable.attrs["long_name"] = meaning


def _move_to_new(part: Path, path: Path) -> None:
    """Give a finished file its name; unlike a rename, never replaces a file made meanwhile."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links here
        path.touch(exist_ok=False)
        part.replace(path)


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[h5py.File]:
    """The file, waiting as long as a writer or readers hold HDF5's lock on it; a warning after a while."""
    began, warned = time.monotonic(), False
    while True:
        try:
            file = h5py.File(path, mode)
            break
        except BlockingIOError:
            if not warned and time.monotonic() - began > PATIENCE:
                warnings.warn(f"{path}: another program has it open; waiting until it is closed", stacklevel=2)
                warned = True
            time.sleep(0.02)
    with file:
        yield file


@contextmanager
def reading(path: Path) -> Iterator[h5py.File]:
    """The file for reading, kept from the writer meanwhile; raises StoreError if it is not HDF5."""
    try:
        with _opened(path, "r") as file:
            yield file
    except OSError as error:
        raise StoreError(f"{path}: cannot be read as HDF5 ({error}); is it a result file, and complete?") from None


def _kind(task: Task) -> str:
    return "solution" if isinstance(task, SolutionTask) else "pair"


def _differences(old: SweepSpec, new: SweepSpec) -> str:
    """Settings that differ, as `key: old -> new`."""
    before, after = _flat(json.loads(old.canonical())), _flat(json.loads(new.canonical()))
    changed = [key for key in sorted(before | after) if before.get(key) != after.get(key)]
    shown = [f"{key}: {before.get(key)!r} -> {after.get(key)!r}" for key in changed[:3]]
    return ", ".join(shown) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
