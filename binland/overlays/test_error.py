"""Generalisation error of typical solutions by replica theory, over the test errors of perceptrons."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from binland.overlays.kinds import perceptrons_on
from binland.plots.chart import Curve, Look, Mark, Panel
from binland.sweep.contracts.overlay import Overlay
from binland.theory.manifold import LARGEST, LARGEST_T, SMALLEST_T, hidden_manifold
from binland.theory.teacher import teacher_student
from binland.theory.typical import Typical


class TestErrors(Overlay):
    """Base: a curve against what is swept, left out where there are typically no solutions."""

    panel = "test_error"
    kind: str  # of the data
    coordinates: tuple[str, ...]  # from which alpha, ... follow

    def applies(self, results: Any) -> bool:
        """Whether it is a sweep of perceptrons on such data, with two or more values of the coordinates."""
        settings, axes = results.settings, results.axes
        binary = settings.get("data", {}).get("teacher_kind", "binary") == "binary"
        if not perceptrons_on(results, self.kind) or not binary or len(axes) != 1 or len(axes[0].values) < 2:
            return False
        return all(results.data[name].dims == (axes[0].name,) for name in self.coordinates)

    def typical(self, *values: float) -> Typical:
        """Typical solutions at given coordinates."""
        raise NotImplementedError

    def marks(self, results: Any, panel: Panel, at: Mapping[str, float]) -> list[Mark]:
        """A line, in %."""
        from binland.plots.overlay import along, places

        columns = [along(results, name) for name in self.coordinates]
        errors = [_error(self.typical(*values)) for values in zip(*columns, strict=True)]
        name = "typical solutions, replica theory"
        return [Curve(places(results), 100 * np.array(errors), look=Look(), name=name, theory=True)]


def _error(typical: Typical) -> float:
    return typical.generalization_error if typical.converged and typical.entropy >= 0 else math.nan


class ManifoldErrors(TestErrors):
    """Typical errors on the Hidden Manifold Model."""

    name, kind, coordinates = (
        "hidden-manifold-errors",
        "hidden-manifold",
        ("constraint_density", "overparameterization"),
    )

    def typical(self, *values: float) -> Typical:
        """Typical solutions, with alpha_T = P / D = alpha N / D."""
        alpha, ratio = values
        return hidden_manifold(min(alpha, LARGEST), min(max(alpha * ratio, SMALLEST_T), LARGEST_T))


class TeacherErrors(TestErrors):
    """Typical errors with a binary teacher."""

    name, kind, coordinates = "teacher-errors", "teacher", ("constraint_density",)

    def typical(self, *values: float) -> Typical:
        """Typical students in equilibrium."""
        (alpha,) = values
        return teacher_student(alpha)


MANIFOLD_ERRORS = ManifoldErrors()
TEACHER_ERRORS = TeacherErrors()
