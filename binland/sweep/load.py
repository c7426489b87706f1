"""Reading results: an xarray Dataset with named dimensions, and solutions as they were found."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import xarray as xr
from numpy.typing import NDArray

from binland.bits import from_bytes
from binland.checks import is_integer
from binland.errors import InvalidInputError, StoreError, shown
from binland.sweep.spec import SweepSpec
from binland.sweep.store.layout import ALONG, DONE, LARGE, Stored, state_of
from binland.sweep.store.opening import attributes
from binland.sweep.store.store import Snapshot, Store
from binland.sweep.store.tables import corner
from binland.sweep.tasks import Cell, SolutionTask, in_words


def load_results(path: str | Path) -> xr.Dataset:
    """All samples of a sweep, finished or not, running or not, in memory; NaN where a task is not done.

    Dimensions: n_inputs (or what else is swept), disorder, algorithm, then solution (with fraction, realization, epoch,
    replica), pair (with symmetry "raw" / "aligned", order, position), bend (an optimised path; also with leg) or plane
    (with plane_row, plane_column, corner). Extra coordinates: n_weights, of shallow machines overparameterization N / D
    and constraint_density alpha = P / N; start, end: the solutions of a pair; bend_start, bend_end, bend_midpoint.
    Errors, energies and distances are fractions in [0, 1]. Attributes: configuration and provenance. Weights:
    `load_solution`.
    Raises StoreError on a missing, foreign or damaged file.
    """
    store = Store.open(path)
    with store.snapshot() as snapshot:
        data = _dataset(snapshot)
        _lay_over(data, snapshot)
    return _with_physics(data, snapshot.layout.spec)


def _dataset(snapshot: Snapshot) -> xr.Dataset:
    """Every measurement and coordinate; nothing that the configuration does not name is read."""
    layout = snapshot.layout
    texts_of_tasks = [f"{kind}_{name}" for kind in layout.kinds for name in ("failure", "id")]
    wanted = {name: of for name, of in layout.datasets().items() if name not in (*LARGE, *texts_of_tasks)}
    _check_memory(snapshot, wanted)
    labels = layout.labels()
    variables = {
        name: (stored.dims, _plain(labels[name]) if name in labels else snapshot.read(name), _meaning(stored))
        for name, stored in wanted.items()
    }
    return xr.Dataset(variables, attrs=attributes(snapshot.path, snapshot.file))


def _plain(labels: NDArray[Any]) -> NDArray[Any]:
    return labels.astype(str) if labels.dtype == object else labels


def _meaning(stored: Stored) -> dict[str, str]:
    variable = stored.variable
    return {} if variable is None else {"long_name": variable.meaning, "units": variable.units}


def _check_memory(snapshot: Snapshot, wanted: dict[str, Stored]) -> None:
    """Raise StoreError if the samples do not fit into memory: an empty file of a large grid is small on the disk."""
    lengths = ((np.dtype(of.dtype).itemsize, snapshot.layout.lengths(of.dims)) for of in wanted.values() if of.variable)
    needed, free = sum(size * math.prod(shape) for size, shape in lengths), psutil.virtual_memory().available
    if needed > free:
        raise StoreError(
            f"{snapshot.path}: its measurements take {needed / 1e9:.3g} GB of memory, and {free / 1e9:.3g} GB are free;"
            " read it on a larger machine, or single values with h5py"
        )


def _lay_over(data: xr.Dataset, snapshot: Snapshot) -> None:
    """What the journal knows and the file does not yet."""
    for task in snapshot.records:
        index, outcome = snapshot.layout.index(task), snapshot.outcome(task)
        data[f"{task.kind}_state"].values[index] = state_of(outcome)
        data[f"{task.kind}_seconds"].values[index] = outcome.seconds
        for name, values in outcome.arrays.items():
            if name in data:
                place: tuple[Any, ...] = (*index, *corner(values))
                data[name].values[place] = values


def _with_physics(data: xr.Dataset, spec: SweepSpec) -> xr.Dataset:
    """Coordinates that physicists plot against."""
    family = spec.family
    coordinates = family.coordinates(spec)
    data = data.assign_coords({name: (family.axis, values) for name, (values, _) in coordinates.items()})
    for name, meaning in {
        family.axis: family.meaning,
        **{name: meaning for name, (_, meaning) in coordinates.items()},
        "fraction": "fraction of the weights that are flipped",
        "position": "fraction of the path's flips that are done",
    }.items():
        data[name].attrs |= {"long_name": meaning, "units": "1"}
    return data.set_coords([name for names in ALONG.values() for name in names if name in data])


def load_solution(
    path: str | Path,
    size: int | None = None,
    algorithm: str | None = None,
    disorder: int = 0,
    solution: int = 0,
    **named: int,
) -> Any:
    """One solution of a sweep: binary weights, train-error history, and latents if the sweep keeps them.

    The size is given by its place or by its name in the file: `load_solution("x.h5", n_inputs=1001, algorithm="SGD")`.
    Raises InvalidInputError if the grid has no such point or the solution is not done, StoreError on a bad file.
    """
    store = Store.open(path)
    spec, family = store.spec, store.spec.family
    if len(named) + (size is not None) != 1 or not {*named} <= {family.axis} or algorithm is None:
        raise InvalidInputError(f"{path}: name one solution: load_solution(path, {family.axis}=..., algorithm=...)")
    size = _known(path, family.axis, named.get(family.axis, size), spec.sizes)
    disorder = _known(path, "disorder", disorder, range(spec.grid.disorder_samples))
    solution = _known(path, "solution", solution, range(spec.grid.solutions))
    if not isinstance(algorithm, str) or algorithm not in spec.algorithms:
        labels = ", ".join(map(repr, spec.algorithms))
        raise InvalidInputError(f"{path}: algorithm={shown(algorithm)} is not one of its labels {labels}")
    task = SolutionTask(Cell(size, disorder, algorithm), solution)
    if store.states().get(task) != DONE:
        raise InvalidInputError(
            f"{path}: {in_words(spec, task)} is not among its finished solutions; see `binland status`"
        )
    history, count = store.values(task, "history"), family.n_weights(spec, size)
    return family.rebuild(
        family.machine(spec, size, disorder),
        from_bytes(store.values(task, "weights"), (count,)),
        store.values(task, "latents")[:count] if spec.store.latents else None,
        history[~np.isnan(history)],
        spec.algorithm(algorithm),
    )


def _known(path: object, name: str, value: object, allowed: Sequence[int]) -> int:
    """A whole number that is one of those of the file; raises InvalidInputError with all of them otherwise."""
    if is_integer(value) and value in allowed:
        return int(value)
    there = f"{allowed[0]} ... {allowed[-1]}" if isinstance(allowed, range) else ", ".join(map(str, allowed))
    raise InvalidInputError(f"{path}: {name}={shown(value)} is not in the file, which has {there}")
