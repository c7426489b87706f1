"""Make a table of the numbers that a chart shows, one row per point."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from binland.plots.chart import Chart, Contours, Curve, Mark, Panel, Rule, Span

if TYPE_CHECKING:
    import pandas as pd

FIRST = ("panel", "inset", "x_label", "y_label")
LAST = ("curve", "x", "y", "error", "x_error", "value")


def table_of(chart: Chart | Panel) -> "pd.DataFrame":
    """A table of everything that a chart or panel shows, with all digits.

    Columns: panel and the labels of its axes; the labels of the curves (algorithm, symmetry, ...); curve, its name; x,
    y and error, the half length of the error bar. If there are any: inset, its title; x_error; value, that of contours.
    """
    import pandas as pd

    panels = [chart] if isinstance(chart, Panel) else chart.panels
    rows = [row for panel in panels for row in _rows(panel)]
    labels = [name for row in rows for name in row if name not in FIRST + LAST]
    columns = [*FIRST, *dict.fromkeys(labels), *LAST]
    table = pd.DataFrame(rows, columns=columns)
    return table.drop(columns=[name for name in ("inset", "x_error", "value") if table[name].isna().all()])


def _rows(panel: Panel, inset: str | None = None) -> Iterator[dict[str, Any]]:
    where = {"panel": panel.name or panel.title, "inset": inset, "x_label": panel.x.label, "y_label": panel.y.label}
    for mark in panel.marks:
        for row in _points(mark):
            yield {**where, **row}
    if panel.inset is not None:
        yield from _rows(panel.inset.panel, panel.inset.panel.title)


def _points(mark: Mark) -> Iterator[Mapping[str, Any]]:
    """The rows of a mark, one per point."""
    if isinstance(mark, Curve):
        bars = [np.full(len(mark.x), np.nan) if bar is None else bar for bar in (mark.error, mark.x_error)]
        for x, y, error, x_error in zip(mark.x, mark.y, *bars, strict=True):
            yield {**mark.labels, "curve": mark.name, "x": x, "y": y, "error": error, "x_error": x_error}
    elif isinstance(mark, Rule):
        yield {"curve": mark.name, "x": mark.x}
    elif isinstance(mark, Span):
        yield from ({"curve": mark.name, "x": x} for x in (mark.low, mark.high))
    else:
        places = _grid(mark) if isinstance(mark, Contours) else mark.places
        for (x, y), value in zip(places, np.ravel(mark.values), strict=True):
            yield {"x": x, "y": y, "value": value}


def _grid(mark: Contours) -> Any:
    """Places (Y X, 2) of the values of a plane."""
    return np.stack(np.meshgrid(mark.x, mark.y), -1).reshape(-1, 2)
