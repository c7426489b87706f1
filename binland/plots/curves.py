"""Curves and panels of quantities against the swept setting (the x axis of most figures)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binland.plots.chart import Axis, Chart, Curve, Entry, Float, LineStyle, Look, Panel, floats
from binland.plots.error_bars import error_bar_text, mean_and_error, of_one
from binland.plots.results import Results, values_of
from binland.plots.style import BETWEEN, LINES, in_state, state_entries, style
from binland.plots.text import counted, digits, headline, short
from binland.sweep import registry
from binland.sweep.spec import Axis as Setting


def curve(
    x: NDArray[Any], mean_error: tuple[NDArray[Any], NDArray[Any]], scale: float, look: Look, **labels: str
) -> Curve:
    """A curve with error bars, both times `scale` (100 for percent); its name consists of the values of its labels."""
    mean, error = mean_error
    return Curve(floats(x), scale * floats(mean), scale * floats(error), None, look, ", ".join(labels.values()), labels)


def along(results: Results, values: xr.DataArray, scale: float, look: Look, **labels: str) -> Curve:
    """A curve of a quantity against the swept setting; a single point if nothing is swept."""
    if not results.axes:
        return curve(np.zeros(1), of_one(values), scale, look, **labels)
    axis = results.axes[0].name
    return curve(x_values(results), mean_and_error(values.sortby(axis), axis), scale, look, **labels)


def of_algorithms(
    results: Results, name: str, scale: float = 1, at: Mapping[str, Any] | None = None, **labels: str
) -> list[Curve]:
    """A curve of variable `name` against the swept setting for each algorithm. at: values of other dimensions."""
    return [
        along(
            results,
            results.data[name].sel(algorithm=label, **(at or {})),
            scale,
            style(results, label),
            algorithm=label,
            **labels,
        )
        for label in results.labels
    ]


def against(results: Results, x: NDArray[Any], values: xr.DataArray, along: str, scale: float = 1) -> list[Curve]:
    """A quantity against one of its own dimensions at x (T,), a curve for every algorithm. along: the dimension."""
    return [
        curve(x, mean_and_error(values.sel(algorithm=label), along), scale, style(results, label), algorithm=label)
        for label in results.labels
    ]


def each(results: Results) -> Iterator[tuple[dict[str, str], Look]]:
    """Labels and look of every algorithm in every symmetry state: ({"algorithm": ..., "symmetry": ...}, Look)."""
    for label in results.labels:
        for state in results.states:
            yield {"algorithm": label, "symmetry": state}, in_state(results, style(results, label), state)


def of_states(results: Results, name: str, scale: float = 1) -> list[Curve]:
    """A curve of the variable `name` against the swept setting for each algorithm and symmetry state."""
    return [along(results, results.data[name].sel(at), scale, look, **at) for at, look in each(results)]


def swept_panel(
    results: Results, name: str, label: str, curves: Sequence[Curve], order: int = 0, zero: bool = False, **more: Any
) -> Panel:
    """A panel of curves against the swept setting. label: of the y axis. more: other fields of `Panel`."""
    x, top = axes_of(results)
    return Panel(name, x, Axis(label, zero=zero), curves, order, top=top, **more)


def x_values(results: Results) -> Float:
    """(T,) numbers of parameters if they grow with the swept setting, else the values of the setting, increasing."""
    axis = results.axes[0].name
    data = results.data.sortby(axis)
    return floats(data["n_weights" if _by_weights(results) else axis].to_numpy())


def _by_weights(results: Results) -> bool:
    """Whether the x axis shows numbers of parameters: they depend on the swept setting alone, and grow with it."""
    axis = results.axes[0].name
    if "n_weights" not in results.data or results.data["n_weights"].dims != (axis,) or results.data.sizes[axis] < 2:
        return False
    counts = results.data.sortby(axis)["n_weights"].to_numpy()
    return bool(np.all(np.diff(counts) > 0))


def axes_of(results: Results) -> tuple[Axis, Axis | None]:
    """The x axis of the swept setting, logarithmic for numbers of parameters, and a second one above it or None."""
    if not results.axes:
        return Axis(ticks=[]), None
    axis = results.axes[0]
    if not _by_weights(results):
        values = floats(axis.values)
        wide = len(values) > 2 and values.min() > 0 and values.max() / values.min() > 50
        one = [(float(values[0]), f"{values[0]:g}")] if len(values) == 1 else None  # matplotlib's lie far around it
        return Axis(meaning_of(results, axis), bool(wide), one), None
    counts = x_values(results)
    return Axis("number of parameters", True, [(count, _count(int(count))) for count in counts]), _top(results)


def meaning_of(results: Results, axis: Setting) -> str:
    """The meaning of a swept setting; of one such as "units, or filters of VGG16" that of the sweep's kind of model."""
    first, _, other = axis.meaning.partition(", or ")
    named = [kind for kind in registry.known("families") if kind in other.lower()] if other else []
    if not named:
        return axis.meaning
    model = results.settings.get("model")
    kind = model.get("kind") if isinstance(model, Mapping) else None
    return other if kind in named else first


