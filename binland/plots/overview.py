"""The overview figure with a panel for each measured quantity, as Figs. 6 and 18 of the paper."""

from typing import Any

from binland.plots.chart import Chart
from binland.plots.error_bars import error_bar_text
from binland.plots.results import Results
from binland.plots.style import algorithm_entries
from binland.plots.text import headline, of_sweep


def overview(results: Results, measures: dict[str, Any]) -> Chart:
    """The panels of all measures, two in a row."""
    panels = [panel for measure in measures.values() for panel in measure.panels(results)]
    facts = headline(results, results.words_of({}), of_sweep(results), f"{error_bar_text(results.data)}.")
    return Chart(sorted(panels, key=lambda one: one.order), facts, entries=algorithm_entries(results))
