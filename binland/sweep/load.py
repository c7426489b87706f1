"""Reading a result file: an xarray Dataset with named dimensions, and solutions as they were found."""

from pathlib import Path

import numpy as np
import xarray as xr

from binland.errors import InvalidInputError
from binland.models import Solution
from binland.sweep.problem import build_machine
from binland.sweep.store import DONE, Store, reading
from binland.sweep.tasks import Cell, SolutionTask


def load_results(path: str | Path) -> xr.Dataset:
    """All samples of a sweep, finished or not, in memory; NaN where a task is not done. Weights: `load_solution`.

    Dimensions: n_inputs, disorder, algorithm, then solution (with fraction, realization, epoch, replica) or pair
    (with symmetry "raw" / "aligned", order, position). Extra coordinates: n_weights, overparameterization N / D,
    constraint_density alpha = P / N, and start, end: the solutions of a pair. Errors, energies and distances are
    fractions in [0, 1]. Attributes: configuration and provenance. Raises StoreError on a missing or foreign file.
    """
    spec = Store.open(path).spec
    left_out = ["weights", "byte", "solution_failure", "pair_failure"]
    with reading(Path(path)):
        data = xr.load_dataset(path, engine="h5netcdf", drop_variables=left_out)
    n = data["n_inputs"]
    data = data.assign_coords(
        n_weights=n * (spec.model.n_hidden or 1),
        overparameterization=n / spec.data.latent_dim,
        constraint_density=spec.data.n_patterns / n,
    )
    data["n_inputs"].attrs["long_name"] = "number of inputs N"
    data["n_weights"].attrs["long_name"] = "number of parameters"
    data["overparameterization"].attrs["long_name"] = "N / D"
    data["constraint_density"].attrs["long_name"] = "P / N"
    return data.set_coords([name for name in ("start", "end") if name in data])


def load_solution(path: str | Path, n_inputs: int, algorithm: str, disorder: int = 0, solution: int = 0) -> Solution:
    """One solution of a sweep with its binary weights and train-error history.

    Raises InvalidInputError if the grid has no such point or the solution is not done, StoreError on a bad file.
    """
    store = Store.open(path)
    task = SolutionTask(Cell(n_inputs, disorder, algorithm), solution)
    if store.states().get(task) != DONE:
        raise InvalidInputError(f"{path}: {task} is not among its finished solutions; see `binland status`")
    machine = build_machine(store.spec, n_inputs, disorder)
    history = store.values(task, "history")
    return Solution(
        machine,
        store.weights(task, machine.weight_shape),
        history=history[~np.isnan(history)],
        algorithm=store.spec.algorithm(algorithm),
    )
