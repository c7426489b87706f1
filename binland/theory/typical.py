"""Result type of replica theory: `Typical`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from binland.theory.curve import Point


@dataclass(frozen=True, kw_only=True)
class Typical:
    """Properties of typical solutions for N to infinity, in the replica-symmetric approximation.

    Attributes
    ----------
    alpha : float
        Constraint density P / N.
    entropy : float
        ln(number of solutions) / N; negative where typically there is no solution.
    overlap : float
        q = w . w' / N of two typical solutions.
    teacher_overlap : float
        R = w . w_T / N with the teacher; nan if there is no teacher among the weights.
    generalization_error : float
        Error of a typical solution on new patterns, in [0, 1]; nan if there is nothing to learn.
    parameters : mapping of str to float
        Other order parameters by name, for example "overlap_conjugate".
    converged : bool
        Whether the equations were solved. If not, the numbers above except alpha are nan.
    advice : str
        What else to know, in words; empty if nothing.
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
    """The result where the equations have no solution."""
    return Typical(alpha=alpha, entropy=math.nan, overlap=math.nan, converged=False, advice=advice)


def of_point(point: Point, advice: str = "") -> Typical:
    """The result at a saddle point with one order parameter."""
    parameters = {"overlap_conjugate": point.conjugate}
    return Typical(
        alpha=point.alpha, entropy=point.entropy, overlap=point.overlap, parameters=parameters, advice=advice
    )
