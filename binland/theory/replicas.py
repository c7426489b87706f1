"""Coupled replicas of the binary perceptron with random labels: dense regions of solutions.

y solutions w^a attract each other with the weight exp(gamma / (2 y) sum_i (sum_a w_i^a)^2) (Baldassi et al. 2015 and
2016, who also use a centre). Overlaps: P between two of them, Q between two from independent sets of y. P is given
and fixes gamma, so that the equations stay well-behaved where dense regions are metastable.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import toms748
from scipy.special import gammaln, logsumexp

from binland.checks import number_between, positive_int
from binland.errors import InvalidInputError
from binland.theory.gaussian import hazard, log_tail, nodes
from binland.theory.storage import MARGIN, random_labels

MOST_REPLICAS, LARGEST = 50, 10.0  # of alpha
NEAREST = 1e-3  # distance
STRONGEST = 200.0  # coupling of spins, times y
ROUNDING = 1e-9
SEARCHED = 8  # values of Q on which a sign change is looked for


@dataclass(frozen=True, kw_only=True)
class CoupledReplicas:
    """Typical sets of y solutions at a distance from each other, in the replica-symmetric approximation.

    Attributes
    ----------
    alpha : float
        Constraint density P / N.
    kappa : float
        Margin.
    n_replicas : int
        Number y of solutions in a set.
    distance : float
        Hamming distance of two of them, as a fraction of the weights.
    entropy : float
        S(y) = ln(number of such sets) / (N y), per weight and replica.
    external_entropy : float
        ln(number of regions that such sets lie in) / N, with S = y entropy: S(y) - y (S(y + 1) - S(y)). Negative if y
        is too large, for then there are no such regions.
    coupling : float
        The gamma that brings the replicas to this distance.
    free_entropy : float
        E ln(total weight of all sets) / N at this coupling.
    outer_overlap : float
        Overlap Q of solutions from independent sets.
    converged : bool
        Whether the equations were solved. If not, the results are nan.
    advice : str
        What else to know, in words; empty if nothing.
    """

    alpha: float
    kappa: float
    n_replicas: int
    distance: float
    entropy: float = math.nan
    external_entropy: float = math.nan
    coupling: float = math.nan
    free_entropy: float = math.nan
    outer_overlap: float = math.nan
    converged: bool = True
    advice: str = ""

    @property
    def overlap(self) -> float:
        """Overlap P = w . w' / N of two solutions of a set, 1 - 2 distance."""
        return 1 - 2 * self.distance


def coupled_replicas(alpha: float, n_replicas: int, distance: float, kappa: float = 0.0) -> CoupledReplicas:
    """How many sets of y solutions of the binary perceptron with random labels lie at a distance from each other.

    The larger y, the denser the regions that count. With many replicas the entropy stays positive at small distances,
    where there is nothing around isolated typical solutions.

    Parameters
    ----------
    alpha : float
        P / N, 1e-6 to 10.
    n_replicas : int
        y, 2 to 50; the time grows with it.
    distance : float
        Hamming distance of two of the solutions, as a fraction of the weights, 0.001 to 0.5. It has to be below that of
        independent solutions, else ``.converged`` is False.
    kappa : float, default 0.0
        Margin, -4 to 4.

    Returns
    -------
    CoupledReplicas
        ``.entropy``, ``.external_entropy``, ``.coupling`` and overlaps.

    Raises
    ------
    InvalidInputError
        If a number is out of range.

    References
    ----------
    Baldassi et al., Phys. Rev. Lett. 115, 128101 (2015) and PNAS 113, E7655 (2016).

    Examples
    --------
    >>> import binland as bl
    >>> near = bl.theory.coupled_replicas(0.4, n_replicas=3, distance=0.1)
    >>> round(near.entropy, 4), near.converged
    (0.2651, True)
    """
    density, margin = number_between("alpha", alpha, 1e-6, LARGEST), number_between("kappa", kappa, -MARGIN, MARGIN)
    y, far = positive_int("n_replicas", n_replicas, 2), number_between("distance", distance, NEAREST, 0.5)
    if y > MOST_REPLICAS:
        raise InvalidInputError(f"n_replicas={y} is more than {MOST_REPLICAS}; choose less")
    asked = CoupledReplicas(alpha=density, kappa=margin, n_replicas=y, distance=far, converged=False)
    typical = random_labels(density, margin)
    if typical.converged and typical.overlap > 1 - 2 * far + 1e-9:
        most = (1 - typical.overlap) / 2
        return replace(asked, advice=f"solutions without coupling are at distance {most:.4g}: take a smaller one")
    here, more = (_solved(Equations(density, margin, n, 1 - 2 * far)) for n in (y, y + 1))
    if here is None or more is None:
        return replace(asked, advice="no saddle point: take another distance or alpha")
    if here.entropy > (typical.entropy if typical.converged else math.log(2)) + ROUNDING:
        return replace(
            asked, advice="no sensible saddle point, with more solutions than without coupling: take fewer replicas"
        )
    external = y * (y + 1) * (here.entropy - more.entropy)
    advice = "the external entropy is negative: take fewer replicas" if external < -1e-8 else ""
    advice = "typically there is no such set" if here.entropy < 0 else advice
    return replace(asked, converged=True, **here._asdict(), external_entropy=external, advice=advice)


