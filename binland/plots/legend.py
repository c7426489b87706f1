"""What surrounds the panels: a headline above, one legend for all below; a figure grows by what they take."""

from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from binland.plots.results import Results
from binland.plots.style import any_letters, opacity, plain, style

SIZE = 8  # points
COLUMN_GAP = 2.0  # in units of SIZE


def framed(figure: Figure, headline: str, entries: Sequence[tuple[Line2D, str]] = (), size: int = 9) -> Figure:
    """The figure with headline and legend; its panels keep the height that they had without."""
    added: list[Legend | Text] = [figure.suptitle(headline, fontsize=size)]
    if entries:
        widest = _legend(figure, entries, 1)
        columns = figure.get_figwidth() // (_size(widest, figure)[0] + COLUMN_GAP * SIZE / 72)
        widest.remove()
        added.append(_legend(figure, entries, int(min(max(columns, 1), len(entries)))))
    inches = sum(_size(one, figure)[1] for one in added)
    figure.set_figheight(figure.get_figheight() + inches)
    return figure


def _size(drawn: Legend | Text, figure: Figure) -> tuple[float, float]:
    """Width and height in inches."""
    with any_letters():
        box = drawn.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    return box.width / figure.dpi, box.height / figure.dpi


def algorithm_entries(results: Results, labels: dict[str, str], with_states: bool = True) -> list[tuple[Line2D, str]]:
    """A line for every algorithm, then those of the symmetry states."""
    entries = [(_sample(**style(results, name)), plain(labels[name])) for name in results.labels]
    return entries + state_entries(results) if with_states else entries


def state_entries(results: Results) -> list[tuple[Line2D, str]]:
    """What is light and what is dark, where several symmetry states are drawn."""
    if len(results.states) < 2:
        return []
    return [(_sample(color="black", alpha=opacity(results, state)), plain(state)) for state in results.states]


def _sample(**look: Any) -> Line2D:
    return Line2D([], [], markersize=5, linewidth=1.3, **look)


def _legend(figure: Figure, entries: Sequence[tuple[Line2D, str]], columns: int) -> Legend:
    handles, texts = zip(*entries, strict=True)
    places = list(map(str, range(len(texts))))  # matplotlib leaves out labels that begin with _
    legend = figure.legend(
        handles,
        places,
        loc="outside lower center",
        ncols=columns,
        fontsize=SIZE,
        columnspacing=COLUMN_GAP,
        handlelength=3.5,
    )
    for written, text in zip(legend.get_texts(), texts, strict=True):
        written.set_text(text)
    return legend
