"""How a sweep lies in its HDF5 file: netCDF-4 variables over the whole grid, made in full from the start.

NaN or 0 stand where nothing is known yet; `solution_state`, `pair_state`, ... say what is. Weights are packed, eight to
a byte. Every task has its id in `solution_id`, `pair_id`, ... Bends and planes are there only if they are asked for.
Behind what HDF5 reads stands a seal (`seal.py`).
"""

import json
from functools import cached_property
from typing import Any, NamedTuple

import h5netcdf
import h5py
import numpy as np
from numpy.typing import NDArray

from binland.sweep.execute import Outcome
from binland.sweep.provenance import provenance
from binland.sweep.spec import SweepSpec
from binland.sweep.tasks import (
    KINDS,
    LEGS,
    SYMMETRY,
    BendTask,
    PlaneTask,
    SolutionTask,
    Task,
    all_tasks,
    task_identity,
)

SCHEMA = "binland-sweep-3"
READABLE = ("binland-sweep-1", "binland-sweep-2", SCHEMA)
LEFT, DONE, FAILED = 0, 1, 2
CHUNK = 2**17  # bytes
TEXT = "text"


class Variable(NamedTuple):
    """A measured quantity: dimensions after those of the grid, dtype, units and meaning."""

    inner: tuple[str, ...]
    dtype: str
    units: str
    meaning: str


