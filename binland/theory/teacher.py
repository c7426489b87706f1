"""A binary perceptron that learns from another one with i.i.d. inputs.

Gyorgyi 1990; Sompolinsky, Tishby and Seung 1990.
"""

import math
from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np

from binland.checks import number_between, one_of
from binland.theory.curve import Curve, Point
from binland.theory.gaussian import Array, hazard, log_tail, log_two_cosh, nodes, tail
from binland.theory.storage import DENSITY
from binland.theory.typical import Typical, of_point, unsolved

Branch = Literal["equilibrium", "metastable"]


class TeacherStudent(Curve):
    """phi = -q_hat (1 + q) / 2 + E ln 2cosh(sqrt(q_hat) z + q_hat) + 2 alpha E H(a) ln H(a), a = -sqrt(q / (1 - q)) z.

    The teacher is itself a typical solution, so that R = q.
    """

    largest = 4.0

    def point(self, conjugate: float) -> Point:
        """From q = E tanh^2(sqrt(q_hat) z + q_hat) and q_hat = 2 alpha / (1 - q) E G(a)^2 / H(a)."""
        z, weights = nodes(1 / math.sqrt(conjugate))
        fields = math.sqrt(conjugate) * z + conjugate
        q, rest = (
            float(weights @ np.tanh(fields) ** 2),
            float(weights @ np.exp(2 * (math.log(2) - log_two_cosh(fields)))),
        )
        a, weights_a = _stretched(math.sqrt(q / rest))
        alpha = conjugate * rest / float(2 * weights_a @ (tail(a) * hazard(a) ** 2))
        entropy = float(weights @ log_two_cosh(fields)) - conjugate * (1 + q) / 2
        return Point(alpha, q, conjugate, entropy + 2 * alpha * float(weights_a @ (tail(a) * log_tail(a))))


def _stretched(factor: float) -> tuple[Array, Array]:
    """Points a = -factor z and weights of z, of functions that vanish for large |a|."""
    z, _ = nodes()
    a = min(1.0, factor) * z
    return a, (a[1] - a[0]) * np.exp(-((a / factor) ** 2) / 2) / (factor * math.sqrt(2 * math.pi))


@cache
def teacher_curve() -> TeacherStudent:
    """Computed once."""
    return TeacherStudent()


def teacher_student(alpha: float, branch: Branch = "equilibrium") -> Typical:
    """Typical students that make no error on P = alpha N patterns of a binary teacher with i.i.d. inputs.

    alpha: P / N >= 0. branch: "equilibrium", the state with most solutions, which is students with R < 1 up to
    `teacher_transition()` and the teacher alone beyond it; "metastable", students with R < 1 as long as the equations
    have them, up to `teacher_spinodal()`. Since the teacher is a typical solution, overlap q and teacher_overlap R are
    equal.
    Raises InvalidInputError on another alpha or branch.

    >>> import binland as bl
    >>> bl.theory.teacher_student(2.0).generalization_error
    0.0
    """
    density = number_between("alpha", alpha, 0, DENSITY)
    metastable = one_of("branch", branch, ("equilibrium", "metastable")) == "metastable"
    points = teacher_curve().saddle_points(density)
    if points and (points[0].entropy >= 0 or metastable):
        return _student(points[0], "metastable: the teacher alone has more weight" if points[0].entropy < 0 else "")
    if metastable:
        return unsolved(density, f"students with R < 1 end at alpha = {teacher_spinodal():.6g}; take the equilibrium")
    return _student(Point(density, 1.0, math.inf, 0.0), "only the teacher itself is left")


def _student(point: Point, advice: str = "") -> Typical:
    error = math.acos(point.overlap) / math.pi
    return replace(of_point(point, advice), teacher_overlap=point.overlap, generalization_error=error)


def teacher_transition() -> float:
    """P / N = 1.245, from where on the teacher is the only solution: a first-order transition."""
    return teacher_curve().without_entropy()[0].alpha


def teacher_spinodal() -> float:
    """P / N = 1.493, where the last metastable students with R < 1 disappear."""
    return teacher_curve().turn.alpha