def _count(count: int) -> str:
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if count >= 10 * size or (unit == "M" and count >= size):
            return f"{digits(count / size)}{unit}"
    return f"{count}"


def _top(results: Results) -> Axis:
    """The axis above a panel: N / D where the sweep has it, else the values of the swept setting."""
    axis, data = results.axes[0], results.data.sortby(results.axes[0].name)
    name, text, show = axis.name, meaning_of(results, axis), "g"
    if "overparameterization" in data and data["overparameterization"].dims == (axis.name,):
        name, text, show = "overparameterization", "overparameterisation N / D", ".2g"
    values = data[name].to_numpy()
    return Axis(text, ticks=[(x, format(value, show)) for x, value in zip(x_values(results), values, strict=True)])


SIZE = (4.8, 4.1)  # width and height of a panel of these charts in inches
Quantity = tuple[str, str, Callable[[xr.Dataset], xr.DataArray], float]  # name, y label, values, scale


def families(results: Results, quantities: Sequence[Quantity]) -> Chart:
    """A panel for each quantity against the longer axis, with a line style for each value of the other axis."""
    x = max(results.axes, key=lambda axis: len(axis.values))
    others = [axis for axis in results.axes if axis is not x]
    points = list(values_of(others))
    known = results.data["train_error"].notnull()
    places = np.sort(floats(x.values))
    panels = []
    for name, label, values, scale in quantities:
        numbers = values(results.data).where(known)
        curves = []
        for algorithm in results.labels:
            for k, point in enumerate(points):
                look = _of_family(results, algorithm, LINES[k % len(LINES)] if others else None)
                at = numbers.sel({"algorithm": algorithm, **point}).sortby(x.name)
                labels = {"algorithm": algorithm, **{name: f"{value:g}" for name, value in point.items()}}
                curves.append(curve(places, mean_and_error(at, x.name), scale, look, **labels))
        panels.append(Panel(name, Axis(meaning_of(results, x)), Axis(label), curves))
    line = LINES[0] if others else None
    entries = [Entry(short(name), _of_family(results, name, line)) for name in results.labels]
    for k, point in enumerate(points if others else []):
        words = ", ".join(f"{axis.symbol} = {point[axis.name]:g}" for axis in others)
        entries.append(Entry(words, Look(line=LINES[k % len(LINES)])))
    about = counted(results.data.sizes["solution"], "solution")
    return Chart(panels, headline(results, f"{about};", f"{error_bar_text(results.data)}."), entries=entries, size=SIZE)


def _of_family(results: Results, algorithm: str, line: LineStyle | None) -> Look:
    """The look of an algorithm, with the line of a value of the other axis if there is one."""
    look = style(results, algorithm)
    return look if line is None else replace(look, line=line)


def between(results: Results) -> Chart:
    """Distances and barriers between solutions of two algorithms, a curve for every two, both directions averaged."""
    pairs = [(a, b) for k, a in enumerate(results.labels) for b in results.labels[k + 1 :]]
    looks = {
        pair: Look(BETWEEN[k % len(BETWEEN)], "o", LINES[k // len(BETWEEN) % len(LINES)])
        for k, pair in enumerate(pairs)
    }
    panels = []
    for name, label, scale in (
        ("across_distance", results.layout.words["distance"], 1),
        ("across_barrier", "barrier: maximum train error (%)", 100),
    ):
        curves = list(_between(results, name, scale, looks))
        panels.append(swept_panel(results, name, label, curves, zero=scale == 100))
    entries = [Entry(f"{short(a)} and {short(b)}", look) for (a, b), look in looks.items()] + state_entries(results)
    what = f"pairs of two algorithms; {error_bar_text(results.data)}."
    return Chart(panels, headline(results, results.words_of({}), what), entries=entries, size=SIZE)


def _between(results: Results, name: str, scale: float, looks: Mapping[tuple[str, str], Look]) -> Iterable[Curve]:
    """A curve for every two algorithms in every symmetry state."""
    start, end = results.data["across_algorithm"], results.data["across_to_algorithm"]
    for (a, b), look in looks.items():
        both = results.data[name].sel(across=((start == a) & (end == b)) | ((start == b) & (end == a)))
        for state in results.states:
            labels = {"first": a, "second": b, "symmetry": state}
            yield along(results, both.sel(symmetry=state), scale, in_state(results, look, state), **labels)