class Stored(NamedTuple):
    """A dataset of the file: its dimensions, numpy's name of its type or TEXT, and what it measures, if it does."""

    dims: tuple[str, ...]
    dtype: str
    variable: Variable | None = None


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
    "bend": {
        "bend_distance": Variable(("symmetry", "leg"), "f8", "1", "Hamming length of a leg, fraction of the weights"),
        "bend_barrier": Variable(("symmetry", "order"), "f8", "1", "highest train error on an optimised path"),
        "bend_error": Variable(("symmetry", "leg", "position"), "f8", "1", "train error along a leg, mean over orders"),
        "midpoint_error": Variable(("symmetry",), "f8", "1", "train error of the optimised midpoint"),
    },
    "plane": {
        "plane_error": Variable(
            ("symmetry", "plane_row", "plane_column"),
            "f8",
            "1",
            "train error in the plane through three solutions",
        ),
        "plane_corner": Variable(("symmetry", "corner", "component"), "f8", "1", "where the solutions lie in it"),
        "plane_x": Variable(("symmetry", "plane_column"), "f8", "1", "coordinate of the points of a column"),
        "plane_y": Variable(("symmetry", "plane_row"), "f8", "1", "coordinate of the points of a row"),
    },
}
OF_TASKS = {  # of every kind, as KIND_seconds, KIND_state
    "seconds": Variable((), "f8", "s", "wall time of the task"),
    "state": Variable((), "i1", "1", "0 left, 1 done, 2 failed"),
}
ALONG = {  # coordinates along the dimension of a kind: what a place stands for
    "pair": ("start", "end"),
    "bend": ("bend_start", "bend_end", "bend_midpoint"),
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
        self.family = spec.family
        self.grid = (self.family.axis, "disorder", "algorithm")
        self._counts = {
            "solution": spec.grid.solutions,
            "pair": len(spec.pairs()),
            "bend": len(spec.bends()),
            "plane": int(spec.measure.plane_points > 0),
        }
        self.kinds = tuple(kind for kind in KINDS if self._counts[kind])
        self._sizes = {size: place for place, size in enumerate(spec.sizes)}
        self._algorithms = {label: place for place, label in enumerate(spec.algorithms)}

    def index(self, task: Task) -> tuple[int, int, int, int]:
        """Position of a task along the grid dimensions and the one of its kind."""
        cell, last = task.cell, 0
        if isinstance(task, SolutionTask):
            last = task.solution
        elif not isinstance(task, PlaneTask):
            last = self.spec.pair_index(task.start, task.end)
        if isinstance(task, BendTask):
            last = last * self.spec.measure.midpoints + task.midpoint
        return self._sizes[cell.size], cell.disorder, self._algorithms[cell.algorithm], last

    def variables(self, kind: str) -> dict[str, Variable]:
        """The variables of one kind of task that this sweep keeps."""
        found = VARIABLES[kind]
        return found if self.spec.store.latents else {name: found[name] for name in found if name != "latents"}

    def shape(self, kind: str) -> tuple[int, ...]:
        """Lengths of the grid dimensions and of the one of a kind."""
        spec = self.spec
        return len(spec.sizes), spec.grid.disorder_samples, len(spec.algorithms), self._counts[kind]

    def coordinates(self) -> dict[str, NDArray[Any]]:
        """Dimensions with their labels, text as object arrays; packed weights have none."""
        spec, points = self.spec, self.spec.measure.plane_points
        algorithms = [spec.algorithm(label) for label in spec.algorithms]
        sizes = {
            "disorder": spec.grid.disorder_samples,
            **self._counts,
            "realization": spec.measure.samples,
            "epoch": max(1, *(algorithm.epochs for algorithm in algorithms)),
            "replica": max(getattr(algorithm, "replicas", 1) for algorithm in algorithms),
            "order": spec.measure.orders,
            "plane_row": points,
            "plane_column": points,
            "corner": 3 if points else 0,
        }
        texts = {"leg": LEGS if "bend" in self.kinds else (), "component": ("x", "y") if points else ()}
        return {
            self.family.axis: np.array(spec.sizes),
            "algorithm": np.array(list(spec.algorithms), object),
            "fraction": np.array(spec.measure.fractions),
            "symmetry": np.array(SYMMETRY, object),
            "position": np.linspace(0, 1, spec.measure.profile_points),
            **{name: np.array(labels, object) for name, labels in texts.items() if labels},
            **{name: np.arange(size) for name, size in sizes.items() if size},
        }

    def labels(self) -> dict[str, NDArray[Any]]:
        """Every dataset whose values the configuration gives: coordinates of dimensions and along kinds."""
        labels = self.coordinates()
        for kind, places in (("pair", self.spec.pairs()), ("bend", self.spec.bends())):
            for column, name in enumerate(ALONG[kind] if places else ()):
                labels[name] = np.array(places, np.int64)[:, column]
        return labels

    def datasets(self, with_ids: bool = True) -> dict[str, Stored]:
        """Every dataset of the file, in its order; files of the first schema have no ids."""
        along = {name: kind for kind in self.kinds for name in ALONG.get(kind, ())}
        found = {
            name: Stored((along.get(name, name),), TEXT if values.dtype == object else values.dtype.str)
            for name, values in self.labels().items()
        }
        for kind in self.kinds:
            places = (*self.grid, kind)
            variables = {**self.variables(kind), **{f"{kind}_{name}": of for name, of in OF_TASKS.items()}}
            for name, variable in variables.items():
                found[name] = Stored((*places, *variable.inner), variable.dtype, variable)
            for name in ("failure", "id") if with_ids else ("failure",):
                found[f"{kind}_{name}"] = Stored(places, TEXT)
        return found

    def lengths(self, dims: tuple[str, ...]) -> tuple[int, ...]:
        """Lengths of dimensions."""
        return tuple(self._lengths[dim] for dim in dims)

    @cached_property
    def _lengths(self) -> dict[str, int]:
        weights = max(self.family.n_weights(self.spec, size) for size in self.spec.sizes)
        packed = {"byte": -(-weights // 8), **({"weight": weights} if self.spec.store.latents else {})}
        return {name: len(values) for name, values in self.coordinates().items()} | packed

    def create(self, path: Any, attributes: dict[str, str]) -> None:
        """Make the file with every variable, no task done."""
        spec, labels = self.spec, self.labels()
        with h5netcdf.File(path, "w") as file:
            for name, length in self._lengths.items():
                file.dimensions[name] = length
            for name, stored in self.datasets().items():
                if stored.variable is not None:
                    _create_variable(file, name, stored)
                    continue
                dtype = h5py.string_dtype() if stored.dtype == TEXT else stored.dtype
                created = file.create_variable(name, stored.dims, dtype)
                if name in labels:
                    created[...] = labels[name]
                elif name.endswith("_id"):
                    created[...] = self.ids(name.removesuffix("_id"))
            settings = json.dumps(spec.resolved())
            written = {"schema": SCHEMA, "title": spec.title, "config": settings, **self._provenance(), **attributes}
            for key, value in written.items():
                file.attrs[key] = storable(value)

    def check_names(self, file: h5py.File) -> None:
        """Raise ValueError unless every variable has the dimensions, meaning and units that other programs read."""
        readable = h5netcdf.File(file)  # whose variables live as long as it does
        for name, stored in self.datasets().items():
            attributes = (stored.variable.meaning, stored.variable.units) if stored.variable else (None, None)
            found = readable.variables[name]
            there = found.dimensions, *(found.attrs.get(key) for key in ("long_name", "units"))
            if there != (stored.dims, *attributes):
                raise ValueError(f"{name} does not read as it was written")

    def _provenance(self) -> dict[str, str]:
        return provenance(self.family.libraries, self.family.stamp())

    def ids(self, kind: str) -> NDArray[Any]:
        """The id of every task of a kind, at its place."""
        ids = np.empty(self.shape(kind), object)
        for task in all_tasks(self.spec):
            if task.kind == kind:
                ids[self.index(task)] = task_identity(self.spec, task).id
        return ids


def storable(text: str) -> str:
    """A text that HDF5 takes: without NUL and lone surrogates."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def _create_variable(file: h5netcdf.File, name: str, stored: Stored) -> None:
    """Floats start as NaN and are compressed; packed weights only where the padding to the largest size compresses."""
    variable = stored.variable
    assert variable is not None
    shape = [len(file.dimensions[dim]) for dim in stored.dims]
    itemsize = np.dtype(variable.dtype).itemsize
    chunks, room = [1] * len(shape), max(1, CHUNK // itemsize)
    for axis in reversed(range(1, len(shape))):  # the innermost first; one size to a chunk
        chunks[axis] = max(1, min(shape[axis], room))
        room //= chunks[axis]
    options: dict[str, Any] = {"chunks": tuple(chunks), "fletcher32": True}
    if name != "weights" or shape[0] > 1:
        options |= {"compression": "gzip", "compression_opts": 4, "shuffle": itemsize > 1}
    fill = np.nan if variable.dtype.startswith("f") else None
    created = file.create_variable(name, stored.dims, variable.dtype, fillvalue=fill, **options)
    created.attrs["long_name"] = variable.meaning
    created.attrs["units"] = variable.units
