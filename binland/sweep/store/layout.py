"""How a sweep lies in its HDF5 file: netCDF-4 variables over the whole grid, made in full from the start.

NaN or 0 stand where nothing is known yet; `solution_state` and `pair_state` say what is. Weights are packed, eight to
a byte. Every task has its id in `solution_id` or `pair_id`.
"""

import json
from typing import Any, NamedTuple

import h5netcdf
import h5py
import numpy as np
from numpy.typing import NDArray

from binland.sweep.execute import SYMMETRY, Outcome
from binland.sweep.provenance import provenance
from binland.sweep.spec import SweepSpec
from binland.sweep.tasks import SolutionTask, Task, all_tasks, task_identity

SCHEMA = "binland-sweep-2"
READABLE = ("binland-sweep-1", SCHEMA)
LEFT, DONE, FAILED = 0, 1, 2
GRID = ("n_inputs", "disorder", "algorithm")
CHUNK = 2**17  # bytes


class Variable(NamedTuple):
    """A measured quantity: dimensions after those of the grid, dtype, units and meaning."""

    inner: tuple[str, ...]
    dtype: str
    units: str
    meaning: str


VARIABLES: dict[str, dict[str, Variable]] = {
    "solution": {
        "train_error": Variable((), "f8", "1", "fraction of the training patterns with a wrong label"),
        "test_error": Variable((), "f8", "1", "fraction of the test patterns with a wrong label"),
        "local_energy": Variable(
            ("fraction", "realization"), "f8", "1", "train error after random sign flips minus train error"
        ),
        "history": Variable(("epoch",), "f8", "1", "train error after each epoch"),
        "replica_error": Variable(("replica",), "f8", "1", "train error of each replica of RSGD"),
        "replica_spread": Variable((), "f8", "1", "mean Hamming distance between two replicas, fraction of weights"),
        "weights": Variable(("byte",), "u1", "1", "binary weights, eight to a byte, lowest bit first, 1 is +1"),
        "latents": Variable(("weight",), "f4", "1", "continuous weights of BinaryNet, row-major"),
    },
    "pair": {
        "distance": Variable(("symmetry",), "f8", "1", "Hamming distance, fraction of the weights"),
        "barrier": Variable(("symmetry", "order"), "f8", "1", "highest train error on a random shortest path"),
        "barrier_of_mean": Variable(("symmetry",), "f8", "1", "maximum of the train error averaged over the orders"),
        "path_error": Variable(("symmetry", "position"), "f8", "1", "train error along the path, mean over orders"),
    },
}
PACKED = ("byte", "weight")  # dimensions without labels
LARGE = ("weights", "latents")  # not among the measurements: `load_results` leaves them in the file


def state_of(outcome: Outcome) -> int:
    """DONE or FAILED."""
    return FAILED if outcome.failure else DONE


