"""The paper's overview figure (Fig. 6, committee machine; Fig. 18, perceptron): panels of the measures."""

from typing import Any

from binland.plots.chart import Chart
from binland.plots.error_bars import error_bar_text
from binland.plots.results import Results
from binland.plots.style import algorithm_entries
from binland.plots.text import headline, of_sweep


def overview(results: Results, measures: dict[str, Any]) -> Chart:
    """Every panel that a measure has, two in a row."""
    panels = [panel for measure in measures.values() for panel in measure.panels(results)]
    facts = headline(results, results.words_of({}), of_sweep(results), f"{error_bar_text(results.data)}.")
    return Chart(sorted(panels, key=lambda one: one.order), facts, entries=algorithm_entries(results))
