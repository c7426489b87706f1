"""Figures described as data, without matplotlib: a chart has panels, and a panel has marks such as curves.

A measure describes its figures with these classes. Such a description becomes a figure of matplotlib (`plots.draw`), a
table of numbers (`plots.table`) or an interactive figure of an HTML report (`binland.reports`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from binland.extras import needed_by

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

Float = NDArray[np.float64]
LineStyle: TypeAlias = (
    str | tuple[int, tuple[float, ...]]
)  # as in matplotlib: a name, or an offset and dashes in points


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of a mark.

    Parameters
    ----------
    color : str, default "black"
        "#RRGGBB", or a name that both HTML and matplotlib know.
    marker : str, default ""
        Marker of matplotlib such as "o", or "" for none.
    line : str or tuple, default "-"
        Line style of matplotlib: "-", "--", "-.", ":", or (offset, lengths of dashes and gaps in points); "" for none.
    alpha : float, default 1.0
        Opacity in (0, 1].
    width : float, default 1.0
        Width of the line, in units of that of the page's style.
    size : float, default 1.0
        Size of the marker, in units of that of the page's style.
    hollow : bool, default False
        Whether markers are white inside.

    Examples
    --------
    >>> import binland as bl
    >>> bl.plots.Look("#0072B2", marker="o", line="--").width
    1.0
    """

    color: str = "black"
    marker: str = ""
    line: LineStyle = "-"
    alpha: float = 1.0
    width: float = 1.0
    size: float = 1.0
    hollow: bool = False


@dataclass(frozen=True)
class Curve:
    """Points joined by a line, with error bars or a shaded band.

    Parameters
    ----------
    x, y : (T,) float64
        Coordinates of the points, in the units of the axes.
    error : (T,) float64, optional
        Half lengths of vertical error bars, in the units of y.
    x_error : (T,) float64, optional
        Half lengths of horizontal error bars, in the units of x.
    look : Look, optional
        Colour, marker and line; a black line by default.
    name : str, default ""
        Its name in a legend.
    labels : dict of str, optional
        Facts that distinguish it from the other curves of the panel, such as {"algorithm": "SGD", "symmetry": "raw"};
        they become columns of tables.
    band : bool, default False
        Whether `error` is drawn as a shaded band instead of bars.
    theory : bool, default False
        Whether the curve is computed by theory; then the legend shows its name.

    Examples
    --------
    >>> import binland as bl, numpy as np
    >>> curve = bl.plots.Curve(np.array([1.0, 2.0]), np.array([3.0, 2.5]), error=np.array([0.5, 0.25]))
    >>> curve.highest
    3.5
    """

    x: Float
    y: Float
    error: Float | None = None
    x_error: Float | None = None
    look: Look = Look()
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    band: bool = False
    theory: bool = False

    @property
    def tops(self) -> Float:
        """(T,) upper ends of the error bars; y itself where there are none."""
        return self.y if self.error is None else self.y + np.nan_to_num(self.error)

    @property
    def highest(self) -> float:
        """The largest of `tops`, at least 0; 0 without any finite value."""
        return float(np.nanmax(self.tops, initial=0))


@dataclass(frozen=True)
class Rule:
    """A vertical line across a panel, for example at a threshold.

    Parameters
    ----------
    x : float
        Where it is, in the units of the x axis.
    name : str
        Its name in the legend.
    look : Look, optional
        Colour and line; a black line by default.

    Examples
    --------
    >>> import binland as bl
    >>> rule = bl.plots.Rule(0.83, "capacity", bl.plots.Look(line="--"))
    """

    x: float
    name: str
    look: Look = Look()


@dataclass(frozen=True)
class Span:
    """A shaded stripe between two values of x.

    Parameters
    ----------
    low, high : float
        Left and right end, in the units of the x axis.
    name : str
        Its name in the legend.
    look : Look, optional
        Colour and opacity; light grey by default.

    Examples
    --------
    >>> import binland as bl
    >>> span = bl.plots.Span(0.75, 0.77, "best solvers")
    """

    low: float
    high: float
    name: str
    look: Look = Look(alpha=0.12)