class Solved(NamedTuple):
    """A saddle point."""

    entropy: float
    coupling: float
    free_entropy: float
    outer_overlap: float


def _solved(equations: "Equations") -> Solved | None:
    """The saddle point of smallest Q."""
    places = equations.inner * np.linspace(0, 1, SEARCHED + 1)[1:]
    gaps = [equations.gap(outer) for outer in places]
    gaps[-1] -= ROUNDING  # without coupling Q = P
    ends = [k for k in range(1, SEARCHED) if gaps[k - 1] > 0 >= gaps[k]]
    if not ends:
        return None
    between, y = places[ends[0] - 1 : ends[0] + 1], equations.y
    outer = float(toms748(equations.gap, *between, xtol=1e-12)) if equations.gap(between[1]) < 0 else equations.inner
    coupling, free_entropy = equations.free_entropy(outer)
    entropy = (free_entropy - coupling / 2 * (1 + (y - 1) * equations.inner)) / y
    return Solved(entropy, coupling, free_entropy, outer)


@dataclass(frozen=True)
class Equations:
    """Saddle-point equations at given alpha, kappa, y and P = inner."""

    alpha: float
    kappa: float
    y: int
    inner: float

    def energetic(self, outer: float) -> tuple[float, float, float]:
        """E_t of ln K_0, (K_1 / K_0)^2 and K_2 / K_0, with K_j = int Dtau g(a)^j H(a)^y over the fields of a pattern.

        a = (kappa - sqrt(Q) t - sqrt(P - Q) tau) / sqrt(1 - P), g = G / H. t is shared by all sets, tau by the replicas
        of one.
        """
        slope = math.sqrt(max(self.inner - outer, 0.0) / (1 - self.inner))
        stiff = 1 + self.y * slope**2
        t, weights = nodes(math.sqrt((1 - outer) / outer))
        z, _ = nodes(1 / math.sqrt(stiff))
        alone = (self.kappa - math.sqrt(outer) * t) / math.sqrt(1 - self.inner)
        tau = (self.y * slope * np.maximum(alone, 0) / stiff)[:, None] + z  # centred where replicas satisfy the pattern
        a = alone[:, None] - slope * tau
        logs = self.y * log_tail(a) - tau**2 / 2 + math.log((z[1] - z[0]) / math.sqrt(2 * math.pi))
        g = hazard(a)
        norm = logsumexp(logs, axis=1)
        law = np.exp(logs - norm[:, None])
        first, second = np.sum(law * g, axis=1), np.sum(law * g**2, axis=1)
        return float(weights @ norm), float(weights @ first**2), float(weights @ second)

    def conjugates(self, outer: float) -> tuple[float, float]:
        """The conjugate order parameters P_hat and Q_hat."""
        _, first, second = self.energetic(outer)
        return self.alpha * second / (1 - self.inner), self.alpha * first / (1 - self.inner)

    def spins(self, pull: float, outer_hat: float) -> tuple[float, float, float]:
        """E_z of ln sum, <S^2> and <S>^2 of the y spins of a site.

        S is their sum, and exp(pull S^2 / 2 + sqrt(Q_hat) z S) their weight; pull = gamma / y + P_hat - Q_hat.
        """
        z, weights = nodes(1 / (self.y * math.sqrt(outer_hat)))
        up = np.arange(self.y + 1)
        sums = 2.0 * up - self.y
        ways = gammaln(self.y + 1) - gammaln(up + 1) - gammaln(self.y - up + 1)
        logs = ways + pull / 2 * sums**2 + math.sqrt(outer_hat) * z[:, None] * sums
        norm = logsumexp(logs, axis=1)
        law = np.exp(logs - norm[:, None])
        return float(weights @ norm), float(weights @ (law @ sums**2)), float(weights @ (law @ sums) ** 2)

    def pull(self, outer_hat: float) -> float:
        """The pull for which the replicas have the overlap P: E <S^2> = y + y (y - 1) P."""
        wanted = self.y + self.y * (self.y - 1) * self.inner
        most = STRONGEST / self.y
        return float(toms748(lambda c: self.spins(c, outer_hat)[1] - wanted, -most, most, xtol=1e-13))

    def gap(self, outer: float) -> float:
        """The next Q minus Q; zero at a saddle point."""
        _, outer_hat = self.conjugates(outer)
        return self.spins(self.pull(outer_hat), outer_hat)[2] / self.y**2 - outer

    def free_entropy(self, outer: float) -> tuple[float, float]:
        """The coupling gamma and the free entropy at it."""
        y, (inner_hat, outer_hat) = self.y, self.conjugates(outer)
        pull = self.pull(outer_hat)
        pairs = -y * (y - 1) / 2 * inner_hat * self.inner + y**2 / 2 * outer_hat * outer - y * inner_hat / 2
        value = pairs + self.spins(pull, outer_hat)[0] + self.alpha * self.energetic(outer)[0]
        return y * (pull - inner_hat + outer_hat), value
