"""Figures as data: marks in panels, panels in a chart. Pictures, tables and web pages are made of the same description.

Nothing here knows how it will be drawn. A chart that a measure declares becomes a matplotlib figure (`plots.draw`), a
table (`plots.table`) or an interactive one (`binland.reports`).
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
    """How a mark is drawn.

    color: "#RRGGBB" or a name that HTML and matplotlib share. marker: code of matplotlib, "" for none. line: style of
    matplotlib, "" for none. alpha: opacity in (0, 1]. width, size: of line and marker, in units of the style's. hollow:
    whether markers are empty.
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
    """Points joined by lines, with error bars or a band.

    x, y: (T,) values. error, x_error: (T,) half lengths of error bars, or None. band: whether `error` is a shaded band
    around the curve instead of bars. name: what a legend calls it. labels: what tells it from others, as columns of
    tables: {"algorithm": "SGD", "symmetry": "raw"}. theory: whether it is computed, not measured.
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
        """(T,) upper ends of its error bars, or of its points where there are none."""
        return self.y if self.error is None else self.y + np.nan_to_num(self.error)

    @property
    def highest(self) -> float:
        """The largest of `tops`; 0 where nothing is known."""
        return float(np.nanmax(self.tops, initial=0))


@dataclass(frozen=True)
class Rule:
    """A vertical line at x."""

    x: float
    name: str
    look: Look = Look()


@dataclass(frozen=True)
class Span:
    """Everything between two values of x, shaded."""

    low: float
    high: float
    name: str
    look: Look = Look(alpha=0.12)


@dataclass(frozen=True)
class Contours:
    """A quantity over a plane, as filled contours.

    x, y: (X,), (Y,) coordinates. values: (Y, X). points: (text, x, y) of places with a name in them. lines: (T, 2)
    coordinates of lines that are drawn over it.
    """

    x: Float
    y: Float
    values: Float
    points: Sequence[tuple[str, float, float]] = ()
    lines: Sequence[Float] = ()


@dataclass(frozen=True)
class Triangle:
    """A quantity over a triangle, as filled contours. places: (T, 2). values: (T,). points: as of `Contours`."""

    places: Float
    values: Float
    points: Sequence[tuple[str, float, float]] = ()


Mark: TypeAlias = Curve | Rule | Span | Contours | Triangle


@dataclass(frozen=True)
class Axis:
    """An axis of a panel.

    log: whether it is logarithmic. ticks: values and texts; None leaves them to the drawing. low, high: where it ends;
    None leaves it open. zero: whether it begins at zero, or below if values are. slanted: whether the texts of
    ticks are long.
    """

    label: str = ""
    log: bool = False
    ticks: Sequence[tuple[float, str]] | None = None
    low: float | None = None
    high: float | None = None
    zero: bool = False
    slanted: bool = False


@dataclass(frozen=True)
class Inset:
    """A small panel inside another one. place: left, bottom, width and height in units of the large one."""

    panel: "Panel"
    place: tuple[float, float, float, float]


@dataclass(frozen=True)
class Panel:
    """Marks between two axes.

    name: its word, by which it is asked for; "" if it is only shown in its chart. order: its place in the overview.
    top: a second axis above. equal: whether both axes have the same unit. note: a text in the middle, for a panel that
    has nothing to show yet.
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
        """The largest x of its curves."""
        return max((float(np.max(curve.x)) for curve in self.curves if len(curve.x)), default=0.0)

    def draw(self, ax: "Axes | None" = None) -> "list[Artist]":
        """Draw it into axes of matplotlib, by default the current ones; returns the artists of its marks."""
        with needed_by("drawing", "plot"):
            from binland.plots.draw import drawn_in
        return drawn_in(self, ax)

    def table(self) -> "pd.DataFrame":
        """Everything that it shows as a table, one row per point; see `binland.plots.table.table_of`."""
        from binland.plots.table import table_of

        return table_of(self)

    def plus(self, marks: Sequence[Mark]) -> "Panel":
        """The panel with more marks over those that it has."""
        return replace(self, marks=[*self.marks, *marks])


@dataclass(frozen=True)
class Entry:
    """A line of the legend."""

    name: str
    look: Look


class Headline(NamedTuple):
    """What a figure is of: a title, and facts such as sizes and what error bars are."""

    title: str = ""
    facts: str = ""


@dataclass(frozen=True)
class Chart:
    """A figure: panels in rows, a headline above, one legend below.

    columns: panels in a row; a narrow page has fewer, unless `grid` says that rows and columns mean something. size:
    width and height in inches of a panel on a page of usual size. entries: lines of the legend.
    levels: of filled contours, the same in all panels; color_label: what they are. share_y: whether all panels have the
    same y axis.
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
        """Its entries, then what theory its panels show."""
        marks = [mark for panel in self.panels for mark in panel.marks]
        theory = [mark for mark in marks if isinstance(mark, Rule | Span) or (isinstance(mark, Curve) and mark.theory)]
        names = dict.fromkeys(mark.name for mark in theory)
        return [*self.entries, *(_entry([mark for mark in theory if mark.name == name]) for name in names)]


def _entry(same: Sequence[Curve | Rule | Span]) -> Entry | Span:
    """Marks of one name in a legend: black if their colours differ."""
    first = same[0]
    if isinstance(first, Span):
        return first
    colours = {mark.look.color for mark in same}
    return Entry(first.name, first.look if len(colours) == 1 else replace(first.look, color="black"))


def floats(values: ArrayLike) -> Float:
    """As an array of float64."""
    return np.asarray(values, np.float64)


def levels_up_to(highest: float, count: int) -> Float:
    """Round values from zero to at least `highest`, about so many, for filled contours."""
    step = max(highest, 1e-3) / count
    power = 10.0 ** np.floor(np.log10(step))
    step = power * next(nice for nice in (1, 2, 2.5, 5, 10) if nice * power >= step * (1 - 1e-9))
    return floats(step * np.arange(int(np.ceil(max(highest, 1e-3) / step - 1e-9)) + 1))
