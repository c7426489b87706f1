"""Typical solutions of the spherical perceptron: overlap, entropy, and where replica symmetry describes them."""

import math
from dataclasses import dataclass

from scipy.special import ndtr

from binland.spherical.arguments import checked_alpha, checked_margin
from binland.spherical.saddle import Saddle, densities, marginal, saddles


@dataclass(frozen=True, kw_only=True)
class Typical:
    """Typical solutions at a constraint density and a margin for N to infinity, in the replica-symmetric approximation.

    alpha: P / N. kappa: margin. overlap: q = W . W' / N of two solutions. entropy: ln(fraction of the sphere that they
    fill) / N, 0 or less. stability: the replicon alpha E r'(a)^2; replica symmetry is exact below 1, an approximation
    above. converged: whether the equations have a solution; if not, all three are nan. advice: what else to know, in
    words.
    """

    alpha: float
    kappa: float
    overlap: float
    entropy: float
    stability: float
    converged: bool = True
    advice: str = ""


def typical(alpha: float, kappa: float) -> Typical:
    """Typical solutions with P = alpha N patterns and a margin: the saddle point of the replica-symmetric free entropy.

    alpha: P / N from 0 to 1e6. kappa: margin from -4 to 4: W . xi / sqrt(N) > kappa for every pattern. Where there are
    several saddle points (kappa below -2.85 or so), the one of smallest overlap, which alone goes on to alpha = 0.
    Exact up to `almeida_thouless(kappa)`. Beyond `capacity(kappa)` there is no solution of the equations: look at
    .converged and .advice. Raises InvalidInputError on numbers out of range.
    Source: Gardner, J. Phys. A 21, 257 (1988).

    >>> import binland as bl
    >>> found = bl.spherical.typical(1.0, -0.5)
    >>> round(found.overlap, 4), round(found.entropy, 4), found.advice
    (0.2595, -0.3895, '')
    """
    density, margin = checked_alpha(alpha), checked_margin("kappa", kappa)
    if density == 0:
        return Typical(alpha=0.0, kappa=margin, overlap=0.0, entropy=0.0, stability=0.0)
    found = saddles(density, margin)
    if not found:
        return _unsolved(density, margin)
    first = found[0]
    return Typical(
        alpha=density,
        kappa=margin,
        overlap=first.overlap,
        entropy=first.entropy,
        stability=first.stability,
        advice=_advice(found, margin),
    )


def _unsolved(alpha: float, kappa: float) -> Typical:
    most, nan = max(capacity(kappa), float(densities(kappa).max())), math.nan
    advice = f"no replica-symmetric solution beyond alpha = {most:.6g} at kappa = {kappa:g}: take less patterns"
    return Typical(alpha=alpha, kappa=kappa, overlap=nan, entropy=nan, stability=nan, converged=False, advice=advice)


def _advice(found: list[Saddle], kappa: float) -> str:
    several = f"{len(found)} saddle points, this is the one of smallest overlap" if len(found) > 1 else ""
    line = f"replica symmetry is unstable beyond alpha = {almeida_thouless(kappa):.6g}, so this is an approximation"
    return "; ".join(filter(None, [several, line if found[0].stability > 1 else ""]))


def overlap(alpha: float, kappa: float) -> float:
    """q = W . W' / N of two typical solutions, a root of q = alpha (1 - q) E_z (G(a) / H(a))^2.

    The arguments are those of `typical`, which also says whether the number is exact. nan beyond the capacity.

    >>> import binland as bl
    >>> round(bl.spherical.overlap(0.5, 0.0), 6)
    0.307393
    """
    return typical(alpha, kappa).overlap


def stability(alpha: float, kappa: float) -> float:
    """The replicon alpha E_z r'(a)^2 of the typical solutions, r = G / H: below 1 replica symmetry is stable.

    The arguments are those of `typical`. nan beyond the capacity. Source: de Almeida and Thouless, J. Phys. A 11, 983
    (1978); for this model Gardner (1988).
    """
    return typical(alpha, kappa).stability


def almeida_thouless(kappa: float) -> float:
    """The largest alpha up to which replica symmetry is stable; inf where it is up to the capacity (kappa >= 0).

    kappa: margin from -4 to 4. Raises InvalidInputError on a margin out of range.
    """
    margin = checked_margin("kappa", kappa)
    found = marginal(margin) if margin < 0 else []  # at kappa = 0 the capacity itself is marginal
    return found[0].alpha if found else math.inf


def capacity(kappa: float) -> float:
    """The replica-symmetric capacity: the P / N at which the typical solutions become one, 1 / E (kappa - z)_+^2.

    kappa: margin from -4 to 4. Exact for kappa >= 0 (2 without a margin); for kappa < 0 an upper bound of the true one,
    since replica symmetry is unstable before. Raises InvalidInputError on a margin out of range.
    Source: Gardner (1988); Stojnic, arXiv:1306.3980, for the bound.
    """
    return largest_density(checked_margin("kappa", kappa))


def largest_density(kappa: float) -> float:
    """1 / E (kappa - z)_+^2"""
    density = math.exp(-(kappa**2) / 2) / math.sqrt(2 * math.pi)
    return float(1 / ((1 + kappa**2) * ndtr(kappa) + kappa * density))
