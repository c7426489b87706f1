"""Means and their error bars, and what the error bars are."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

RUNS = ("solution", "pair", "across")  # dimensions of tasks; those of other kinds have a coordinate that says so


def mean_and_error(values: xr.DataArray, keep: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over everything but `keep`, and its error bar.

    With two or more disorder samples: standard error of the mean over disorder samples (averaged inside each first).
    With one: standard deviation over solutions, pairs or bends (averaged over orders and realisations first), which
    says nothing about other disorder samples.

    Parameters
    ----------
    values : xarray.DataArray
        With the dimension "disorder", any dimensions of solutions or pairs, and others; a quantity of
        `bl.load_results`.
    keep : str
        Name of the dimension that is kept, of length T.

    Returns
    -------
    mean, error : (T,) float64 arrays
        In the units of `values`; nan where nothing is finished or where there is only one number.
    """
    runs = [dim for dim in values.dims if dim in RUNS or f"{dim}_start" in values.coords]
    inner = [dim for dim in values.dims if dim not in (keep, "disorder", *runs)]
    per_run = values.mean(inner)
    per_sample = per_run.mean(runs)
    mean = per_sample.mean("disorder")
    if values.sizes["disorder"] > 1:
        count = per_sample.notnull().sum("disorder")
        error = per_sample.std("disorder", ddof=1) / np.sqrt(count)
    else:
        error = per_run.isel(disorder=0).std(runs, ddof=1)
    return mean.to_numpy(), error.to_numpy()


def of_one(values: xr.DataArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(1,) mean and (1,) error bar of values of which no dimension is kept."""
    return mean_and_error(values.expand_dims("nothing"), "nothing")


def error_bar_text(data: xr.Dataset, what: str = "error bars") -> str:
    """What the error bars of `mean_and_error` are for this data."""
    samples = data.sizes["disorder"]
    if samples > 1:
        return f"{what}: standard error over {samples} disorder samples"
    return f"{what}: standard deviation over solutions or pairs of one disorder sample"