@dataclass(frozen=True)
class Contours:
    """Filled contours of a quantity over a plane.

    Parameters
    ----------
    x : (X,) float64
        Coordinates of the columns.
    y : (Y,) float64
        Coordinates of the rows.
    values : (Y, X) float64
        The quantity.
    points : sequence of (str, float, float), default ()
        Text, x and y of places that are marked with a short text in a circle.
    lines : sequence of (T, 2) float64 arrays, default ()
        Coordinates x and y of dashed lines drawn over the contours.

    Examples
    --------
    >>> import binland as bl, numpy as np
    >>> x = y = np.linspace(-1, 1, 11)
    >>> bowl = bl.plots.Contours(x, y, x**2 + y[:, None] ** 2, points=[("0", 0.0, 0.0)])
    """

    x: Float
    y: Float
    values: Float
    points: Sequence[tuple[str, float, float]] = ()
    lines: Sequence[Float] = ()


@dataclass(frozen=True)
class Triangle:
    """Filled contours over a triangle: values (T,) at the places (T, 2) of x and y. points: as in `Contours`."""

    places: Float
    values: Float
    points: Sequence[tuple[str, float, float]] = ()


@dataclass(frozen=True)
class Dots:
    """Points at the places (T, 2) of x and y, coloured by values (T,). points: as in `Contours`."""

    places: Float
    values: Float
    points: Sequence[tuple[str, float, float]] = ()


Mark: TypeAlias = Curve | Rule | Span | Contours | Triangle | Dots


@dataclass(frozen=True)
class Axis:
    """An axis of a panel.

    Parameters
    ----------
    label : str, default ""
        What stands along it, with its unit.
    log : bool, default False
        Whether it is logarithmic.
    ticks : sequence of (float, str), optional
        Values and texts of the ticks; chosen by matplotlib or plotly if it is None.
    low, high : float, optional
        Where the axis ends; it follows the values if they are None.
    zero : bool, default False
        Whether it begins at zero, or below it if values are negative.
    slanted : bool, default False
        Whether the texts of the ticks are written at an angle because they are long.
    linear : float, optional
        Of a y axis without `log`: values far below this size are drawn on a linear scale, values far above on a
        logarithmic one, so that zero and large values can both be read; places are arcsinh(y / linear). Ticks have to
        be given.

    Examples
    --------
    >>> import binland as bl
    >>> bl.plots.Axis("train error (%)", zero=True).log
    False
    """

    label: str = ""
    log: bool = False
    ticks: Sequence[tuple[float, str]] | None = None
    low: float | None = None
    high: float | None = None
    zero: bool = False
    slanted: bool = False
    linear: float | None = None


@dataclass(frozen=True)
class Inset:
    """A small panel inside another one. place: left, bottom, width and height as shares of the large one."""

    panel: "Panel"
    place: tuple[float, float, float, float]


@dataclass(frozen=True)
class Panel:
    """Marks between two axes: one part of a figure.

    Parameters
    ----------
    name : str
        Name by which `bl.plots.plot_panel` and ``binland plot --panel`` find it; "" for a panel that is drawn only
        with its chart.
    x, y : Axis
        The axes.
    marks : sequence of Curve, Rule, Span or Contours
        What is drawn, the first one lowest.
    order : int, default 0
        Place in the overview figure: panels are drawn in increasing order.
    title : str, default ""
        Text above the panel.
    top : Axis, optional
        A second x axis, above the panel.
    inset : Inset, optional
        A small panel inside this one.
    equal : bool, default False
        Whether a unit of x is drawn as long as a unit of y.
    framed : bool, default True
        Whether axes and frame are drawn.
    note : str, default ""
        Text in the middle, for a panel that has nothing to show yet.

    Examples
    --------
    >>> import binland as bl, numpy as np
    >>> curve = bl.plots.Curve(np.array([1.0, 2.0]), np.array([30.0, 25.0]), name="SGD")
    >>> panel = bl.plots.Panel("test_error", bl.plots.Axis("N / D"), bl.plots.Axis("test error (%)"), [curve])
    >>> panel.table()[["curve", "x", "y"]]
      curve    x     y
    0   SGD  1.0  30.0
    1   SGD  2.0  25.0
    """

    name: str
    x: Axis
    y: Axis
    marks: Sequence[Mark]
    order: int = 0
    title: str = ""
    top: Axis | None = None
    inset: Inset | None = None
    equal: bool = False
    framed: bool = True
    note: str = ""

    @property
    def curves(self) -> list[Curve]:
        """The curves among the marks."""
        return [mark for mark in self.marks if isinstance(mark, Curve)]

    @property
    def right(self) -> float:
        """The largest x of its curves; 0 if there is none."""
        return max((float(np.max(curve.x)) for curve in self.curves if len(curve.x)), default=0.0)

    def draw(self, ax: "Axes | None" = None) -> "list[Artist]":
        """Draw the panel with matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw into; by default the current ones of pyplot.

        Returns
        -------
        list of matplotlib.artist.Artist
            Lines, error bars, contours and texts.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is not installed.
        """
        with needed_by("drawing", "plot"):
            from binland.plots.draw import drawn_in
        return drawn_in(self, ax)

    def table(self) -> "pd.DataFrame":
        """Make a table of everything that the panel shows.

        Returns
        -------
        pandas.DataFrame
            One row per point. Columns are the panel and the labels of its axes, the labels of the curves (algorithm,
            symmetry, ...), the name of the curve, x, y and ``error``, the half length of its error bar; ``inset``,
            ``x_error`` and ``value`` (of contours) are there if the panel has some.
        """
        from binland.plots.table import table_of

        return table_of(self)

    def plus(self, marks: Sequence[Mark]) -> "Panel":
        """Make a panel with more marks.

        Parameters
        ----------
        marks : sequence of Curve, Rule, Span or Contours
            Marks to draw over those that the panel has.

        Returns
        -------
        Panel
            A new panel; this one does not change.
        """
        return replace(self, marks=[*self.marks, *marks])


