"""The paper's overview figure (Fig. 6, committee machine; Fig. 18, perceptron): panels of the measures."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from binland.plots.legend import algorithm_entries, framed
from binland.plots.results import Results, read
from binland.plots.style import counted, error_bar_text, headline, saved, short

WIDTH, HEIGHT = 9.6, 3.65  # inches of two panels, without headline and legend


def plot_overview(path: str | Path, out: str | Path) -> list[Path]:
    """Draw local energies, test errors, Hamming distances and barriers of a sweep; returns the PNG and PDF paths.

    Points are means over all samples; error bars are described by `mean_and_error` and named in the figure.
    Raises StoreError if the file is missing, foreign or holds no finished task yet, InvalidInputError if `out` cannot
    be written.
    """
    from binland.plots.of_file import measures_of

    results = read(path)
    written = []
    for ending, part in results.slices():
        written += saved(draw_overview(part, measures_of(results)), results, out, ending)
    return written


def draw_overview(results: Results, measures: dict[str, Any]) -> Figure:
    """Every panel that a measure has, two in a row."""
    panels = sorted(
        (panel for measure in measures.values() for panel in measure.panels(results)), key=lambda one: one[0]
    )
    rows = max(1, -(-len(panels) // 2))
    figure = Figure((WIDTH, HEIGHT * rows), layout="constrained")
    places = list(np.atleast_1d(figure.subplots(rows, 2)).flat)
    for place, (_, draw) in zip(places, panels, strict=False):
        draw(place, results)
    for place in places[len(panels) :]:
        place.set_axis_off()
    sizes = results.data.sizes
    counts = [counted(sizes["solution"], "solution")]
    counts += [counted(sizes["pair"], "directed pair")] if "pair" in sizes else []
    counts += [counted(sizes["order"], "order")] if "order" in sizes else []
    about = headline(
        results, results.words_of({}), f"{', '.join(counts)};", f"{error_bar_text(results.data)}.", inches=WIDTH
    )
    return framed(figure, about, algorithm_entries(results, {label: short(label) for label in results.labels}))
