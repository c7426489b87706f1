"""How a sweep is laid out in its HDF5 file: netCDF-4 variables over the whole grid, created in full at the start.

NaN or 0 stand for what is not known yet; `solution_state`, `pair_state`, ... say what is known. Ids of tasks are in
`solution_id`, `pair_id`, ... The layout itself is an attribute of the file, so that reading needs nothing that the
sweep was made with. A checksum follows after the last byte of HDF5 (`seal.py`).
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import h5netcdf
import h5py
import numpy as np
from numpy.typing import NDArray

from binland.sweep.blame import blamed
from binland.sweep.contracts.variable import Coordinate, Variable
from binland.sweep.naming import task_identity
from binland.sweep.provenance import provenance
from binland.sweep.spec import Axis, Point, SweepSpec, points_of
from binland.sweep.tasks import Cell, Group, Outcome, Task, across, between_algorithms, group, groups
from binland.sweep.words import ACROSS, STATES, TRAINING

SCHEMA = "binland-sweep-4"
LEFT, DONE, FAILED = 0, 1, 2
CHUNK = 2**17  # bytes
TEXT = "text"
HISTORY = Variable(("epoch",), "f8", "1", "train error after each epoch")
OF_TASKS = {  # of every kind, as KIND_seconds, KIND_state
    "seconds": Variable((), "f8", "s", "wall time of the task"),
    "state": Variable((), "i1", "1", "0 left, 1 done, 2 failed"),
}


class Stored(NamedTuple):
    """A dataset of the file: its dimensions, NumPy's name of its type or TEXT, and its variable if it has one."""

    dims: tuple[str, ...]
    dtype: str
    variable: Variable | None = None


class Kind(NamedTuple):
    """A kind of task in the file.

    of: number of solutions that it looks at. dim: dimension of its tasks. repeat, repeats: name and number of
    repetitions for each group. across: whether its groups are pairs of two algorithms, so that it has no dimension of
    algorithms.
    """

    name: str
    of: int
    dim: str
    repeat: str
    repeats: int
    across: bool
    variables: dict[str, Variable]


class Extra(NamedTuple):
    """Numbers to plot against: the axes they depend on, their values, and their meaning."""

    dims: tuple[str, ...]
    values: NDArray[np.float64]
    meaning: str


def state_of(outcome: Outcome) -> int:
    """DONE or FAILED, by the outcome."""
    return FAILED if outcome.failure else DONE


