"""Means, their error bars, and words for what the error bars are."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

RUNS = ("solution", "pair", "across")  # dimensions of solutions and pairs; those with coordinates NAME_start are others


def mean_and_error(values: xr.DataArray, keep: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average over all dimensions but one, with an error bar.

    With two or more disorder samples the error bar is the standard error of the mean over disorder samples; each sample
    is averaged first. With one disorder sample it is the standard deviation over solutions, pairs or bends, averaged
    over orders and realisations first; this says nothing about other disorder samples.

    Parameters
    ----------
    values : xarray.DataArray
        A variable of `binland.load_results`: it has the dimension "disorder", and may have any others.
    keep : str
        Name of the dimension that is kept, of length T.

    Returns
    -------
    mean : (T,) float64
        In the units of `values`; NaN where nothing is finished.
    error : (T,) float64
        In the units of `values`; NaN where fewer than two numbers are known.

    Examples
    --------
    >>> import binland as bl, numpy as np, xarray as xr
    >>> errors = xr.DataArray(np.array([[0.1, 0.3], [0.3, 0.7]]), dims=("disorder", "n_inputs"))
    >>> mean, error = bl.plots.mean_and_error(errors, "n_inputs")
    >>> mean.round(3), error.round(3)
    (array([0.2, 0.5]), array([0.1, 0.2]))
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
    """Mean (1,) and error bar (1,) over all dimensions."""
    return mean_and_error(values.expand_dims("nothing"), "nothing")


def error_bar_text(data: xr.Dataset, what: str = "error bars") -> str:
    """A text that says what the error bars of `mean_and_error` are for this data. what: its beginning."""
    samples = data.sizes["disorder"]
    if samples > 1:
        return f"{what}: standard error over {samples} disorder samples"
    return f"{what}: standard deviation over solutions or pairs of one disorder sample"
