"""Errors around solutions and along the paths between them (Fig. 7 of the paper), a figure for each size."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from binland.plots.legend import algorithm_entries, framed
from binland.plots.style import (
    LIGHT,
    Results,
    error_bar_text,
    headline,
    local_energies,
    mean_and_error,
    short,
    style,
)
from binland.sweep.store.layout import DONE

Curve = Callable[[xr.Dataset], tuple[NDArray[np.float64], ...]]
WIDTH, HEIGHT = 9.6, 4.1  # inches, without headline and legend
ROOM = 2.1  # height of the panel in units of the highest path, where the inset is above


def draw_paths(results: Results, size: int) -> Figure | None:
    """Local energies beside errors on random shortest paths, with optimised ones in an inset; None without pairs."""
    spec, at = results.spec, results.data.sel({results.spec.family.axis: size})
    if "pair_state" not in at or not bool((at["pair_state"] == DONE).any()):
        return None
    figure = Figure((WIDTH, HEIGHT), layout="constrained")
    energies, paths = figure.subplots(1, 2)
    local_energies(energies, results, size)
    _drawn(paths, results, at, _shortest)
    paths.set_xlabel("Hamming distance from the start (fraction of weights)")
    paths.set_ylabel("train error (%) on random shortest paths")
    bends = "bend_state" in at and bool((at["bend_state"] == DONE).any())
    paths.set_ylim(0, (ROOM if bends else 1) * max(paths.get_ylim()[1], 0.01))
    paths.set_yticks([tick for tick in paths.get_yticks() if tick <= 100])
    if bends:
        _optimised_paths(paths, results, at)
    place = f"{spec.family.symbol} = {size}; {spec.measure.orders} orders, {len(spec.pairs())} directed pairs;"
    about = headline(results, place, f"{error_bar_text(at, 'error bars and bands')}.", inches=WIDTH)
    tests = 100 * at["test_error"].mean(["disorder", "solution"])
    texts = {name: f"{short(name)}, test error {float(tests.sel(algorithm=name)):.3g} %" for name in results.labels}
    return framed(figure, about, algorithm_entries(results, texts))


def _optimised_paths(axes: Axes, results: Results, at: xr.Dataset) -> None:
    """An inset of paths with one bend."""
    inset = axes.inset_axes((0.12, 0.61, 0.86, 0.33))
    _drawn(inset, results, at, _optimised)
    inset.set_ylim(bottom=0)
    inset.set_title("optimised paths, one bend", fontsize=7)
    inset.set_xlabel("Hamming distance along the path", fontsize=6, labelpad=1)
    inset.set_ylabel("train error (%)", fontsize=6, labelpad=1)
    inset.tick_params(labelsize=6)


def _drawn(axes: Axes, results: Results, at: xr.Dataset, curve: Curve) -> None:
    """Mean and band of every algorithm: raw light, aligned dark."""
    spec, shown = results.spec, results.symmetries
    for algorithm in results.labels:
        for symmetry in shown:
            x, mean, error = curve(at.sel(algorithm=algorithm, symmetry=symmetry))
            look = {key: value for key, value in style(spec, algorithm).items() if key != "marker"}
            light = LIGHT if symmetry == "raw" and len(shown) > 1 else 1.0
            text = f"{algorithm}, {symmetry}" if len(shown) > 1 else algorithm
            axes.plot(x, 100 * mean, alpha=light, linewidth=1.3, label=text, **look)
            band = np.nan_to_num(error)
            axes.fill_between(
                x, 100 * (mean - band), 100 * (mean + band), alpha=light / 4, color=look["color"], linewidth=0
            )


def _shortest(at: xr.Dataset) -> tuple[NDArray[np.float64], ...]:
    """Distance from the start, mean train error and its error bar."""
    x = float(at["distance"].mean()) * at["position"].to_numpy()
    return x, *mean_and_error(at["path_error"], "position")


def _optimised(at: xr.Dataset) -> tuple[NDArray[np.float64], ...]:
    """The same along both legs."""
    begin, curves = 0.0, []
    for leg in at["leg"].values:
        length = float(at["bend_distance"].sel(leg=leg).mean())
        x = begin + length * at["position"].to_numpy()
        curves.append((x, *mean_and_error(at["bend_error"].sel(leg=leg), "position")))
        begin += length
    return tuple(np.concatenate(column) for column in zip(*curves, strict=True))
