"""Capacities and thresholds over the success rates of perceptrons against P / N."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from binland.overlays.kinds import perceptrons_on
from binland.sweep.contracts.overlay import Overlay
from binland.theory.storage import capacity
from binland.theory.teacher import teacher_spinodal, teacher_transition

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALGORITHMIC = (0.75, 0.77)  # where the best known solvers stop for large N (Baldassi et al. 2015; 2016)


class Thresholds(Overlay):
    """Base: vertical lines at values of P / N."""

    panel = "success"
    kind: str

    def applies(self, results: Any) -> bool:
        """Whether the sweep is of perceptrons on such data, against P / N."""
        longest = max(results.axes, key=lambda axis: len(axis.values), default=None)
        return perceptrons_on(results, self.kind) and longest is not None and longest.key == "data.alpha"

    def line(self, axes: "Axes", value: float, label: str, look: str = "-") -> Any:
        """Draw a line, with its value in the legend."""
        return axes.axvline(value, color="black", linewidth=1.0, linestyle=look, label=f"{label}, {value:.3f}")


class Capacity(Thresholds):
    """The capacity for random labels, and where the best known algorithms stop."""

    name, kind = "capacity", "random-labels"

    def draw(self, axes: "Axes", results: Any, at: Mapping[str, float]) -> list[Any]:
        """Draw both lines."""
        low, high = ALGORITHMIC
        band = axes.axvspan(low, high, color="black", alpha=0.12, linewidth=0, label=f"best solvers, {low} to {high}")
        return [self.line(axes, capacity(), "capacity"), band]


class TeacherThresholds(Thresholds):
    """Thresholds of the teacher-student problem."""

    name, kind = "teacher-thresholds", "teacher"

    def draw(self, axes: "Axes", results: Any, at: Mapping[str, float]) -> list[Any]:
        """Draw the first-order transition and the spinodal."""
        return [
            self.line(axes, teacher_transition(), "only the teacher"),
            self.line(axes, teacher_spinodal(), "spinodal", "--"),
        ]


CAPACITY = Capacity()
TEACHER_THRESHOLDS = TeacherThresholds()
