"""The paper's overview figure (Fig. 6 for the committee machine, Fig. 18 for the perceptron)."""

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from binland.plots.legend import algorithm_entries, framed
from binland.plots.style import (
    LIGHT,
    Results,
    error_bar_text,
    errorbar,
    headline,
    local_energies,
    mean_and_error,
    read,
    saved,
    short,
    style,
)

WIDTH, HEIGHT = 9.6, 7.3  # inches, without headline and legend
INSET = (0.13, 0.57, 0.4, 0.35)  # left, bottom, width and height, in units of its panel


def plot_overview(path: str | Path, out: str | Path) -> list[Path]:
    """Draw local energies, test errors, Hamming distances and barriers of a sweep; returns the PNG and PDF paths.

    Points are means over all samples; error bars are described by `mean_and_error` and named in the figure.
    Raises StoreError if the file is missing, foreign or holds no finished task yet, InvalidInputError if `out` cannot
    be written.
    """
    results = read(path)
    return saved(draw_overview(results), results, out)


def draw_overview(results: Results) -> Figure:
    """The four panels."""
    spec = results.spec
    figure = Figure((WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots(2, 2)
    _local_energies(axes[0, 0], results)
    _curves(axes[0, 1], results, "test_error", "test error (%)", scale=100)
    if spec.pairs():
        _compared(axes[1, 0], results, "distance", "Hamming distance (fraction of weights)")
        _compared(axes[1, 1], results, "barrier", "barrier: maximum train error (%)", scale=100, from_zero=True)
    else:
        for panel in axes[1]:
            panel.set_axis_off()
            panel.text(0.5, 0.5, "one solution each: no pairs", ha="center", transform=panel.transAxes)
    counts = f"{spec.grid.solutions} solutions, {len(spec.pairs())} directed pairs, {spec.measure.orders} orders;"
    about = headline(results, counts, f"{error_bar_text(results.data)}.", inches=WIDTH)
    return framed(figure, about, algorithm_entries(results, {label: short(label) for label in results.labels}))


def _parameters(axes: Axes, data: xr.Dataset, size: int = 8, every: int = 1) -> None:
    """Logarithmic axis of the number of parameters, labelled at (every so many of) the measured points."""
    counts = np.sort(data["n_weights"].to_numpy())[::every]
    axes.set_xscale("log")
    axes.set_xticks(counts, [_count(count) for count in counts])
    axes.tick_params(axis="x", labelsize=size)
    axes.minorticks_off()
    axes.set_xlabel("number of parameters", fontsize=size + 1)


def _count(count: int) -> str:
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if count >= 10 * size or (unit == "M" and count >= size):
            return f"{count / size:.3g}{unit}"
    return f"{count}"


def _top(axes: Axes, results: Results) -> None:
    """N / D along the top, or the sizes."""
    data, family = results.data, results.spec.family
    counts = np.sort(data["n_weights"].to_numpy())
    name, text, show = family.axis, family.meaning, "d"
    if "overparameterization" in data:
        name, text, show = "overparameterization", "overparameterisation N / D", ".2g"
    top = axes.secondary_xaxis("top")
    top.set_xlabel(text, fontsize=8)
    top.set_xticks(counts, [format(value, show) for value in np.sort(data[name].to_numpy())], fontsize=8)
    top.minorticks_off()


def _curves(axes: Axes, results: Results, name: str, label: str, scale: float) -> None:
    spec, data, axis = results.spec, results.data, results.spec.family.axis
    for algorithm in results.labels:
        mean, error = mean_and_error(data[name].sel(algorithm=algorithm).sortby(axis), axis)
        x = np.sort(data["n_weights"].to_numpy())
        errorbar(axes, x, scale * mean, scale * error, label=algorithm, **style(spec, algorithm))
    _parameters(axes, data)
    _top(axes, results)
    axes.set_ylabel(label)


def _compared(axes: Axes, results: Results, name: str, label: str, scale: float = 1, from_zero: bool = False) -> None:
    """Raw in light colours, aligned in dark ones; raw only where there is no symmetry."""
    spec, data, shown, axis = results.spec, results.data, results.symmetries, results.spec.family.axis
    for algorithm in results.labels:
        for symmetry in shown:
            values = data[name].sel(algorithm=algorithm, symmetry=symmetry).sortby(axis)
            mean, error = mean_and_error(values, axis)
            x = np.sort(data["n_weights"].to_numpy())
            light = LIGHT if symmetry == "raw" and len(shown) > 1 else 1.0
            text = f"{algorithm}, {symmetry}" if len(shown) > 1 else algorithm
            errorbar(axes, x, scale * mean, scale * error, label=text, alpha=light, **style(spec, algorithm))
    _parameters(axes, data)
    _top(axes, results)
    axes.set_ylabel(label)
    if from_zero:
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))


def _local_energies(axes: Axes, results: Results) -> None:
    spec, data, sizes, axis = results.spec, results.data, results.sizes, results.spec.family.axis
    local_energies(axes, results, sizes[len(sizes) // 2])
    _make_room(axes)
    inset = axes.inset_axes(INSET)
    for algorithm in results.labels:
        fixed = data["local_energy"].sel(algorithm=algorithm, fraction=spec.measure.shown_fraction).sortby(axis)
        mean, error = mean_and_error(fixed, axis)
        x = np.sort(data["n_weights"].to_numpy())
        errorbar(inset, x, 100 * mean, 100 * error, **style(spec, algorithm))
    _parameters(inset, data, size=6, every=max(1, (len(sizes) - 1) // 2))
    inset.tick_params(labelsize=6)
    inset.set_title(f"at {100 * spec.measure.shown_fraction:g} % flips", fontsize=7)


def _make_room(axes: Axes) -> None:
    """A panel so high that no curve runs through its inset."""
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    edge = left + (INSET[0] + INSET[2] + 0.03) * (right - left)
    highest = low
    for line in axes.lines:
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        if np.isfinite(y).all():
            highest = max(highest, *np.interp([*x[x < edge], edge], x, y))
    axes.set_ylim(low, max(high, low + (highest - low) / (INSET[1] - 0.1)))  # 0.1: for the labels below the inset
