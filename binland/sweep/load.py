"""`load_results`, `load_solution`, `load_problem`: read the file of a sweep."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import xarray as xr
from numpy.typing import NDArray

from binland.checks import is_integer
from binland.errors import InvalidInputError, StoreError, shown
from binland.sweep import execute
from binland.sweep.spec import Axis, Point, SweepSpec
from binland.sweep.store.layout import Layout, Stored, layout_of, state_of
from binland.sweep.store.opening import attributes
from binland.sweep.store.store import Snapshot, Store
from binland.sweep.store.tables import corner, present
from binland.sweep.tasks import Cell, Task, in_words
from binland.sweep.words import TRAINING


def load_results(path: str | Path) -> xr.Dataset:
    """Read all measurements of a sweep as an xarray Dataset, finished or not, even while the sweep is running.

    Values of tasks that are not done are NaN. Errors, energies and distances are fractions in [0, 1];
    ``data[name].attrs`` says in words what a variable is (``long_name``) and its unit (``units``).

    Parameters
    ----------
    path : str or pathlib.Path
        File of a sweep.

    Returns
    -------
    xarray.Dataset
        Dimensions are what is swept (for example n_inputs), disorder, algorithm, and those of the measures: solution,
        pair (two solutions of one algorithm), across (two solutions of two algorithms), symmetry ("raw", "aligned"),
        fraction, realization, order, position, epoch, replica and others. Further coordinates are n_weights,
        overparameterization (N / D) and constraint_density (alpha = P / N) where they make sense, and the solutions
        start and end of a pair (across_start and across_end for the dimension across). Attributes are the configuration
        and where and how the file was made. Weights are not included: see `load_solution`.

    Raises
    ------
    StoreError
        If the file is missing, of another kind or damaged, or its measurements do not fit into free memory.

    Examples
    --------
    >>> import binland as bl
    >>> data = bl.load_results("fig6.h5")  # doctest: +SKIP
    >>> data.barrier.sel(algorithm="RSGD", symmetry="aligned").mean(("disorder", "pair", "order"))  # doctest: +SKIP
    """
    store = Store.open(path)
    with store.snapshot() as snapshot:
        data = _dataset(snapshot)
        _lay_over(data, snapshot)
    return _with_physics(data, snapshot.layout)


def _dataset(snapshot: Snapshot) -> xr.Dataset:
    """Every measurement and coordinate; nothing that the configuration does not name is read."""
    layout = snapshot.layout
    texts_of_tasks = [f"{kind}_{name}" for kind in layout.kinds for name in ("failure", "id")]
    wanted = {
        name: of
        for name, of in layout.datasets().items()
        if name not in texts_of_tasks and not (of.variable and of.variable.large)
    }
    _check_memory(snapshot, wanted)
    labels = layout.place_labels
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
    """Add the results that are in the journal but not yet in the file."""
    for task in snapshot.records:
        index, outcome = snapshot.layout.index(task), snapshot.outcome(task)
        data[f"{task.kind}_state"].values[index] = state_of(outcome)
        data[f"{task.kind}_seconds"].values[index] = outcome.seconds
        for name, values in outcome.arrays.items():
            if name in data:
                place: tuple[Any, ...] = (*index, *corner(values))
                data[name].values[place] = values


def _with_physics(data: xr.Dataset, layout: Layout) -> xr.Dataset:
    """Add coordinates to plot against, such as P / N, and what they mean."""
    data = data.assign_coords({name: (extra.dims, _numbers(extra.values)) for name, extra in layout.extras.items()})
    meanings = {axis.name: axis.meaning for axis in layout.axes}
    meanings |= {name: extra.meaning for name, extra in layout.extras.items()}
    meanings |= {name: of.meaning for name, of in layout.inner.items() if of.meaning}
    for name, meaning in meanings.items():
        data[name].attrs |= {"long_name": meaning, "units": "1"}
    along = (name for kind in layout.kinds.values() for name in layout.along(kind))
    return data.set_coords([name for name in along if name in data])


def _numbers(values: NDArray[np.float64]) -> NDArray[Any]:
    """Whole numbers as integers."""
    return values.astype(np.int64) if np.all(np.abs(values) < 2**53) and np.all(values == np.round(values)) else values


class Problem(NamedTuple):
    """A learning problem of a sweep (`load_problem`): machine, train and test patterns."""

    machine: Any
    train: Any
    test: Any


def load_problem(path: str | Path, disorder: int = 0, **where: float) -> Problem:
    """Draw the problem of a sweep again: machine, train and test patterns as its solutions saw them.

    With `load_solution`, a stored solution can be measured in new ways.

    Parameters
    ----------
    path : str or pathlib.Path
        File of a sweep.
    disorder : int, default 0
        Number of the disorder sample.
    **where : float
        A value of every swept setting, for example ``n_inputs=1001``.

    Returns
    -------
    Problem
        A named tuple ``(machine, train, test)``.

    Raises
    ------
    InvalidInputError
        If the grid has no such point.
    StoreError
        If the file is missing, of another kind or damaged, or a plug-in that the sweep was made with is not there.

    Examples
    --------
    >>> import binland as bl
    >>> machine, train, test = bl.load_problem("fig6.h5", n_inputs=1001)  # doctest: +SKIP
    >>> bl.load_solution("fig6.h5", n_inputs=1001, algorithm="RSGD").error(test)  # doctest: +SKIP
    """
    drawn = _drawn(path, disorder, where)
    return Problem(drawn.model, drawn.train, drawn.test)


def load_train(path: str | Path, disorder: int = 0, **where: float) -> Any:
    """The train patterns that `load_problem` returns; the test patterns, which are often many, are not drawn."""
    return _drawn(path, disorder, where).train


def _drawn(path: str | Path, disorder: int, where: dict[str, float]) -> Any:
    """A problem of a sweep whose patterns are drawn when they are asked for."""
    store = Store.open(path)
    point = _point(path, store.layout.axes, where)
    disorder = _known(path, "disorder", disorder, range(store.layout.disorder_samples))
    return execute.draw(_spec_of(store), point, disorder)


def load_solution(
    path: str | Path,
    size: float | None = None,
    algorithm: str | None = None,
    disorder: int = 0,
    solution: int = 0,
    **where: float,
) -> Any:
    """Read one solution of a sweep.

    Parameters
    ----------
    path : str or pathlib.Path
        File of a sweep.
    size : float, optional
        The value of the swept setting, if there is exactly one; the same as giving it by name.
    algorithm : str
        Label of the algorithm, such as "RSGD". It has to be given.
    disorder : int, default 0
        Number of the disorder sample.
    solution : int, default 0
        Number of the solution.
    **where : float
        A value of every swept setting by its name in the file, for example ``n_inputs=1001``.

    Returns
    -------
    Solution
        Weights and train-error history, and latents if the sweep stores them (deep networks: a solution of deepbridge).

    Raises
    ------
    InvalidInputError
        If the grid has no such point, no algorithm is given, or the solution is not done.
    StoreError
        If the file is missing, of another kind or damaged.

    See Also
    --------
    load : reads a solution from a file of its own.

    Examples
    --------
    >>> import binland as bl
    >>> bl.load_solution("fig6.h5", n_inputs=1001, algorithm="ADV", solution=2)  # doctest: +SKIP
    """
    store = Store.open(path)
    layout = store.layout
    if size is not None and len(layout.axes) == 1 and not where:
        where = {layout.axes[0].name: size}
    if algorithm is None:
        names = ", ".join(f"{axis.name}=..." for axis in layout.axes)
        raise InvalidInputError(f"{path}: name one solution: load_solution(path, {names}, algorithm=...)")
    point = _point(path, layout.axes, where)
    disorder = _known(path, "disorder", disorder, range(layout.disorder_samples))
    solution = _known(path, "solution", solution, range(layout.solutions))
    if not isinstance(algorithm, str) or algorithm not in layout.labels:
        labels = ", ".join(map(repr, layout.labels))
        raise InvalidInputError(f"{path}: algorithm={shown(algorithm)} is not one of its labels {labels}")
    task = Task(TRAINING, Cell(point, disorder, algorithm), (solution,))
    spec = _spec_of(store)
    names_needed = [*spec.family.rebuilt_from, *(spec.family.latents if spec.latents else ()), "history"]
    arrays = store.arrays(task, names_needed)
    if arrays is None:
        raise InvalidInputError(
            f"{path}: {in_words(layout.axes, task)} is not among its finished solutions; see `binland status`"
        )
    return execute.decode(spec, task, 0, present(arrays))


def _spec_of(store: Store) -> SweepSpec:
    """The configuration of a file; raises StoreError if its numbers cannot come from it."""
    expected, there = layout_of(store.spec), store.layout
    for what, one, two in (
        ("swept values", *([axis[:3] for axis in layout.axes] for layout in (there, expected))),
        ("algorithms", there.labels, expected.labels),
        ("sizes", there.sizes, expected.sizes),
    ):
        if one != two:
            raise StoreError(f"{store.path}: its configuration has other {what} than its numbers; take it from a copy")
    return store.spec


def _point(path: object, axes: Sequence[Axis], where: dict[str, Any]) -> Point:
    """The grid point with these values; raises InvalidInputError if there is none."""
    if {*where} != {axis.name for axis in axes}:
        names = ", ".join(f"{axis.name}=..." for axis in axes)
        raise InvalidInputError(f"{path}: name one point of its grid: {names} (not {', '.join(where) or 'nothing'})")
    values = (_known(path, axis.name, where[axis.name], axis.values) for axis in axes)
    return tuple(axis.values.index(value) for axis, value in zip(axes, values, strict=True))


def _known(path: object, name: str, value: object, allowed: Sequence[float]) -> Any:
    """A number of the file's own list; raises InvalidInputError, with the list, if it is not in it."""
    fractions = isinstance(value, float) and any(isinstance(one, float) for one in allowed)
    if (is_integer(value) or fractions) and value in allowed:
        return allowed[allowed.index(value)]
    there = f"{allowed[0]} ... {allowed[-1]}" if isinstance(allowed, range) else ", ".join(map(str, allowed))
    raise InvalidInputError(f"{path}: {name}={shown(value)} is not in the file, which has {there}")
