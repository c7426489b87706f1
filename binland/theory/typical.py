"""What replica theory says of typical solutions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from binland.theory.curve import Point


@dataclass(frozen=True, kw_only=True)
class Typical:
    """Typical solutions of a learning problem for N to infinity, in the replica-symmetric approximation.

    alpha: constraint density P / N. entropy: ln(number of solutions) / N, negative where there are typically none.
    overlap: q = w . w' / N of two solutions. teacher_overlap: R = w . w_T / N with the teacher, nan where there is none
    in the space of the weights. generalization_error: of a solution on new patterns, in [0, 1], nan where there is
    nothing to learn. parameters: the other order parameters, by name (as `overlap_conjugate`).
    converged: whether the equations were solved; if not, all numbers are nan. advice: what else to know, in words.
    """

    alpha: float
    entropy: float
    overlap: float
    teacher_overlap: float = math.nan
    generalization_error: float = math.nan
    parameters: Mapping[str, float] = field(default_factory=dict)
    converged: bool = True
    advice: str = ""


def unsolved(alpha: float, advice: str) -> Typical:
    """Where no solution of the equations was found."""
    return Typical(alpha=alpha, entropy=math.nan, overlap=math.nan, converged=False, advice=advice)


def of_point(point: Point, advice: str = "") -> Typical:
    """A saddle point with one order parameter."""
    parameters = {"overlap_conjugate": point.conjugate}
    return Typical(
        alpha=point.alpha, entropy=point.entropy, overlap=point.overlap, parameters=parameters, advice=advice
    )
