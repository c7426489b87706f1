"""Train and test errors of solutions, `[measure.errors]`. Solutions of every family have .error(patterns)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from binland.sweep.contracts.measure import Arrays, Case, Measure
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
        """Test errors."""
        return [(1, draw_test_errors)]

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """How often training succeeds, where the number of patterns is swept: the capacity."""
        if any(axis.key in ("data.alpha", "data.n_patterns") for axis in results.layout.axes):
            yield "_success", draw_success(results)


def draw_test_errors(axes: "Axes", results: Any) -> None:
    """Test error against the swept setting."""
    from binland.plots.curves import draw_curves
    from binland.plots.overlay import lay_over

    draw_curves(axes, results, "test_error", "test error (%)", scale=100)
    lay_over(axes, results, "test_error")


def draw_success(results: Any) -> "Figure":
    """Share of the runs without a train error, and train error, against the constraint density, a curve for each other
    setting and algorithm."""
    from binland.plots.curves import draw_families
    from binland.plots.overlay import lay_over

    figure = draw_families(
        results,
        (
            ("success rate (share of runs without a train error)", lambda data: data["train_error"] == 0, 1),
            ("train error (%)", lambda data: data["train_error"], 100),
        ),
    )
    lay_over(figure.axes[0], results, "success", legend="above")
    return figure


ERRORS = Errors()
