"""Headline above and legend below the panels of a figure, which becomes higher to make room for them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from binland.plots.chart import Chart, Entry, Look, Span
from binland.plots.letters import any_letters, wrapped, written
from binland.plots.looks import in_matplotlib

COLUMN_GAP = 2.0  # between columns of the legend, in letters


def framed(figure: Figure, chart: Chart, title: bool = True) -> Figure:
    """Add headline and legend to a figure; its panels keep their height."""
    added: list[Legend | Text] = []
    if title:
        added.append(figure.suptitle(_headline(chart, figure.get_figwidth()), fontsize=0.9 * rcParams["font.size"]))
    entries = chart.legend
    if entries:
        added.append(_fitting(figure, entries))
    inches = sum(_size(one, figure)[1] for one in added)
    figure.set_figheight(figure.get_figheight() + inches)
    return figure


def _headline(chart: Chart, inches: float) -> str:
    """Title and facts, broken into lines that fit a width in inches."""
    return "\n".join(written(wrapped(text, inches, 0.9 * rcParams["font.size"])) for text in chart.headline)


def _fitting(figure: Figure, entries: Sequence[Entry | Span]) -> Legend:
    """A legend below the panels, with as many columns as fit."""
    handles = [_handle(entry) for entry in entries]
    texts = [wrapped(entry.name, figure.get_figwidth() - 0.8) for entry in entries]
    widest = _legend(figure, handles, texts, 1)
    letters = rcParams["font.size"] / 72
    columns = figure.get_figwidth() // (_size(widest, figure)[0] + COLUMN_GAP * letters)
    widest.remove()
    return _legend(figure, handles, texts, int(min(max(columns, 1), len(entries))))


def _handle(entry: Entry | Span) -> Line2D | Patch:
    if isinstance(entry, Span):
        return Patch(color=entry.look.color, alpha=entry.look.alpha, linewidth=0)
    return Line2D([], [], **in_matplotlib(_smaller(entry.look)))


def _smaller(look: Look) -> Look:
    """The look with markers that are no larger than letters."""
    return replace(look, size=min(look.size, 1.0))


def _size(drawn: Legend | Text, figure: Figure) -> tuple[float, float]:
    """Width and height of a legend or text in inches."""
    with any_letters():
        box = drawn.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    return box.width / figure.dpi, box.height / figure.dpi


def _legend(figure: Figure, handles: Sequence[Any], texts: Sequence[str], columns: int) -> Legend:
    places = list(map(str, range(len(texts))))  # numbers as labels: matplotlib leaves out those that begin with _
    legend = figure.legend(
        handles,
        places,
        loc="outside lower center",
        ncols=columns,
        fontsize=0.9 * rcParams["font.size"],
        columnspacing=COLUMN_GAP,
        handlelength=3.5,
    )
    for shown, text in zip(legend.get_texts(), texts, strict=True):
        shown.set_text(written(text))
    return legend
