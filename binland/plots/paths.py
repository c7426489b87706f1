"""Errors around solutions and along the paths between them (Fig. 7 of the paper), a figure for each size."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from binland.plots.style import (
    LIGHT,
    Results,
    error_bar_text,
    headline,
    local_energies,
    mean_and_error,
    plain,
    style,
)
from binland.sweep.store.layout import DONE

Curve = Callable[[xr.Dataset], tuple[NDArray[np.float64], ...]]
ROOM = 1.6  # height of the panel in units of the highest path: the legend is above ...
MORE_ROOM = 2.3  # ... and the inset


def draw_paths(results: Results, size: int) -> Figure | None:
    """Local energies beside errors on random shortest paths, with optimised ones in an inset; None without pairs."""
    spec, at = results.spec, results.data.sel({results.spec.family.axis: size})
    if "pair_state" not in at or not bool((at["pair_state"] == DONE).any()):
        return None
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.4), constrained_layout=True)
    tests = 100 * at["test_error"].mean(["disorder", "solution"])
    labels = {name: f"{name}, test error {float(tests.sel(algorithm=name)):.3g} %" for name in spec.algorithms}
    local_energies(axes[0], results, size, labels)
    axes[0].legend(fontsize=8, loc="upper left")
    _drawn(axes[1], results, at, _shortest)
    axes[1].set_xlabel("Hamming distance from the start (fraction of weights)")
    axes[1].set_ylabel("train error (%) on random shortest paths")
    bends = "bend_state" in at and bool((at["bend_state"] == DONE).any())
    axes[1].set_ylim(0, (MORE_ROOM if bends else ROOM) * max(axes[1].get_ylim()[1], 0.01))
    axes[1].set_yticks([tick for tick in axes[1].get_yticks() if tick <= 100])
    axes[1].legend(fontsize=7, loc="upper left")
    if bends:
        inset = axes[1].inset_axes((0.54, 0.61, 0.44, 0.33))
        _drawn(inset, results, at, _optimised)
        inset.set_ylim(bottom=0)
        inset.set_title("optimised paths, one bend", fontsize=7)
        inset.set_xlabel("Hamming distance along the path", fontsize=6, labelpad=1)
        inset.set_ylabel("train error (%)", fontsize=6, labelpad=1)
        inset.tick_params(labelsize=6)
    bars = f"{error_bar_text(at, 'error bars and bands')}."
    place = f"{spec.family.symbol} = {size}; {spec.measure.orders} orders, {len(spec.pairs())} directed pairs;"
    figure.suptitle(headline(results, place, bars), fontsize=9)
    return figure


def _drawn(axes: Axes, results: Results, at: xr.Dataset, curve: Curve) -> None:
    """Mean and band of every algorithm: raw light, aligned dark."""
    spec, shown = results.spec, results.symmetries
    for algorithm in spec.algorithms:
        for symmetry in shown:
            x, mean, error = curve(at.sel(algorithm=algorithm, symmetry=symmetry))
            look = {key: value for key, value in style(spec, algorithm).items() if key != "marker"}
            light = LIGHT if symmetry == "raw" and len(shown) > 1 else 1.0
            text = plain(f"{algorithm}, {symmetry}" if len(shown) > 1 else algorithm)
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
