"""Capacities and thresholds over the success rates of perceptrons against P / N."""

from collections.abc import Mapping
from typing import Any

from binland.overlays.kinds import perceptrons_on
from binland.plots.chart import Look, Mark, Panel, Rule, Span
from binland.sweep.contracts.overlay import Overlay
from binland.theory.storage import capacity
from binland.theory.teacher import teacher_spinodal, teacher_transition

ALGORITHMIC = (0.75, 0.77)  # where the best known solvers stop for large N (Baldassi et al. 2015; 2016)


class Thresholds(Overlay):
    """Base: vertical lines at values of P / N."""

    panel = "success"
    kind: str

    def applies(self, results: Any) -> bool:
        """Whether the sweep is of perceptrons on such data, against P / N."""
        longest = max(results.axes, key=lambda axis: len(axis.values), default=None)
        return perceptrons_on(results, self.kind) and longest is not None and longest.key == "data.alpha"

    def line(self, value: float, label: str, line: str = "-") -> Rule:
        """Draw a line, with its value in the legend."""
        return Rule(value, f"{label}, {value:.3f}", Look(width=0.8, line=line))


class Capacity(Thresholds):
    """The capacity for random labels, and where the best known algorithms stop."""

    name, kind = "capacity", "random-labels"

    def marks(self, results: Any, panel: Panel, at: Mapping[str, float]) -> list[Mark]:
        """The capacity, and where algorithms are known to stop."""
        low, high = ALGORITHMIC
        return [self.line(capacity(), "capacity"), Span(low, high, f"best solvers, {low} to {high}")]


class TeacherThresholds(Thresholds):
    """Thresholds of the teacher-student problem."""

    name, kind = "teacher-thresholds", "teacher"

    def marks(self, results: Any, panel: Panel, at: Mapping[str, float]) -> list[Mark]:
        """First-order transition and spinodal."""
        return [self.line(teacher_transition(), "only the teacher"), self.line(teacher_spinodal(), "spinodal", "--")]


CAPACITY = Capacity()
TEACHER_THRESHOLDS = TeacherThresholds()
