"""Translate panels into figures of plotly.js: dictionaries that become JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from binland.plots.chart import Axis, Contours, Curve, Dots, Float, LineStyle, Look, Mark, Panel, Rule, Span, Triangle
from binland.plots.formulas import in_unicode

DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}
SYMBOLS = {
    "o": "circle", "s": "square", "D": "diamond", "d": "diamond-tall", "^": "triangle-up", "v": "triangle-down",
    ">": "triangle-right", "<": "triangle-left", "p": "pentagon", "h": "hexagon", "H": "hexagon2", "8": "octagon",
    "*": "star", "P": "cross", "X": "x", "x": "x-thin-open", "_": "line-ew-open",
}  # fmt: skip
MARKERS = 8  # along a curve with a band, at most
WIDTH, SIZE = 1.8, 8  # of lines and markers, in pixels
Trace = dict[str, Any]


def figure_of(panel: Panel, levels: Float | None = None, color_label: str = "") -> dict[str, Any]:
    """A panel as {"data": traces, "layout": ...}; "meta" of a trace are the labels of its curve."""
    data = [trace for mark in panel.marks for trace in _traces(mark, panel, levels, color_label)]
    layout: dict[str, Any] = {
        "xaxis": _axis(panel.x, panel.top, panel),
        "yaxis": _axis(panel.y, None, panel),
        "shapes": _shapes(panel),
    }
    if panel.equal:
        layout["yaxis"] |= {"scaleanchor": "x", "scaleratio": 1}
    if panel.note:
        middle = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "showarrow": False}
        layout["annotations"] = [{"text": panel.note, **middle}]
    return {"data": data, "layout": layout}


def numbers(values: Any) -> list[float | None]:
    """Numbers as a flat list for JSON, with None for NaN and infinity."""
    return [float(value) if np.isfinite(value) else None for value in np.ravel(values)]


def _traces(mark: Mark, panel: Panel, levels: Float | None, color_label: str) -> Iterator[Trace]:
    if isinstance(mark, Curve):
        yield from _band(mark, panel) if mark.band else [_curve(mark, panel)]
    elif isinstance(mark, Contours | Triangle | Dots):
        yield _field(mark, levels, color_label)
        for line in getattr(mark, "lines", ()):
            yield _line(line)
        yield _texts(mark.points)


def _curve(curve: Curve, panel: Panel) -> Trace:
    trace = {"type": "scatter", "x": numbers(curve.x), "y": numbers(curve.y), "name": curve.name, **_look(curve.look)}
    for name, error in (("error_y", curve.error), ("error_x", curve.x_error)):
        if error is not None:
            trace[name] = {"type": "data", "array": numbers(error), "thickness": 1.2, "width": 3}
    trace |= {"meta": dict(curve.labels), "hovertemplate": _hover(curve, panel)}
    return trace if panel.y.linear is None else trace | _placed(curve, panel, trace)


def _placed(curve: Curve, panel: Panel, trace: Trace) -> Trace:
    """What differs where y is drawn at `place`, which plotly has no axis for: y, error bars, and the text with both."""
    y, error = curve.y, np.zeros(len(curve.y)) if curve.error is None else np.nan_to_num(curve.error)
    middle, low, high = (place(panel.y, values) for values in (y, y - error, y + error))
    bars = {"array": numbers(high - middle), "arrayminus": numbers(middle - low), "symmetric": False}
    both = [list(pair) for pair in zip(numbers(y), numbers(error), strict=True)]
    hover = trace["hovertemplate"].replace("%{y:.4~g}", "%{customdata[0]:.4~g} ± %{customdata[1]:.2~g}")
    more = {"error_y": trace["error_y"] | bars} if "error_y" in trace else {}
    return {"y": numbers(middle), "customdata": both, "hovertemplate": hover, **more}


def place(axis: Axis, values: Any) -> Any:
    """Where values lie along an axis: arcsinh(value / axis.linear) if this is given, else the values."""
    return values if axis.linear is None else np.arcsinh(values / axis.linear)


def _hover(curve: Curve, panel: Panel) -> str:
    """Template of the text under the mouse; plotly adds the error bar to y."""
    words = [f"{name}: {value}" for name, value in curve.labels.items()] or [curve.name]
    x = "%{x}" if panel.x.ticks is None else "%{x:.6~g}"
    return "<br>".join(map(_plain, words)) + f"<br>{x}, %{{y:.4~g}}<extra></extra>"


def _plain(text: str) -> str:
    """A text in which plotly finds neither HTML nor placeholders such as %{x}."""
    return in_unicode(text).replace("&", "&amp;").replace("<", "&lt;").replace("%{", "% {")


def _band(curve: Curve, panel: Panel) -> Iterator[Trace]:
    """A curve with a band: two invisible lines with the space between them filled, then the curve itself."""
    error = np.zeros(len(curve.y)) if curve.error is None else np.nan_to_num(curve.error)
    edge = {
        "type": "scatter",
        "x": numbers(curve.x),
        "mode": "lines",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "meta": dict(curve.labels),
    }
    fill = {"fill": "tonexty", "fillcolor": _transparent(curve.look.color, 0.22 * curve.look.alpha)}
    yield {**edge, "y": numbers(place(panel.y, curve.y - error))}
    yield {**edge, "y": numbers(place(panel.y, curve.y + error)), **fill}
    trace = _curve(curve, panel)
    trace.pop("error_y", None)
    trace["marker"]["maxdisplayed"] = MARKERS
    if panel.y.linear is not None:
        yield trace
        return
    hover = trace["hovertemplate"].replace("<extra>", " ± %{customdata:.2~g}<extra>")
    yield trace | {"customdata": numbers(error), "hovertemplate": hover}


def _transparent(color: str, alpha: float) -> str:
    if not color.startswith("#"):
        return f"rgba(0, 0, 0, {alpha:.3g})"
    return f"rgba({', '.join(str(int(color[k : k + 2], 16)) for k in (1, 3, 5))}, {alpha:.3g})"


def _look(look: Look) -> Trace:
    marker = {"symbol": SYMBOLS.get(look.marker, "circle"), "size": SIZE * look.size, "color": look.color}
    if look.hollow:
        marker |= {"color": "white", "line": {"color": look.color, "width": 1.5}}
    if look.marker in ("x", "_"):
        marker["line"] = {"color": look.color, "width": 1.5}
    line = {"color": look.color, "width": WIDTH * look.width, "dash": dash(look.line)}
    mode = "+".join(name for name, there in (("lines", look.line), ("markers", look.marker)) if there)
    return {"mode": mode or "none", "line": line, "marker": marker, "opacity": look.alpha}


def dash(line: LineStyle) -> str:
    """A line style as plotly and SVG write it; lengths of dashes are in pixels."""
    if isinstance(line, str):
        return DASHES.get(line, "solid")
    return ",".join(f"{1.5 * length:g}px" for length in line[1])


def _field(mark: Contours | Triangle | Dots, levels: Float | None, color_label: str) -> Trace:
    """Filled contours of a plane, or coloured dots; a triangle becomes these, as plotly has no contours on one."""
    bar = {"title": {"text": color_label, "side": "right"}, "thickness": 12}
    low, high = (
        (_lowest(mark), float(np.nanmax(mark.values))) if levels is None else (float(levels[0]), float(levels[-1]))
    )
    colours = {"colorscale": "Viridis", "colorbar": bar}
    if isinstance(mark, Contours):
        rows = [numbers(row) for row in mark.values]
        step = {} if levels is None else {"contours": {"start": low, "end": high, "size": float(levels[1] - levels[0])}}
        grid = {"x": numbers(mark.x), "y": numbers(mark.y), "z": rows, "zmin": low, "zmax": high, **step}
        return {"type": "contour", **grid, **colours, "hovertemplate": "%{x:.4~g}, %{y:.4~g}: %{z:.4~g}<extra></extra>"}
    x, y = numbers(mark.places[:, 0]), numbers(mark.places[:, 1])
    look = {"size": 5, "symbol": "circle"} if isinstance(mark, Dots) else {"size": 9, "symbol": "hexagon"}
    marker = {"color": numbers(mark.values), "cmin": low, "cmax": high, **look, **colours}
    hover = "%{marker.color:.4~g}<extra></extra>"
    return {"type": "scatter", "x": x, "y": y, "mode": "markers", "marker": marker, "hovertemplate": hover}


def _lowest(mark: Contours | Triangle | Dots) -> float:
    """Where the colours begin if no levels are given: at zero, for dots at the smallest value."""
    return float(np.nanmin(mark.values)) if isinstance(mark, Dots) else 0.0


def _line(line: Float) -> Trace:
    shape = {"color": "white", "dash": "dash", "width": 1.2}
    x, y = numbers(line[:, 0]), numbers(line[:, 1])
    return {"type": "scatter", "x": x, "y": y, "mode": "lines", "line": shape, "hoverinfo": "skip"}


def _texts(points: Sequence[tuple[str, float, float]]) -> Trace:
    marker = {"size": 17, "color": "white", "line": {"color": "black", "width": 1}}
    names, x, y = ([point[k] for point in points] for k in range(3))
    look = {"mode": "markers+text", "marker": marker, "textfont": {"color": "black", "size": 11}}
    return {"type": "scatter", "x": numbers(x), "y": numbers(y), "text": names, **look, "hoverinfo": "text"}


def _axis(axis: Axis, top: Axis | None, panel: Panel) -> Trace:
    """An axis. The axis above a panel becomes a second line in the texts of the ticks."""
    names = [axis.label] if top is None else [axis.label, f"{top.label} (lower numbers)"]
    layout: Trace = {
        "title": {"text": "<br>".join(map(_plain, names))},
        "type": "log" if axis.log else "linear",
        "automargin": True,
    }
    if axis.ticks is not None:
        above = dict(top.ticks or ()) if top is not None else {}
        texts = [_plain(text) + (f"<br>{_plain(above[x])}" if x in above else "") for x, text in axis.ticks]
        where = [place(axis, x) for x, _ in axis.ticks]
        layout |= {"tickmode": "array", "tickvals": where, "ticktext": texts}
    if axis.zero:
        layout["rangemode"] = "tozero"
    if axis.low is not None or axis.high is not None:
        layout["range"] = [None if end is None else place(axis, end) for end in (axis.low, axis.high)]
    return layout if panel.framed else {"visible": False}


def _shapes(panel: Panel) -> list[Trace]:
    """Vertical lines and shaded stripes of a panel; their names are in the legend."""
    return [_shape(mark) for mark in panel.marks if isinstance(mark, Rule | Span)]


def _shape(mark: Rule | Span) -> Trace:
    shape: Trace = {"yref": "paper", "y0": 0, "y1": 1}
    if isinstance(mark, Rule):
        line = {"color": mark.look.color, "dash": dash(mark.look.line), "width": 1.4}
        return shape | {"x0": mark.x, "x1": mark.x, "line": line}
    colour = _transparent(mark.look.color, mark.look.alpha)
    return shape | {"x0": mark.low, "x1": mark.high, "fillcolor": colour, "line": {"width": 0}}
