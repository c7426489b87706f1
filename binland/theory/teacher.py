"""Teacher-student binary perceptron with i.i.d. inputs (Gyorgyi 1990; Sompolinsky, Tishby and Seung 1990)."""

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
    """The curve of saddle points, computed once."""
    return TeacherStudent()


def teacher_student(alpha: float, branch: Branch = "equilibrium") -> Typical:
    """Typical students that make no error on P = alpha N patterns of a binary teacher.

    Parameters
    ----------
    alpha : float
        P / N, 0 to 10^6.
    branch : {"equilibrium", "metastable"}, default "equilibrium"
        "equilibrium": the state with most solutions, students with R < 1 up to `teacher_transition()` and the teacher
        alone beyond. "metastable": students with R < 1 as long as they exist, up to `teacher_spinodal()`.

    Returns
    -------
    Typical
        ``.generalization_error`` = arccos(R) / pi, ``.entropy`` and ``.overlap``, which is equal to
        ``.teacher_overlap`` R, because the teacher is itself a typical solution.

    Raises
    ------
    InvalidInputError
        If alpha is out of range or the branch is unknown.

    References
    ----------
    Gyorgyi, Phys. Rev. A 41, 7097 (1990). Sompolinsky, Tishby and Seung, Phys. Rev. Lett. 65, 1683 (1990).

    Examples
    --------
    >>> import binland as bl
    >>> round(bl.theory.teacher_student(1.0).generalization_error, 4)
    0.3105
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
    """The P / N from which on the teacher is the only solution, at a first-order transition.

    Returns
    -------
    float
        1.245

    Examples
    --------
    >>> import binland as bl
    >>> round(bl.theory.teacher_transition(), 3)
    1.245
    """
    return teacher_curve().without_entropy()[0].alpha


def teacher_spinodal() -> float:
    """The P / N at which the last metastable students with R < 1 disappear.

    Returns
    -------
    float
        1.493

    Examples
    --------
    >>> import binland as bl
    >>> round(bl.theory.teacher_spinodal(), 3)
    1.493
    """
    return teacher_curve().turn.alpha
