"""Reading results: an xarray Dataset with named dimensions, and solutions as they were found."""

from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import xarray as xr

from binland.errors import InvalidInputError
from binland.models import Solution
from binland.sweep.problem import build_machine
from binland.sweep.spec import SweepSpec
from binland.sweep.store.layout import DONE, LARGE, PACKED, state_of
from binland.sweep.store.store import Snapshot, Store
from binland.sweep.store.tables import corner
from binland.sweep.tasks import Cell, SolutionTask


def load_results(path: str | Path) -> xr.Dataset:
    """All samples of a sweep, finished or not, running or not, in memory; NaN where a task is not done.

    Dimensions: n_inputs, disorder, algorithm, then solution (with fraction, realization, epoch, replica) or pair
    (with symmetry "raw" / "aligned", order, position). Extra coordinates: n_weights, overparameterization N / D,
    constraint_density alpha = P / N, and start, end: the solutions of a pair. Errors, energies and distances are
    fractions in [0, 1]. Attributes: configuration and provenance. Weights: `load_solution`.
    Raises StoreError on a missing, foreign or damaged file.
    """
    store = Store.open(path)
    with store.snapshot() as snapshot:
        data = _dataset(snapshot)
        _lay_over(data, snapshot)
    return _with_physics(data, snapshot.layout.spec)


def _dataset(snapshot: Snapshot) -> xr.Dataset:
    texts = [f"{kind}_{name}" for kind in snapshot.layout.kinds for name in ("failure", "id")]
    left_out = [name for name in (*LARGE, *PACKED, *texts) if name in snapshot.file]
    return xr.load_dataset(xr.backends.H5NetCDFStore(h5netcdf.File(snapshot.file)), drop_variables=left_out)


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
    n = data["n_inputs"]
    data = data.assign_coords(
        n_weights=n * (spec.model.n_hidden or 1),
        overparameterization=n / spec.data.latent_dim,
        constraint_density=spec.data.n_patterns / n,
    )
    for name, meaning in {
        "n_inputs": "number of inputs N",
        "n_weights": "number of parameters",
        "overparameterization": "N / D",
        "constraint_density": "P / N",
        "fraction": "fraction of the weights that are flipped",
        "position": "fraction of the path's flips that are done",
    }.items():
        data[name].attrs |= {"long_name": meaning, "units": "1"}
    return data.set_coords([name for name in ("start", "end") if name in data])


def load_solution(path: str | Path, n_inputs: int, algorithm: str, disorder: int = 0, solution: int = 0) -> Solution:
    """One solution of a sweep: binary weights, train-error history, and latents if the sweep keeps them.

    Raises InvalidInputError if the grid has no such point or the solution is not done, StoreError on a bad file.
    """
    store = Store.open(path)
    task = SolutionTask(Cell(n_inputs, disorder, algorithm), solution)
    if store.states().get(task) != DONE:
        raise InvalidInputError(f"{path}: {task} is not among its finished solutions; see `binland status`")
    machine = build_machine(store.spec, n_inputs, disorder)
    history = store.values(task, "history")
    latents = None
    if store.spec.store.latents:
        count = int(np.prod(machine.weight_shape))
        latents = store.values(task, "latents")[:count].reshape(machine.weight_shape)
    return Solution(
        machine,
        store.weights(task, machine.weight_shape),
        latents,
        history=history[~np.isnan(history)],
        algorithm=store.spec.algorithm(algorithm),
    )