@dataclass(frozen=True, eq=False)
class Layout:
    """Where each task of a sweep is stored, and what of it.

    inner: dimensions of variables after those of the grid. sizes: how much of an inner dimension each grid point uses,
    where known. extras: coordinates along the axes. states_shown: number of symmetry states that figures show, the
    first ones. words: for figures: "distance", "perturbation", "summary".
    """

    axes: tuple[Axis, ...]
    disorder_samples: int
    labels: tuple[str, ...]
    solutions: int
    kinds: dict[str, Kind]
    inner: dict[str, Coordinate]
    sizes: dict[str, tuple[int, ...]]
    extras: dict[str, Extra]
    states_shown: int
    words: dict[str, str]

    # Tasks and their places

    @cached_property
    def points(self) -> list[Point]:
        """All points of the grid."""
        return points_of(self.axes)

    def place(self, point: Point) -> int:
        """Index of a point in `points`."""
        place = 0
        for axis, k in zip(self.axes, point, strict=True):
            place = place * len(axis.values) + k
        return place

    @cached_property
    def _labels(self) -> dict[str, int]:
        return {label: place for place, label in enumerate(self.labels)}

    def index(self, task: Task) -> tuple[int, ...]:
        """Position of a task along the axes, the disorder samples, the algorithms and the dimension of its kind."""
        kind, cell, count = self.kinds[task.kind], task.cell, self.solutions
        first, second = (*task.solutions, 0)[:2]
        grid = (*cell.point, cell.disorder)
        if kind.across:
            a, b = self._labels[cell.algorithm], self._labels[task.to]
            pair = a * (len(self.labels) - 1) + b - (b > a)
            place = (pair * count + first) * count + second
            return (*grid, place * kind.repeats + task.repeat)
        place = {1: first, 2: first * (count - 1) + second - (second > first)}.get(kind.of, 0)
        return (*grid, self._labels[cell.algorithm], place * kind.repeats + task.repeat)

    def tasks(self) -> list[Task]:
        """All tasks, in the order in which they run: sample by sample, trainings before what needs them."""
        return [task for disorder in range(self.disorder_samples) for task in self.of_sample(disorder)]

    def of_sample(self, disorder: int) -> Iterator[Task]:
        """Tasks of a disorder sample at all points of the grid, large values first."""
        order = sorted(self.points, key=lambda point: [ax.values[k] for ax, k in zip(self.axes, point, strict=True)])
        for point in reversed(order):
            for label in self.labels:
                yield from self.cell_tasks(Cell(point, disorder, label))
            for kind in self.kinds.values():
                if kind.across:
                    yield from self.across_tasks(kind, point, disorder)

    def cell_tasks(self, cell: Cell) -> Iterator[Task]:
        """The tasks of one algorithm at a point of the grid and a disorder sample."""
        for kind in self.kinds.values():
            for numbers in () if kind.across else groups(kind.of, self.solutions):
                for repeat in range(kind.repeats):
                    yield Task(kind.name, cell, numbers, repeat)

    def across_tasks(self, kind: Kind, point: Point, disorder: int) -> Iterator[Task]:
        """The tasks of a kind of pairs of two algorithms."""
        for start, end, pair in across(list(self.labels), self.solutions):
            for repeat in range(kind.repeats):
                yield Task(kind.name, Cell(point, disorder, start), pair, repeat, end)

    def first_tasks(self, point: Point) -> list[Task]:
        """The first task of each kind and algorithm at a point of the grid."""
        first: dict[Group, Task] = {}
        for label in self.labels:
            for task in self.cell_tasks(Cell(point, 0, label)):
                first.setdefault(group(task), task)
        for kind in self.kinds.values():
            for task in self.across_tasks(kind, point, 0) if kind.across else ():
                first.setdefault(group(task), task)
        return list(first.values())

    def count(self, kind: Kind) -> int:
        """Number of tasks of a kind at a point and disorder sample, for each algorithm or, if it is across, in all."""
        if kind.across:
            return len(self.labels) * (len(self.labels) - 1) * self.solutions**2 * kind.repeats
        return len(groups(kind.of, self.solutions)) * kind.repeats

    # Datasets

    def places(self, kind: Kind) -> tuple[str, ...]:
        """The dimensions of the tasks of a kind."""
        axes = tuple(axis.name for axis in self.axes)
        return (*axes, "disorder", kind.dim) if kind.across else (*axes, "disorder", "algorithm", kind.dim)

    def shape(self, kind: str) -> tuple[int, ...]:
        """Lengths of the dimensions of a kind."""
        return self.lengths(self.places(self.kinds[kind]))

    def variables(self, kind: str) -> dict[str, Variable]:
        """The variables stored for a kind of task."""
        return self.kinds[kind].variables

    @cached_property
    def place_labels(self) -> dict[str, NDArray[Any]]:
        """Datasets whose values follow from the layout: labels of dimensions, meaning of positions along a kind."""
        labels: dict[str, NDArray[Any]] = {axis.name: np.array(axis.values) for axis in self.axes}
        labels["disorder"] = np.arange(self.disorder_samples)
        labels["algorithm"] = np.array(self.labels, object)
        for name, coordinate in self.inner.items():
            if coordinate.labelled:
                labels[name] = _labels(coordinate)
        for kind in self.kinds.values():
            labels[kind.dim] = np.arange(self.count(kind))
            labels |= self._along[kind.name]
        return labels

    def along(self, kind: Kind) -> tuple[str, ...]:
        """Names of the coordinates that tell what a position along a kind means."""
        return tuple(self._along[kind.name])

    @cached_property
    def _along(self) -> dict[str, dict[str, NDArray[Any]]]:
        """For every kind the coordinates named by `along`; cached, since there may be millions of positions."""
        return {name: self._along_kind(kind) for name, kind in self.kinds.items()}

    def _along_kind(self, kind: Kind) -> dict[str, NDArray[Any]]:
        """By name: numbers of the solutions, of the repetition, and labels of two algorithms."""
        before = "" if kind.dim == "pair" else f"{kind.dim}_"
        repeats = range(kind.repeats)
        found: dict[str, list[Any]] = {}
        if kind.across:
            rows = [(*row, k) for row in across(list(self.labels), self.solutions) for k in repeats]
            found["algorithm"], found["to_algorithm"] = [row[0] for row in rows], [row[1] for row in rows]
            found["start"], found["end"] = [row[2][0] for row in rows], [row[2][1] for row in rows]
            found["repeat"] = [row[3] for row in rows]
        else:
            pairs = [(numbers, k) for numbers in groups(kind.of, self.solutions) for k in repeats]
            if kind.of == 2:
                found["start"], found["end"] = [row[0][0] for row in pairs], [row[0][1] for row in pairs]
            elif kind.of == 1 and kind.repeat:
                found["solution"] = [row[0][0] for row in pairs]
            found["repeat"] = [row[1] for row in pairs]
        named = {(kind.repeat if name == "repeat" else name): values for name, values in found.items()}
        named.pop("", None)
        return {f"{before}{name}": _column(values) for name, values in named.items()}

    def datasets(self, with_ids: bool = True) -> dict[str, Stored]:
        """All datasets of the file, in order; files of the first schema have no ids."""
        along = {name: kind.dim for kind in self.kinds.values() for name in self.along(kind)}
        found = {
            name: Stored((along.get(name, name),), TEXT if values.dtype == object else values.dtype.str)
            for name, values in self.place_labels.items()
        }
        for kind in self.kinds.values():
            places = self.places(kind)
            variables = {**kind.variables, **{f"{kind.name}_{name}": of for name, of in OF_TASKS.items()}}
            for name, variable in variables.items():
                found[name] = Stored((*places, *variable.inner), variable.dtype, variable)
            for name in ("failure", "id") if with_ids else ("failure",):
                found[f"{kind.name}_{name}"] = Stored(places, TEXT)
        return found

    def storage(self, stored: Stored) -> dict[str, Any]:
        """HDF5 options of a variable: floats start as NaN and are compressed, packed weights only if padded."""
        assert stored.variable is not None
        shape, n_axes, itemsize = self.lengths(stored.dims), len(self.axes), np.dtype(stored.dtype).itemsize
        chunks, room = [1] * len(shape), max(1, CHUNK // itemsize)
        for axis in reversed(range(n_axes, len(shape))):  # the innermost first; one point of the grid to a chunk
            chunks[axis] = max(1, min(shape[axis], room))
            room //= chunks[axis]
        fill = np.nan if stored.dtype.startswith("f") else None
        options: dict[str, Any] = {"chunks": tuple(chunks), "fletcher32": True, "fillvalue": fill}
        if not (stored.variable.large and stored.dtype == "u1") or math.prod(shape[:n_axes]) > 1:
            options |= {"compression": "gzip", "compression_opts": 4, "shuffle": itemsize > 1}
        return options

    def lengths(self, dims: tuple[str, ...]) -> tuple[int, ...]:
        """Lengths of dimensions."""
        return tuple(self.dimensions[dim] for dim in dims)

    @cached_property
    def dimensions(self) -> dict[str, int]:
        """All dimensions and their lengths."""
        axes = {axis.name: len(axis.values) for axis in self.axes}
        kinds = {kind.dim: self.count(kind) for kind in self.kinds.values()}
        inner = {name: coordinate.length for name, coordinate in self.inner.items()}
        return axes | {"disorder": self.disorder_samples, "algorithm": len(self.labels)} | kinds | inner

    def create(self, path: Any, spec: SweepSpec, attributes: dict[str, str]) -> None:
        """Create the file of a sweep with all variables and no task done."""
        labels = self.place_labels
        ids = self.ids(spec)
        with h5netcdf.File(path, "w") as file:
            for name, length in self.dimensions.items():
                file.dimensions[name] = length
            for name, stored in self.datasets().items():
                if stored.variable is not None:
                    _create_variable(file, name, stored, self.storage(stored))
                    continue
                dtype = h5py.string_dtype() if stored.dtype == TEXT else stored.dtype
                created = file.create_variable(name, stored.dims, dtype)
                if name in labels:
                    created[...] = labels[name]
                elif name.endswith("_id"):
                    created[...] = ids[name.removesuffix("_id")]
            for key, value in {**self.attributes(spec), **_provenance(spec), **attributes}.items():
                file.attrs[key] = storable(value)

    def attributes(self, spec: SweepSpec) -> dict[str, str]:
        """Attributes of the file that describe its sweep."""
        described = {"config": spec.text(), "layout": json.dumps(self.plain())}
        return {"schema": SCHEMA, "title": spec.title, **described}

    def check_names(self, file: h5py.File) -> None:
        """Raise ValueError unless every variable has the dimensions, meaning and units that netCDF readers use."""
        readable = h5netcdf.File(file)  # whose variables live as long as it does
        for name, stored in self.datasets().items():
            attributes = (stored.variable.meaning, stored.variable.units) if stored.variable else (None, None)
            found = readable.variables[name]
            there = found.dimensions, *(found.attrs.get(key) for key in ("long_name", "units"))
            if there != (stored.dims, *attributes):
                raise ValueError(f"{name} does not read as it was written")

    def ids(self, spec: SweepSpec) -> dict[str, NDArray[Any]]:
        """Ids of all tasks, at their positions, by kind."""
        if not self._ids:
            self._ids.update({kind: np.empty(self.shape(kind), object) for kind in self.kinds})
            with blamed():
                for task in self.tasks():
                    self._ids[task.kind][self.index(task)] = task_identity(spec, task).id
        return self._ids

    @cached_property
    def _ids(self) -> dict[str, NDArray[Any]]:
        return {}

    # As plain data

    def plain(self) -> dict[str, Any]:
        """The layout as plain data, the inverse of `declared.layout_from`."""
        return {
            "axes": [axis._asdict() for axis in self.axes],
            "disorder_samples": self.disorder_samples,
            "labels": list(self.labels),
            "solutions": self.solutions,
            "kinds": [
                kind._asdict() | {"variables": {name: of._asdict() for name, of in kind.variables.items()}}
                for kind in self.kinds.values()
            ],
            "inner": {name: of._asdict() for name, of in self.inner.items()},
            "extras": {
                name: extra._asdict() | {"values": extra.values.tolist()} for name, extra in self.extras.items()
            },
            "sizes": {name: list(lengths) for name, lengths in self.sizes.items()},
            "states_shown": self.states_shown,
            "words": self.words,
        }


def in_layout(task: Task, old: Layout, new: Layout) -> Task | None:
    """The task in another layout, at the point with the same values; None if that has no such point."""
    axes = zip(old.axes, new.axes, task.cell.point, strict=True)
    try:
        point = tuple(two.values.index(one.values[place]) for one, two, place in axes)
    except ValueError:
        return None
    cell = Cell(point, task.cell.disorder, task.cell.algorithm)
    return Task(task.kind, cell, task.solutions, task.repeat, task.to)


def _labels(coordinate: Coordinate) -> NDArray[Any]:
    if isinstance(coordinate.values, int):
        return np.arange(coordinate.values)
    texts = any(isinstance(value, str) for value in coordinate.values)
    return np.array(coordinate.values, object if texts else np.float64)


def _column(values: list[Any]) -> NDArray[Any]:
    return np.array(values, object if values and isinstance(values[0], str) else np.int64)


def _provenance(spec: SweepSpec) -> dict[str, str]:
    with blamed():
        return provenance((*spec.family.libraries, *spec.problem.libraries), spec.family.stamp())


# The layout of a sweep


def layout_of(spec: SweepSpec) -> Layout:
    """The layout of a sweep."""
    setups = [spec.at(point) for point in spec.points]
    inner: dict[str, Coordinate] = {}
    sizes = _sizes(spec, setups)
    kinds = {TRAINING: Kind(TRAINING, 1, TRAINING, "", 1, False, _of_training(spec, setups, inner))}
    for name, (measure, settings) in spec.measures.items():
        variables = _of_measure(spec, name, inner)
        repeats, of = measure.repeats(settings), measure.of
        dim = {1: TRAINING, 2: "pair"}.get(of, name) if not measure.repeat else name
        kinds[name] = Kind(name, of, dim, measure.repeat, repeats, False, variables)
        if between_algorithms(measure, settings) and len(spec.labels) > 1:
            dim = ACROSS + name if measure.repeat else ACROSS.rstrip("_")
            named = {ACROSS + key: variable for key, variable in variables.items()}
            kinds[ACROSS + name] = Kind(ACROSS + name, of, dim, measure.repeat, repeats, True, named)
    return Layout(
        axes=spec.axes,
        disorder_samples=spec.disorder_samples,
        labels=tuple(spec.labels),
        solutions=spec.solutions,
        kinds=kinds,
        inner=inner,
        sizes={name: lengths for name, lengths in sizes.items() if name in inner},
        extras=_extras(spec, setups),
        states_shown=len(spec.family.states) if spec.family.symmetric(setups[0].model) else 1,
        words={
            "distance": spec.family.distance_label,
            "perturbation": spec.family.perturbation_label,
            "summary": _summary(spec, setups),
        },
    )


def _summary(spec: SweepSpec, setups: list[Any]) -> str:
    """Problem and model in a few words, as far as they are the same at all points of the grid."""
    texts = [
        [*spec.problem.summary(setup.data).split(", "), *spec.family.summary(setup.model).split(", ")]
        for setup in setups
    ]
    return ", ".join(part for part in texts[0] if part and all(part in text for text in texts))


def _of_training(spec: SweepSpec, setups: list[Any], inner: dict[str, Coordinate]) -> dict[str, Variable]:
    """Variables of a training: history and solution."""
    records = 1
    for setup in setups:
        for algorithm in setup.algorithms.values():
            records = max(records, algorithm.n_records)
            for name, coordinate in spec.family.lengths(setup.model, setup.inputs, algorithm).items():
                _widen(inner, name, coordinate)
    variables = spec.family.variables()
    if not spec.latents:
        variables = {name: of for name, of in variables.items() if name not in spec.family.latents}
    _widen(inner, "epoch", Coordinate(records))
    used = {"epoch"}.union(*(variable.inner for variable in variables.values()))
    for name in [*inner]:
        if name not in used:
            del inner[name]
    return {"history": HISTORY, **variables}


def _sizes(spec: SweepSpec, setups: list[Any]) -> dict[str, tuple[int, ...]]:
    """How much of the unlabelled dimensions each point of the grid uses."""
    rows = []
    for setup in setups:
        algorithm = next(iter(setup.algorithms.values()))
        of_point = spec.family.lengths(setup.model, setup.inputs, algorithm)
        rows.append({name: one.length for name, one in of_point.items() if not one.labelled})
    return {name: tuple(row[name] for row in rows) for name in rows[0]}


def _of_measure(spec: SweepSpec, name: str, inner: dict[str, Coordinate]) -> dict[str, Variable]:
    """The variables of a measure; a dimension with other labels in another measure gets a name of its own."""
    measure, settings = spec.measures[name]
    variables, own = measure.variables(settings), measure.coordinates(settings)
    if any(STATES in variable.inner for variable in variables.values()):
        own = {STATES: Coordinate(tuple(spec.family.states)), **own}
    renamed = {}
    for dim, coordinate in own.items():
        known = inner.get(dim)
        same = known is None or known == coordinate or isinstance(coordinate.values, int)
        renamed[dim] = dim if same else f"{name}_{dim}"
        _widen(inner, renamed[dim], coordinate)
    return {
        key: variable._replace(inner=tuple(renamed[dim] for dim in variable.inner))
        for key, variable in variables.items()
    }


def _widen(inner: dict[str, Coordinate], name: str, coordinate: Coordinate) -> None:
    """Note a dimension; if it is only counted, the largest number counts."""
    known = inner.get(name)
    if known is None or known.length < coordinate.length:
        inner[name] = coordinate


def _extras(spec: SweepSpec, setups: list[Any]) -> dict[str, Extra]:
    """Numbers to plot against, each along the axes that change it."""
    rows = []
    for setup in setups:
        weights = {"n_weights": (spec.family.n_weights(setup.model, setup.inputs), "number of parameters")}
        rows.append(weights | spec.problem.coordinates(setup.data) | spec.family.coordinates(setup.model))
    shape = [len(axis.values) for axis in spec.axes]
    taken = {axis.name for axis in spec.axes}
    return {
        name: _along_axes(spec.axes, np.array([row[name][0] for row in rows], float).reshape(shape), meaning)
        for name, (_, meaning) in rows[0].items()
        if name not in taken
    }


def _along_axes(axes: tuple[Axis, ...], values: NDArray[np.float64], meaning: str) -> Extra:
    dims = [axis.name for axis in axes]
    for place in reversed(range(len(axes))):
        first = np.take(values, [0], axis=place)
        if len(axes) > 1 and len(dims) > 1 and np.array_equal(np.broadcast_to(first, values.shape), values):
            values = np.take(values, 0, axis=place)
            del dims[place]
    return Extra(tuple(dims), values, meaning)


def storable(text: str) -> str:
    """A text without NUL and lone surrogates, which HDF5 does not take."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def _create_variable(file: h5netcdf.File, name: str, stored: Stored, options: dict[str, Any]) -> None:
    assert stored.variable is not None
    created = file.create_variable(name, stored.dims, stored.variable.dtype, **options)
    created.attrs["long_name"] = stored.variable.meaning
    created.attrs["units"] = stored.variable.units
