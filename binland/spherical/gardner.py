"""Typical solutions of the spherical perceptron: overlap, entropy, capacity, stability of replica symmetry."""

import math
from dataclasses import dataclass

from scipy.special import ndtr

from binland.spherical.arguments import checked_alpha, checked_margin
from binland.spherical.saddle import Saddle, densities, marginal, saddles


@dataclass(frozen=True, kw_only=True)
class Typical:
    """Properties of typical solutions for N to infinity, in the replica-symmetric approximation.

    Attributes
    ----------
    alpha : float
        Constraint density P / N.
    kappa : float
        Margin.
    overlap : float
        q = W . W' / N of two typical solutions.
    entropy : float
        ln(fraction of the sphere that solutions fill) / N, 0 or less.
    stability : float
        The replicon alpha E r'(a)^2. Replica symmetry is exact where it is below 1 and an approximation above.
    converged : bool
        Whether the equations have a solution. If not, overlap, entropy and stability are nan.
    advice : str
        What else to know, in words; empty if nothing.
    """

    alpha: float
    kappa: float
    overlap: float
    entropy: float
    stability: float
    converged: bool = True
    advice: str = ""


def typical(alpha: float, kappa: float) -> Typical:
    """Typical solutions of the spherical perceptron at a constraint density and a margin.

    Parameters
    ----------
    alpha : float
        P / N, 0 to 10^6.
    kappa : float
        Margin, -4 to 4: W . xi / sqrt(N) > kappa for every pattern.

    Returns
    -------
    Typical
        ``.overlap``, ``.entropy`` and ``.stability``. Exact up to `almeida_thouless(kappa)`; beyond `capacity(kappa)`
        ``.converged`` is False. Where there are several saddle points (kappa below about -2.85), the one with the
        smallest overlap.

    Raises
    ------
    InvalidInputError
        If a number is out of range.

    References
    ----------
    Gardner, J. Phys. A 21, 257 (1988).

    Examples
    --------
    >>> import binland as bl
    >>> solutions = bl.spherical.typical(1.0, -0.5)
    >>> round(solutions.overlap, 4), round(solutions.entropy, 4), solutions.advice
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
    """Overlap q = W . W' / N of two typical solutions.

    Parameters
    ----------
    alpha : float
        P / N, 0 to 10^6.
    kappa : float
        Margin, -4 to 4.

    Returns
    -------
    float
        The root q of q = alpha (1 - q) E_z (G(a) / H(a))^2, a = (kappa - sqrt(q) z) / sqrt(1 - q); nan where there is
        none. `typical` says whether it is exact.

    Raises
    ------
    InvalidInputError
        If a number is out of range.

    Examples
    --------
    >>> import binland as bl
    >>> round(bl.spherical.overlap(0.5, 0.0), 6)
    0.307393
    """
    return typical(alpha, kappa).overlap


def stability(alpha: float, kappa: float) -> float:
    """Stability of the replica-symmetric solution: the replicon alpha E_z r'(a)^2 with r = G / H.

    Parameters
    ----------
    alpha : float
        P / N, 0 to 10^6.
    kappa : float
        Margin, -4 to 4.

    Returns
    -------
    float
        Below 1 replica symmetry is stable; nan where there is no solution.

    Raises
    ------
    InvalidInputError
        If a number is out of range.

    References
    ----------
    de Almeida and Thouless, J. Phys. A 11, 983 (1978); for this model Gardner, J. Phys. A 21, 257 (1988).

    Examples
    --------
    >>> import binland as bl
    >>> bl.spherical.stability(1.0, -0.5) < 1
    True
    """
    return typical(alpha, kappa).stability


def almeida_thouless(kappa: float) -> float:
    """The alpha up to which replica symmetry is stable at a margin.

    Parameters
    ----------
    kappa : float
        Margin, -4 to 4.

    Returns
    -------
    float
        The largest stable alpha; inf where it is stable up to the capacity (kappa >= 0).

    Raises
    ------
    InvalidInputError
        If the margin is out of range.

    Examples
    --------
    >>> import binland as bl
    >>> bl.spherical.almeida_thouless(-0.5) < bl.spherical.capacity(-0.5)
    True
    """
    margin = checked_margin("kappa", kappa)
    found = marginal(margin) if margin < 0 else []  # at kappa = 0 the capacity itself is marginal
    return found[0].alpha if found else math.inf


def capacity(kappa: float) -> float:
    """The replica-symmetric capacity 1 / E max(0, kappa - z)^2: the alpha at which typical solutions become unique.

    Parameters
    ----------
    kappa : float
        Margin, -4 to 4.

    Returns
    -------
    float
        Exact for kappa >= 0; for kappa < 0 an upper bound, since replica symmetry becomes unstable before.

    Raises
    ------
    InvalidInputError
        If the margin is out of range.

    References
    ----------
    Gardner, J. Phys. A 21, 257 (1988). Bound: Stojnic, arXiv:1306.3980.

    Examples
    --------
    >>> import binland as bl
    >>> bl.spherical.capacity(0.0)
    2.0
    """
    return largest_density(checked_margin("kappa", kappa))


def largest_density(kappa: float) -> float:
    """The replica-symmetric capacity in closed form, 1 / E max(0, kappa - z)^2."""
    density = math.exp(-(kappa**2) / 2) / math.sqrt(2 * math.pi)
    return float(1 / ((1 + kappa**2) * ndtr(kappa) + kappa * density))