class Layout:
    """Where each task of a spec has its place."""

    def __init__(self, spec: SweepSpec):
        self.spec = spec
        self.kinds = ("solution", "pair") if spec.pairs() else ("solution",)
        self._n_inputs = {n: place for place, n in enumerate(spec.grid.n_inputs)}
        self._algorithms = {label: place for place, label in enumerate(spec.algorithms)}

    def index(self, task: Task) -> tuple[int, int, int, int]:
        """Position of a task along the grid dimensions and `solution` or `pair`."""
        cell = task.cell
        last = task.solution if isinstance(task, SolutionTask) else self.spec.pair_index(task.start, task.end)
        return self._n_inputs[cell.n_inputs], cell.disorder, self._algorithms[cell.algorithm], last

    def variables(self, kind: str) -> dict[str, Variable]:
        """The variables of one kind of task that this sweep keeps."""
        found = VARIABLES[kind]
        return found if self.spec.store.latents else {name: found[name] for name in found if name != "latents"}

    def shape(self, kind: str) -> tuple[int, ...]:
        """Lengths of the grid dimensions and of `solution` or `pair`."""
        grid = self.spec.grid
        last = grid.solutions if kind == "solution" else len(self.spec.pairs())
        return len(grid.n_inputs), grid.disorder_samples, len(self.spec.algorithms), last

    def coordinates(self) -> dict[str, NDArray[Any]]:
        """Dimensions with their labels, text as object arrays."""
        spec = self.spec
        algorithms = [spec.algorithm(label) for label in spec.algorithms]
        weights = max(spec.grid.n_inputs) * (spec.model.n_hidden or 1)
        sizes = {
            "disorder": spec.grid.disorder_samples,
            "solution": spec.grid.solutions,
            "pair": len(spec.pairs()),
            "realization": spec.measure.realizations if spec.measure.method == "sampled" else 1,
            "epoch": max(1, *(algorithm.epochs for algorithm in algorithms)),
            "replica": max(getattr(algorithm, "replicas", 1) for algorithm in algorithms),
            "order": spec.measure.orders,
            "byte": -(-weights // 8),
            "weight": weights if spec.store.latents else 0,
        }
        return {
            "n_inputs": np.array(spec.grid.n_inputs),
            "algorithm": np.array(list(spec.algorithms), object),
            "fraction": np.array(spec.measure.fractions),
            "symmetry": np.array(SYMMETRY, object),
            "position": np.linspace(0, 1, spec.measure.profile_points),
            **{name: np.arange(size) for name, size in sizes.items() if size},
        }

    def create(self, path: Any, attributes: dict[str, str]) -> None:
        """Make the file with every variable, no task done."""
        spec = self.spec
        with h5netcdf.File(path, "w") as file:
            for name, coordinate in self.coordinates().items():
                file.dimensions[name] = len(coordinate)
                if name in PACKED:
                    continue
                dtype = h5py.string_dtype() if coordinate.dtype == object else coordinate.dtype
                file.create_variable(name, (name,), dtype)[...] = coordinate
            if spec.pairs():
                for column, name in enumerate(("start", "end")):
                    file.create_variable(name, ("pair",), "i8")[...] = np.array(spec.pairs(), np.int64)[:, column]
            for kind in self.kinds:
                for name, variable in self.variables(kind).items():
                    _create_variable(file, name, (*GRID, kind), variable)
                seconds = Variable((), "f8", "s", "wall time of the task")
                _create_variable(file, f"{kind}_seconds", (*GRID, kind), seconds)
                state = Variable((), "i1", "1", "0 left, 1 done, 2 failed")
                _create_variable(file, f"{kind}_state", (*GRID, kind), state)
                file.create_variable(f"{kind}_failure", (*GRID, kind), h5py.string_dtype())
                ids = file.create_variable(f"{kind}_id", (*GRID, kind), h5py.string_dtype())
                ids[...] = self.ids(kind)
            settings = json.dumps(spec.resolved())
            written = {"schema": SCHEMA, "title": spec.title, "config": settings, **provenance(), **attributes}
            for key, value in written.items():
                file.attrs[key] = value

    def ids(self, kind: str) -> NDArray[Any]:
        """The id of every task of a kind, at its place."""
        ids = np.empty(self.shape(kind), object)
        for task in all_tasks(self.spec):
            if task.kind == kind:
                ids[self.index(task)] = task_identity(self.spec, task).id
        return ids


def _create_variable(file: h5netcdf.File, name: str, dims: tuple[str, ...], variable: Variable) -> None:
    """Floats start as NaN and are compressed; packed weights only where the padding to the largest N compresses."""
    shape = [len(file.dimensions[dim]) for dim in (*dims, *variable.inner)]
    itemsize = np.dtype(variable.dtype).itemsize
    chunks, room = [1] * len(shape), max(1, CHUNK // itemsize)
    for axis in reversed(range(1, len(shape))):  # the innermost first; one N to a chunk
        chunks[axis] = max(1, min(shape[axis], room))
        room //= chunks[axis]
    options: dict[str, Any] = {"chunks": tuple(chunks), "fletcher32": True}
    if name != "weights" or shape[0] > 1:
        options |= {"compression": "gzip", "compression_opts": 4, "shuffle": itemsize > 1}
    fill = np.nan if variable.dtype.startswith("f") else None
    created = file.create_variable(name, (*dims, *variable.inner), variable.dtype, fillvalue=fill, **options)
    created.attrs["long_name"] = variable.meaning
    created.attrs["units"] = variable.units