@dataclass(frozen=True)
class Entry:
    """A line of a legend: its text, and the look that is shown beside it."""

    name: str
    look: Look


class Headline(NamedTuple):
    """Text above a figure: a title, and facts such as numbers of solutions and what error bars are."""

    title: str = ""
    facts: str = ""


@dataclass(frozen=True)
class Chart:
    """A figure: panels in rows, a headline above them, and one legend below them.

    Parameters
    ----------
    panels : sequence of Panel
        The panels, row by row from left to right.
    headline : Headline
        Title and facts, two texts.
    entries : sequence of Entry, default ()
        Lines of the legend; names of curves of theory, rules and spans are added to them.
    columns : int, default 2
        Panels in a row; a narrow page has fewer.
    size : tuple of float, default (4.8, 3.65)
        Width and height of a panel in inches, on a page without a given width.
    grid : bool, default False
        Whether rows and columns have a meaning, so that a narrow page keeps the number of columns.
    levels : (L,) float64, optional
        Values at which the colours of filled contours change, the same in all panels.
    color_label : str, default ""
        Text beside the colour bar of the contours.
    share_y : bool, default False
        Whether all panels have the same y axis.

    Examples
    --------
    >>> import binland as bl, numpy as np
    >>> from binland.plots.chart import Headline
    >>> axes = bl.plots.Axis("x"), bl.plots.Axis("y")
    >>> marks = [bl.plots.Curve(np.arange(3.0), np.arange(3.0)), bl.plots.Rule(1.0, "threshold")]
    >>> chart = bl.plots.Chart([bl.plots.Panel("line", *axes, marks)], Headline("An example"))
    >>> [entry.name for entry in chart.legend]
    ['threshold']
    """

    panels: Sequence[Panel]
    headline: Headline
    entries: Sequence[Entry] = ()
    columns: int = 2
    size: tuple[float, float] = (4.8, 3.65)
    grid: bool = False
    levels: Float | None = None
    color_label: str = ""
    share_y: bool = False

    @property
    def legend(self) -> list["Entry | Span"]:
        """Lines of the legend: the entries, then curves of theory, rules and spans of the panels, each name once."""
        marks = [mark for panel in self.panels for mark in panel.marks]
        theory = [mark for mark in marks if isinstance(mark, Rule | Span) or (isinstance(mark, Curve) and mark.theory)]
        names = dict.fromkeys(mark.name for mark in theory)
        return [*self.entries, *(_entry([mark for mark in theory if mark.name == name]) for name in names)]


def _entry(same: Sequence[Curve | Rule | Span]) -> Entry | Span:
    """The line of a legend for marks with the same name; black if their colours differ."""
    first = same[0]
    if isinstance(first, Span):
        return first
    colours = {mark.look.color for mark in same}
    return Entry(first.name, first.look if len(colours) == 1 else replace(first.look, color="black"))


def floats(values: ArrayLike) -> Float:
    """Numbers as an array of float64."""
    return np.asarray(values, np.float64)


def levels_up_to(highest: float, count: int) -> Float:
    """Evenly spaced round values from zero to at least `highest`, about `count` of them, as levels of contours."""
    step = max(highest, 1e-3) / count
    power = 10.0 ** np.floor(np.log10(step))
    step = power * next(nice for nice in (1, 2, 2.5, 5, 10) if nice * power >= step * (1 - 1e-9))
    return floats(step * np.arange(int(np.ceil(max(highest, 1e-3) / step - 1e-9)) + 1))
