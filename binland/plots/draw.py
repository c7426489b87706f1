"""Draw with matplotlib: a panel into given axes, a chart into a new figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from binland.plots.axes import current
from binland.plots.chart import Axis, Chart, Contours, Curve, Dots, Float, Panel, Rule, Span, Triangle
from binland.plots.frame import framed
from binland.plots.letters import wrapped, written
from binland.plots.looks import in_matplotlib

MARK = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "black", "linewidth": 0.8}
NARROWEST, NARROWEST_OF_GRID = 2.4, 1.3  # inches that a panel needs; on a narrower page fewer are side by side
DOT = 9  # area of a dot in square points
FEW = 5  # ticks of axes whose numbers have many letters, at most so many and one more
MARKERS = 8  # along a curve with a band, about so many
SMALL = 0.65  # size of the letters of an inset, in units of the usual size
COLORS = "viridis"  # colour map of filled contours: suits colour-blind readers, and grey prints


def draw_panel(panel: Panel, axes: Axes, levels: Float | None = None, letters: float = 1.0) -> list[Artist]:
    """Draw a panel into given axes; returns the artists of its marks.

    levels: values at which colours of contours change, chosen by matplotlib if None. letters: size of text and marks,
    in units of the style's.
    """
    artists = [artist for mark in panel.marks for artist in _draw(mark, axes, levels, letters)]
    if panel.note:
        axes.text(0.5, 0.5, panel.note, ha="center", transform=axes.transAxes)
    _set_axes(panel, axes, letters)
    if panel.inset is not None:
        inside = axes.inset_axes(panel.inset.place)
        artists += draw_panel(panel.inset.panel, inside, levels, SMALL * letters)
    return artists


def drawn_in(panel: Panel, axes: Axes | None) -> list[Artist]:
    """Draw a panel into given axes, or into the current ones of pyplot."""
    return draw_panel(panel, current(axes))


def _draw(mark: Any, axes: Axes, levels: Float | None, letters: float) -> list[Artist]:
    """Draw one mark; returns its artists."""
    if isinstance(mark, Curve):
        return _band(mark, axes, letters) if mark.band else _bars(mark, axes, letters)
    if isinstance(mark, Rule):
        return [axes.axvline(mark.x, label=written(mark.name), **in_matplotlib(mark.look, letters, markers=False))]
    if isinstance(mark, Span):
        look: dict[str, Any] = {"color": mark.look.color, "alpha": mark.look.alpha, "linewidth": 0}
        return [axes.axvspan(mark.low, mark.high, label=written(mark.name), **look)]
    return _coloured(mark, axes, levels, letters)


def _bars(curve: Curve, axes: Axes, letters: float) -> list[Artist]:
    """Draw a curve with error bars, if it has some."""
    look = in_matplotlib(curve.look, letters)
    label = written(curve.name)
    if curve.error is None and curve.x_error is None:
        return [*axes.plot(curve.x, curve.y, label=label, **look)]
    cap = 0.5 * rcParams["lines.markersize"] * letters
    bars = axes.errorbar(curve.x, curve.y, curve.error, curve.x_error, capsize=cap, label=label, **look)
    for part in bars[2]:
        part.set_linestyle("-")  # error bars of dotted curves are solid
    return [bars.lines[0], *bars.lines[1], *bars.lines[2]]


def _band(curve: Curve, axes: Axes, letters: float) -> list[Artist]:
    """Draw a curve with a shaded band of its error."""
    error = np.zeros(len(curve.y)) if curve.error is None else curve.error
    look: dict[str, Any] = {"alpha": curve.look.alpha * 0.22, "color": curve.look.color, "linewidth": 0}
    every = max(1, len(curve.x) // MARKERS)
    shown = in_matplotlib(curve.look, letters)
    line = axes.plot(curve.x, curve.y, label=written(curve.name), markevery=every, **shown)
    return [*line, axes.fill_between(curve.x, curve.y - error, curve.y + error, **look)]


def _coloured(mark: Contours | Triangle | Dots, axes: Axes, levels: Float | None, letters: float) -> list[Artist]:
    """Draw filled contours or coloured dots, lines over them, and marked places with their texts."""
    how: dict[str, Any] = {"levels": levels, "cmap": COLORS}
    if isinstance(mark, Dots):
        low, high = (None, None) if levels is None else (levels[0], levels[-1])
        x, y = mark.places.T
        filled: Any = axes.scatter(x, y, DOT * letters, mark.values, cmap=COLORS, vmin=low, vmax=high)
        axes.locator_params(nbins=FEW)
    elif isinstance(mark, Contours):
        filled = axes.contourf(mark.x, mark.y, mark.values, **how)
    else:
        filled = axes.tricontourf(mark.places[:, 0], mark.places[:, 1], mark.values, **how)
    for line in getattr(mark, "lines", ()):
        axes.plot(line[:, 0], line[:, 1], "--", color="white", linewidth=1)
    size = 0.75 * letters * rcParams["font.size"]
    texts = [axes.text(x, y, text, fontsize=size, ha="center", va="center", bbox=MARK) for text, x, y in mark.points]
    return [filled, *texts]


def _set_axes(panel: Panel, axes: Axes, letters: float) -> None:
    """Set title, labels, scales, ticks and limits of the axes."""
    size = letters * rcParams["font.size"]
    if not panel.framed:
        axes.set_axis_off()
    if panel.equal:
        axes.set_aspect("equal")
    box, unit = axes.get_window_extent(), axes.figure.dpi
    width, height = box.width / unit, box.height / unit
    if panel.title:
        axes.set_title(written(wrapped(panel.title, width, size)), fontsize=size)
    axes.tick_params(labelsize=0.85 * size)
    axes.set_xlabel(written(wrapped(panel.x.label, width, size)), fontsize=size)
    axes.set_ylabel(written(wrapped(panel.y.label, height, size)), fontsize=size)
    _set_x(panel.x, axes, 0.85 * size, letters)
    _set_y(panel.y, axes, panel)
    if panel.top is not None and letters == 1.0:
        _draw_top(panel.top, axes, size, width)


def _set_x(axis: Axis, axes: Axes, size: float, letters: float) -> None:
    if axis.log:
        axes.set_xscale("log")
    if axis.ticks is None:
        return
    ticks = _thinned(axis.ticks, 3) if letters < 1 else axis.ticks
    slant: dict[str, Any] = {"rotation": 40, "ha": "right"} if axis.slanted else {}
    axes.set_xticks([x for x, _ in ticks], [written(text) for _, text in ticks], fontsize=size, **slant)
    axes.minorticks_off()


def _thinned(ticks: Sequence[tuple[float, str]], count: int) -> Sequence[tuple[float, str]]:
    """About `count` of the ticks, evenly chosen."""
    return ticks[:: max(1, (len(ticks) - 1) // (count - 1))]


def _set_y(axis: Axis, axes: Axes, panel: Panel) -> None:
    if axis.log:
        axes.set_yscale("log")
    if axis.linear is not None:
        axes.set_yscale("asinh", linear_width=axis.linear)
        axes.autoscale_view(scalex=False)  # margins are those of the scale
    if axis.zero:
        low, high = axes.get_ylim()
        axes.set_ylim(min(0, low), max(high, 1.05 * axes.dataLim.y1))  # room above large values
    if axis.low is not None or axis.high is not None:
        axes.set_ylim(axis.low, axis.high)
    if axis.linear is not None and axis.ticks is not None:
        low, high = axes.get_ylim()
        axes.set_yticks(*zip(*((y, written(text)) for y, text in axis.ticks if low <= y <= high), strict=True))
        axes.minorticks_off()


def _draw_top(axis: Axis, axes: Axes, size: float, width: float) -> None:
    """Draw a second x axis above the panel."""
    top = axes.secondary_xaxis("top")
    top.set_xlabel(written(wrapped(axis.label, width, 0.9 * size)), fontsize=0.9 * size)
    top.set_xticks(
        [x for x, _ in axis.ticks or ()], [written(text) for _, text in axis.ticks or ()], fontsize=0.85 * size
    )
    top.minorticks_off()


def draw_chart(chart: Chart, width: float | None = None, title: bool = True, scale: float = 1.0) -> Figure:
    """Draw a chart into a new figure: its panels, headline and legend.

    width: width of the figure in inches; by default that of all panels, each `scale` times its usual size. title:
    whether the headline is drawn.
    """
    columns, size = _shape(chart, width, scale)
    rows = max(1, -(-len(chart.panels) // columns))
    bar = 0.0 if chart.levels is None else 1.0
    total = columns * size[0] + bar if width is None else width
    lines = max([wrapped(panel.title, 0.85 * size[0]).count("\n") for panel in chart.panels], default=0)
    figure = Figure((total, rows * (size[1] + lines * 1.3 * rcParams["font.size"] / 72)), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False, sharey=chart.share_y)
    artists = _fill(chart, list(places.flat))
    if chart.levels is not None and artists:
        colour = figure.colorbar(artists[0], ax=places, shrink=0.8, aspect=8 * rows)
        colour.set_label(written(chart.color_label))
    return framed(figure, chart, title)


def _shape(chart: Chart, width: float | None, scale: float) -> tuple[int, tuple[float, float]]:
    """Number of panels in a row, and width and height of a panel in inches, so that it can be read on this page."""
    columns = max(1, min(chart.columns, len(chart.panels)))
    if width is None:
        return columns, (scale * chart.size[0], scale * chart.size[1])
    bar = 0.0 if chart.levels is None else 1.0
    least = NARROWEST_OF_GRID if chart.grid else NARROWEST
    columns = max(1, min(columns, int((width - bar) // least)))
    side = (width - bar) / columns
    tall = chart.size[1] * side / chart.size[0]
    return columns, (side, max(tall, min(1.8, chart.size[1])))


def _fill(chart: Chart, places: Sequence[Axes]) -> list[Any]:
    """Draw the panels and hide places without one; returns what is coloured by values, for a colour bar."""
    filled = []
    for place, panel in zip(places, chart.panels, strict=False):
        artists = draw_panel(panel, place, chart.levels)
        filled += [one for one in artists if isinstance(one, ScalarMappable) and one.get_array() is not None]
    for place in places[len(chart.panels) :]:
        place.set_axis_off()
    _only_left(chart, places)
    return filled


def _only_left(chart: Chart, places: Sequence[Axes]) -> None:
    """If all panels share the y axis, keep its label in the first column only."""
    if chart.share_y:
        for place in places[: len(chart.panels)]:
            if not place.get_subplotspec().is_first_col():  # type: ignore[union-attr]
                place.set_ylabel("")
