"""Train and test errors of solutions, `[measure.errors]`. Solutions of every family have .error(patterns)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from binland.plots.chart import Chart, Panel
from binland.sweep.contracts.measure import Arrays, Case, Measure
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Variable


class Errors(Measure[Section]):
    """Fractions of patterns with a wrong prediction."""

    name, of, by_default = "errors", 1, True
    Settings = Section

    def variables(self, settings: Section) -> dict[str, Variable]:
        """Stored: train error and test error."""
        return {
            "train_error": Variable((), "f8", "1", "fraction of the training patterns with a wrong label"),
            "test_error": Variable((), "f8", "1", "fraction of the test patterns with a wrong label"),
        }

    def test_patterns(self) -> bool:
        """True: test errors are measured."""
        return True

    def run(self, settings: Section, case: Case) -> Arrays:
        """Count the errors."""
        (solution,) = case.solutions
        return {
            "train_error": np.array(solution.error(case.train)),
            "test_error": np.array(solution.error(case.test)),
        }

    def panels(self, results: Any) -> list[Any]:
        """Test errors against the swept setting."""
        return [test_errors(results)]

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """How often training succeeds, if the number of patterns is swept."""
        if any(axis.key in ("data.alpha", "data.n_patterns") for axis in results.layout.axes):
            yield "_success", success(results)


def test_errors(results: Any) -> Panel:
    """Test error against the swept setting, a curve for each algorithm."""
    from binland.plots.curves import of_algorithms, swept_panel
    from binland.plots.overlay import lay_over

    curves = of_algorithms(results, "test_error", 100)
    return lay_over(swept_panel(results, "test_error", "test error (%)", curves, order=1), results)


def success(results: Any) -> Chart:
    """Share of trainings that reach zero train error, and train error, against the number of patterns or P / N.

    There is a curve for each algorithm and each value of the other swept setting.
    """
    from binland.plots.curves import families
    from binland.plots.overlay import lay_over

    rate = "success rate (share of runs without a train error)"
    chart = families(
        results,
        (
            ("success", rate, lambda data: data["train_error"] == 0, 1),
            ("train_error", "train error (%)", lambda data: data["train_error"], 100),
        ),
    )
    return replace(chart, panels=[lay_over(panel, results) for panel in chart.panels])


ERRORS = Errors()
