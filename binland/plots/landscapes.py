"""Draw surfaces of a loss landscape, and paths through it, into any axes of matplotlib."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from binland.checks import one_of, true_or_false
from binland.errors import InvalidInputError, shown
from binland.extras import needed_by
from binland.plots.axes import current, next_color
from binland.plots.chart import Axis, Contours, Curve, Float, Look, Panel, Rule, floats

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

LABELS = {
    "losses": "train loss",
    "errors": "train error (%)",
    "test_losses": "test loss",
    "test_errors": "test error (%)",
}
LINES = ("-", "--", "-.", ":")
LEVELS = 20  # colours of contours, about so many
FEW = 5  # ticks of an axis, about so many
MANTISSAS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0))  # of ticks of logarithmic colours, from many decades to few
OUTSIDE = 1e-3  # projection errors below this share are not told


def plot_surface(
    surface: Any,
    ax: "Axes | None" = None,
    values: str = "losses",
    *,
    logarithmic: bool = False,
    names: Sequence[str] | None = None,
) -> "list[Artist]":
    """Draw losses or errors around a solution, as curves along a line or as filled contours in a plane.

    In a plane, solutions are marked with their names, and a trajectory is a dashed line. Both are projected; how far
    outside of the plane they are stands in the title. What lies beyond the grid is not drawn.

    Parameters
    ----------
    surface : Surface
        A result of `db.connectivity.surface` or `db.connectivity.plane_through`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default the current ones of pyplot.
    values : {"losses", "errors", "test_losses", "test_errors"}, default "losses"
        What is drawn. Along a line, "losses" and "errors" are drawn with those on test data, if these are known.
    logarithmic : bool, default False
        Whether colours, or the y axis along a line, are logarithmic; values of zero are drawn as the smallest others.
    names : sequence of str, optional
        Texts at the solutions, by default "0", "1", ...

    Returns
    -------
    list of matplotlib.artist.Artist
        Curves; or the contours, which have a colour bar, and texts.

    Raises
    ------
    InvalidInputError
        If `surface` is none, does not have these values, `ax` are no axes, or there is not one name for each solution.

    Examples
    --------
    >>> import binland as bl
    >>> around = db.connectivity.surface(landscape, solution)  # doctest: +SKIP
    >>> bl.plots.plot_surface(around, logarithmic=True)  # doctest: +SKIP
    """
    if any(getattr(surface, name, None) is None for name in ("losses", "x", "solutions")):
        raise InvalidInputError(f"{type(surface).__name__} is no surface: give what surface or plane_through returns")
    texts = _names(names, len(surface.solutions.coordinates))
    _known(surface, values)
    true_or_false("logarithmic", logarithmic)
    draw = _draw_line if surface.y is None else _draw_plane
    return draw(surface, current(ax), values, logarithmic, texts)


def _label(result: Any, values: str) -> str:
    """What values are, with their unit: losses of networks, which have errors, are in nat, those of a function not."""
    unit = " (nat)" if values.endswith("losses") and getattr(result, "errors", None) is not None else ""
    return f"{LABELS[values]}{unit}"


def _names(names: Any, count: int) -> list[str]:
    """One text for each solution."""
    made = [str(k) for k in range(count)] if names is None else names
    listed = [] if isinstance(made, str) or not isinstance(made, Sequence) else list(made)
    if len(listed) != count or not all(isinstance(name, str) for name in listed):
        raise InvalidInputError(f"names={shown(names)}: give one text for each of the {count} solutions")
    return listed


def _known(result: Any, values: str) -> Float:
    """Values of a surface or path in the unit of their label; raises InvalidInputError if there are none."""
    found = getattr(result, one_of("values", values, tuple(LABELS)), None)
    if found is None:
        there = [name for name in LABELS if getattr(result, name, None) is not None]
        raise InvalidInputError(f"values={values!r}: this {type(result).__name__} has only {', '.join(there)}")
    return floats(found) * (100 if values.endswith("errors") else 1)


def _positive(values: Float, logarithmic: bool) -> Float:
    """Values for a logarithm, with the smallest positive one in place of all that are not; else as they are."""
    if not logarithmic:
        return values
    positive = values[(values > 0) & np.isfinite(values)]
    if not len(positive):
        raise InvalidInputError("no value is positive, so that none has a logarithm; leave logarithmic out")
    return np.where(values > 0, values, np.where(np.isnan(values), np.nan, positive.min()))


def _draw_line(surface: Any, axes: "Axes", values: str, logarithmic: bool, names: list[str]) -> "list[Artist]":
    """Curves on train and test data, and vertical lines at all solutions but the first, which is at 0."""
    other = f"test_{values}"
    drawn = [values, *([other] if getattr(surface, other, None) is not None else [])]
    curves = [_curve(surface, name, LABELS[name], axes, k, logarithmic) for k, name in enumerate(drawn)]
    places = surface.solutions.coordinates[1:, 0]
    inside = [(x, name) for x, name in zip(places.tolist(), names[1:], strict=True) if abs(x) <= surface.x[-1]]
    rules = [Rule(x, name, Look("#777777", line=":")) for x, name in inside]
    text = _label(surface, values)
    label = Axis(text.replace("train ", "") if len(drawn) > 1 else text, log=logarithmic)
    artists = Panel("surface", Axis("direction 1"), label, [*curves, *rules], title=_caption(surface)).draw(axes)
    if len(artists) > 1:
        axes.legend()
    return artists


def _curve(result: Any, values: str, name: str, axes: "Axes", k: int, logarithmic: bool) -> Curve:
    """A curve of a surface or path, in a colour and line style of its own."""
    x = result.ts if hasattr(result, "ts") else result.x
    look = Look(next_color(axes), line=LINES[k % len(LINES)])
    y = _positive(_known(result, values), logarithmic)
    return Curve(floats(x), np.where(np.isfinite(y), y, np.nan), look=look, name=name)


def _draw_plane(surface: Any, axes: "Axes", values: str, logarithmic: bool, names: list[str]) -> "list[Artist]":
    """Filled contours with a colour bar, marks of the solutions, and the trajectory."""
    z = _positive(_known(surface, values), logarithmic)
    z = np.where(np.isfinite(z), np.log10(z) if logarithmic else z, np.nan)
    marks = zip(names, surface.solutions.coordinates.tolist(), strict=True)
    points = [(name, x, y) for name, (x, y) in marks if _inside(x, surface.x) and _inside(y, surface.y)]
    lines = [] if surface.trajectory is None else [surface.trajectory.coordinates]
    contours = Contours(floats(surface.x), floats(surface.y), z, points, lines)
    plane = getattr(surface, "kind", "") == "plane"
    labels = (f"along {names[0]} to {names[1]}", "perpendicular to it") if plane else ("direction 1", "direction 2")
    panel = Panel("surface", Axis(labels[0]), Axis(labels[1]), [contours], title=_caption(surface), equal=plane)
    with needed_by("drawing", "plot"):
        from matplotlib.ticker import MaxNLocator

        from binland.plots.draw import draw_panel
    if not np.isfinite(z).any():
        raise InvalidInputError(f"no {LABELS[values]} is a finite number; take a smaller extent")
    levels = MaxNLocator(LEVELS).tick_values(float(np.nanmin(z)), float(np.nanmax(z)))
    artists = draw_panel(panel, axes, floats(levels))
    axes.set(xlim=(surface.x[0], surface.x[-1]), ylim=(surface.y[0], surface.y[-1]))
    axes.locator_params(nbins=FEW)
    bar = axes.figure.colorbar(artists[0], ax=axes, label=_label(surface, values))  # type: ignore[arg-type]
    if logarithmic:
        bar.set_ticks(np.log10(_round_numbers(10 ** levels[0], 10 ** levels[-1])).tolist())
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{10**value:.3g}")
        bar.ax.minorticks_off()
    return artists


def _round_numbers(low: float, high: float) -> Float:
    """A few round numbers between two positive ones: powers of ten, with some of their multiples between close ends."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for mantissas in MANTISSAS:
        ticks = np.outer(powers, mantissas).ravel()
        inside = ticks[(low * (1 - 1e-9) <= ticks) & (ticks <= high * (1 + 1e-9))]
        if len(inside) >= FEW - 1:
            return floats(inside[:: -(-len(inside) // (2 * FEW))])
    from matplotlib.ticker import MaxNLocator

    steps = floats(MaxNLocator(FEW).tick_values(low, high))
    return steps[(low <= steps) & (steps <= high)]


def _inside(place: float, axis: Float) -> bool:
    return bool(axis[0] <= place <= axis[-1])


def _caption(surface: Any) -> str:
    """How far what is marked lies outside of the line or plane, as a share of its distance from the origin."""
    where = "line" if surface.y is None else "plane"
    told = []
    for name in ("solutions", "trajectory"):
        marks = getattr(surface, name, None)
        if marks is not None and len(marks.relative) and marks.relative.max() > OUTSIDE:
            told.append(f"{name} up to {_percent(float(marks.relative.max()))} % outside of the {where}")
    return "; ".join(told)


def _percent(share: float) -> str:
    """A share in percent, with two digits."""
    return f"{100 * share:.0f}" if share >= 0.1 else f"{100 * share:.2g}"


def plot_landscape_path(
    paths: Any,
    ax: "Axes | None" = None,
    values: str = "losses",
    *,
    logarithmic: bool = False,
) -> "list[Artist]":
    """Draw losses or errors along one path through a landscape, or along several of different methods.

    Parameters
    ----------
    paths : LandscapePath, or sequence or dict of them
        Results of `db.connectivity.autoneb` and others. In a legend they have the names of the dict, by default those
        of their methods.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default the current ones of pyplot.
    values : {"losses", "errors", "test_losses", "test_errors"}, default "losses"
        What is drawn against the place on the path.
    logarithmic : bool, default False
        Whether the y axis is logarithmic; values of zero are drawn as the smallest others.

    Returns
    -------
    list of matplotlib.artist.Artist
        A curve for each path. With more than one there is a legend.

    Raises
    ------
    InvalidInputError
        If `paths` are none, one of them does not have these values, or `ax` are no axes.

    Examples
    --------
    >>> import binland as bl
    >>> path = db.connectivity.autoneb(landscape, start, end)  # doctest: +SKIP
    >>> bl.plots.plot_landscape_path({"AutoNEB": path}, values="errors")  # doctest: +SKIP
    """
    named, axes = _named(paths), current(ax)
    true_or_false("logarithmic", logarithmic)
    curves = [_curve(path, values, name, axes, k, logarithmic) for k, (name, path) in enumerate(named)]
    y = Axis(_label(named[0][1], values), log=logarithmic)
    artists = Panel("landscape_path", Axis("place on the path, by length"), y, curves).draw(axes)
    if len(curves) > 1:
        axes.legend()
    return artists


def _named(paths: Any) -> list[tuple[str, Any]]:
    """Paths with their names."""
    if isinstance(paths, Mapping):
        listed = [(str(name), path) for name, path in paths.items()]
    else:
        several = list(paths) if isinstance(paths, Sequence) and not isinstance(paths, str) else [paths]
        listed = [(str(getattr(path, "kind", k)), path) for k, path in enumerate(several)]
    if not listed or any(np.ndim(getattr(path, "losses", 0)) != 1 or not hasattr(path, "ts") for _, path in listed):
        raise InvalidInputError(f"{shown(paths)}: give a path through a landscape, such as autoneb returns, or several")
    return listed
