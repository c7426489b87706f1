"""The parts of a report about one file of results, as plain data for the page."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from binland.plots.chart import Chart, Panel
from binland.plots.formulas import in_unicode
from binland.plots.results import Results, shown_number
from binland.plots.table import table_of
from binland.plots.text import digits
from binland.reports.swatches import swatch
from binland.reports.traces import figure_of, numbers
from binland.sweep.store.layout import DONE, FAILED

MOST_NUMBERS = 400_000  # of errors along single paths in a page; of more, only the first disorder samples are kept
ALONG = ("path_error", "line_error", "curve_error")  # errors along paths, of which a page has the first that is there
Section = dict[str, Any]


def sections_of(results: Results, charts: Mapping[str, Chart]) -> list[Section]:
    """A section for each figure; one that exists for several points of the grid has a view for each point."""
    points = {ending: results.words_of(point).rstrip(";") for ending, point in results.named_points() if ending}
    points |= {ending: part.words_of({}).rstrip(";") for ending, part in results.slices() if ending}
    views: dict[str, list[tuple[str, Chart]]] = {}
    for ending, chart in charts.items():
        name, point = _split(ending, points)
        views.setdefault(name, []).append((point, chart))
    return [_section(name, some) for name, some in views.items()]


def _split(ending: str, points: Mapping[str, str]) -> tuple[str, str]:
    """Name of a figure and its point of the grid in words, from the ending of its file name."""
    point = max((one for one in points if ending.endswith(one)), key=len, default="")
    return ending.removesuffix(point).strip("_") or "overview", points.get(point, "")


def _section(name: str, charts: Sequence[tuple[str, Chart]]) -> Section:
    views = [_view(point, chart) for point, chart in charts]
    return {"name": name, "title": name.replace("_", " ").capitalize(), "views": views}


def _view(point: str, chart: Chart) -> Section:
    """A chart at one point of the grid: panels (insets as panels of their own), legend and table of numbers."""
    panels = [shown for panel in chart.panels for shown in _with_inset(panel)]
    figures = [
        {"title": in_unicode(panel.title), **figure_of(panel, chart.levels, chart.color_label)} for panel in panels
    ]
    legend = [{"name": in_unicode(entry.name), "swatch": swatch(entry)} for entry in chart.legend]
    about = chart.headline.facts
    return {"point": point, "about": about, "panels": figures, "legend": legend, "table": table(chart)}


def _with_inset(panel: Panel) -> list[Panel]:
    """A panel, and its inset as a second panel."""
    return [panel] if panel.inset is None else [panel, panel.inset.panel]


def table(chart: Chart) -> Section | None:
    """Columns and rows of the numbers of a chart; None for planes, which have too many."""
    whole = table_of(chart)
    if "value" in whole:
        return None
    told = [name for name in ("algorithm", "row", "first") if name in whole and whole[name].notna().all()]
    kept = whole.drop(columns=["curve"]) if told else whole  # else the name tells what it is
    return {
        "columns": [str(name) for name in kept],
        "rows": [[_cell(value) for value in row] for row in kept.to_numpy()],
    }


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None or not np.isfinite(value) else f"{value:.6g}"


def progress(results: Results) -> list[tuple[str, int, int, int, float]]:
    """For every kind of task: name, numbers done, failed and in all, and seconds that they took together."""
    rows = []
    for kind in results.layout.kinds:
        if f"{kind}_state" in results.data:
            states = results.data[f"{kind}_state"].to_numpy()
            seconds = float(np.nansum(results.data[f"{kind}_seconds"].to_numpy()))
            rows.append((kind, int((states == DONE).sum()), int((states == FAILED).sum()), states.size, seconds))
    return rows


def paths_of(results: Results) -> Section | None:
    """Errors along the path of every single pair, of which the reader can choose; None if there are none."""
    name = next((name for name in ALONG if name in results.data), None)
    if name is None:
        return None
    values, along = results.data[name], str(results.data[name].dims[-1])
    samples = values.sizes["disorder"]
    values = values.isel(disorder=slice(max(1, MOST_NUMBERS * samples // max(1, values.size))))
    dims = [str(dim) for dim in values.dims[:-1]]
    return {
        "dims": [{"name": dim, "values": [_name(values, dim, k) for k in range(values.sizes[dim])]} for dim in dims],
        "x": numbers(values[along].to_numpy()),
        "y": [None if np.isnan(one).all() else [_rounded(v) for v in 100 * one] for one in _rows(values)],
        "label": "train error (%)",
        "note": ""
        if values.sizes["disorder"] == samples
        else f"Of {samples} disorder samples the first ones are here.",
    }


def _rows(values: Any) -> Any:
    numbers = values.to_numpy()
    return numbers.reshape(-1, numbers.shape[-1])


def _rounded(value: float) -> float | None:
    return float(f"{value:.5g}") if np.isfinite(value) else None


def _name(values: Any, dim: str, k: int) -> str:
    """The k-th value of a dimension as text; for a pair its two solutions, such as "0 to 1"."""
    if dim == "pair" and "start" in values.coords:
        return f"{int(values['start'][k])} to {int(values['end'][k])}"
    value = values[dim].to_numpy()[k]
    return str(value) if isinstance(value, str) else shown_number(value.item())


def averages(results: Results) -> Section:
    """Table of mean train and test errors of every algorithm at every point, with the error bars of the figures."""
    from binland.plots.error_bars import of_one

    names = [name for name in ("train_error", "test_error") if name in results.data]
    axes = [axis.symbol for axis in results.axes]
    rows = []
    for point in results.points():
        for label in results.labels:
            at = results.data.sel({**point, "algorithm": label})
            cells = [_with_error(*of_one(at[name])) for name in names]
            rows.append([*map(shown_number, point.values()), label, *cells])
    return {"columns": [*axes, "algorithm", *(f"{name.replace('_', ' ')} (%)" for name in names)], "rows": rows}


def _with_error(mean: Any, error: Any) -> str:
    """A fraction (mean and error of shape (1,)) as text in percent with two digits of the error: "29.60 ± 0.46"."""
    value, bar = 100 * mean[0], 100 * error[0]
    if not np.isfinite(value):
        return ""
    if not np.isfinite(bar) or bar <= 0:
        return digits(value) + (" ± 0" if bar == 0 else "")
    places = max(0, 1 - math.floor(math.log10(bar)))
    return f"{value:.{places}f} ± {bar:.{places}f}"
