"""Panels and figures of quantities against what is swept."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from binland.plots.legend import algorithm_entries, framed, state_entries
from binland.plots.results import Results, values_of
from binland.plots.style import (
    LINES,
    counted,
    error_bar_text,
    errorbar,
    headline,
    mean_and_error,
    opacity,
    plain,
    short,
    style,
)

WIDTH, HEIGHT = 9.6, 4.1  # inches of a figure of two panels, without headline and legend


def draw_curves(
    axes: Axes,
    results: Results,
    name: str,
    label: str,
    scale: float = 1,
    at: Mapping[str, Any] | None = None,
    size: int = 8,
    every: int = 1,
    top: bool = True,
) -> None:
    """A quantity against the swept setting, a curve for every algorithm. at: values of other dimensions."""
    for algorithm in results.labels:
        draw_one(
            axes, results, results.data[name].sel(algorithm=algorithm, **(at or {})), scale, style(results, algorithm)
        )
    label_x(axes, results, size, every, top)
    axes.set_ylabel(label)


def draw_states(axes: Axes, results: Results, name: str, label: str, scale: float = 1, from_zero: bool = False) -> None:
    """The same in every symmetry state: the last in dark colours."""
    for algorithm in results.labels:
        for state in results.states:
            look = style(results, algorithm) | {"alpha": opacity(results, state)}
            draw_one(axes, results, results.data[name].sel(algorithm=algorithm, symmetry=state), scale, look)
    label_x(axes, results)
    axes.set_ylabel(label)
    if from_zero:
        low, high = axes.get_ylim()
        axes.set_ylim(min(0, low), max(high, 1.05 * axes.dataLim.y1))  # where all values are large, margins are small


def draw_one(axes: Axes, results: Results, values: xr.DataArray, scale: float, look: dict[str, Any]) -> None:
    """One curve with error bars."""
    if not results.axes:
        mean, error = mean_and_error(values.expand_dims("nothing"), "nothing")
        errorbar(axes, np.zeros(1), scale * mean, scale * error, **look)
        return
    axis = results.axes[0].name
    values = values.sortby(axis)
    mean, error = mean_and_error(values, axis)
    errorbar(axes, x_values(results), scale * mean, scale * error, **look)


def x_values(results: Results) -> NDArray[np.float64]:
    """Numbers of parameters if they grow with the swept setting, else its values, in increasing order."""
    axis = results.axes[0].name
    data = results.data.sortby(axis)
    return data["n_weights"].to_numpy().astype(float) if _by_weights(results) else data[axis].to_numpy().astype(float)


def _by_weights(results: Results) -> bool:
    """Whether the number of parameters is what is swept: a key of [model], or the number of inputs."""
    axis = results.axes[0].name
    if "n_weights" not in results.data or results.data["n_weights"].dims != (axis,) or results.data.sizes[axis] < 2:
        return False
    counts = results.data.sortby(axis)["n_weights"].to_numpy()
    return bool(np.all(np.diff(counts) > 0))


def label_x(axes: Axes, results: Results, size: int = 8, every: int = 1, top: bool = True) -> None:
    """The axis of what is swept; of numbers of parameters logarithmic, labelled at (every so many of) the points."""
    if not results.axes:
        axes.set_xticks([])
        return
    axis = results.axes[0]
    axes.tick_params(axis="x", labelsize=size)
    if not _by_weights(results):
        axes.set_xlabel(plain(axis.meaning), fontsize=size + 1)
        values = np.array(axis.values, float)
        if len(values) > 2 and values.min() > 0 and values.max() / values.min() > 50:
            axes.set_xscale("log")
        return
    counts = x_values(results)
    axes.set_xscale("log")
    axes.set_xticks(counts[::every], [_count(int(count)) for count in counts[::every]])
    axes.minorticks_off()
    axes.set_xlabel("number of parameters", fontsize=size + 1)
    if top:
        _top(axes, results)


def _count(count: int) -> str:
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if count >= 10 * size or (unit == "M" and count >= size):
            return f"{count / size:.3g}{unit}"
    return f"{count}"


def _top(axes: Axes, results: Results) -> None:
    """N / D along the top, or what is swept."""
    axis, data = results.axes[0], results.data.sortby(results.axes[0].name)
    name, text, show = axis.name, axis.meaning, "g"
    if "overparameterization" in data and data["overparameterization"].dims == (axis.name,):
        name, text, show = "overparameterization", "overparameterisation N / D", ".2g"
    top = axes.secondary_xaxis("top")
    top.set_xlabel(plain(text), fontsize=8)
    top.set_xticks(x_values(results), [format(value, show) for value in data[name].to_numpy()], fontsize=8)
    top.minorticks_off()


Quantity = tuple[str, Callable[[xr.Dataset], xr.DataArray], float]  # label, values of a dataset, scale


def draw_families(results: Results, quantities: Sequence[Quantity]) -> Figure:
    """A panel for each quantity against the longer axis; a line style for each value of the other one."""
    x = max(results.axes, key=lambda axis: len(axis.values))
    others = [axis for axis in results.axes if axis is not x]
    figure = Figure((WIDTH, HEIGHT), layout="constrained")
    known = results.data["train_error"].notnull()
    for panel, (label, values, scale) in zip(
        np.atleast_1d(figure.subplots(1, len(quantities))), quantities, strict=True
    ):
        found = values(results.data).where(known)
        for algorithm in results.labels:
            for k, point in enumerate(values_of(others)):
                curve = found.sel({"algorithm": algorithm, **point}).sortby(x.name)
                mean, error = mean_and_error(curve, x.name)
                look = style(results, algorithm) | {"linestyle": LINES[k % len(LINES)]}
                errorbar(panel, np.sort(np.array(x.values, float)), scale * mean, scale * error, **look)
        panel.set_xlabel(plain(x.meaning))
        panel.set_ylabel(label)
    solutions = counted(results.data.sizes["solution"], "solution")
    about = headline(results, f"{solutions};", f"{error_bar_text(results.data)}.", inches=WIDTH)
    entries = algorithm_entries(results, {name: short(name) for name in results.labels}, with_states=False)
    for k, point in enumerate(values_of(others) if others else []):
        words = ", ".join(f"{axis.symbol} = {point[axis.name]:g}" for axis in others)
        entries.append((_line("black", LINES[k % len(LINES)]), plain(words)))
    return framed(figure, about, entries)


def _line(colour: str, line: Any) -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], color=colour, linestyle=line)


BETWEEN = ("#0072B2", "#D55E00", "#009E73", "#CC5C99", "#E69F00", "#56B4E9", "#332288", "#555555")


def draw_between(results: Results) -> Figure:
    """Distances and barriers between solutions of two algorithms, both directions together, a curve for every two."""
    figure = Figure((WIDTH, HEIGHT), layout="constrained")
    left, right = figure.subplots(1, 2)
    labels = [(a, b) for k, a in enumerate(results.labels) for b in results.labels[k + 1 :]]
    entries = []
    for k, (a, b) in enumerate(labels):
        colour, line = BETWEEN[k % len(BETWEEN)], LINES[k // len(BETWEEN) % len(LINES)]
        entries.append((_line(colour, line), plain(f"{short(a)} and {short(b)}")))
        for panel, name, scale in ((left, "across_distance", 1), (right, "across_barrier", 100)):
            values = results.data[name]
            start, end = results.data["across_algorithm"], results.data["across_to_algorithm"]
            two = values.sel(across=((start == a) & (end == b)) | ((start == b) & (end == a)))
            for state in results.states:
                look = {"color": colour, "linestyle": line, "marker": "o", "alpha": opacity(results, state)}
                draw_one(panel, results, two.sel(symmetry=state), scale, look)
    for panel, label in ((left, results.layout.words["distance"]), (right, "barrier: maximum train error (%)")):
        label_x(panel, results)
        panel.set_ylabel(label)
    right.set_ylim(bottom=min(0, right.get_ylim()[0]))
    entries += state_entries(results)
    what = f"pairs of two algorithms; {error_bar_text(results.data)}."
    about = headline(results, results.words_of({}), what, inches=WIDTH)
    return framed(figure, about, entries)
