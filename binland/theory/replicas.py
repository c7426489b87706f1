"""Coupled replicas of the binary perceptron with random labels: dense regions of solutions.

y solutions w^a attract each other, with the weight exp(gamma / (2 y) sum_i (sum_a w_i^a)^2) (Baldassi et al. 2015 and
2016, who also let a centre do it). Overlaps: P of two of them, Q of two from independent sets of y. Not gamma is given
but P, which fixes gamma: so nothing runs away where dense regions are metastable.
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
SEARCHED = 8  # values of Q, before one is searched for in between


@dataclass(frozen=True, kw_only=True)
class CoupledReplicas:
    """Typical sets of y solutions at a given distance, in the replica-symmetric approximation.

    alpha, kappa, n_replicas, distance: P / N, margin, y and the Hamming distance of two of them, as a fraction.
    entropy: ln(number of such sets) / (N y), per weight and replica. external_entropy: ln(number of regions that they
    lie in) / N, S(y) - y (S(y + 1) - S(y)) for S = y entropy; where it is negative, there are no such regions and y is
    too large. coupling: gamma that brings them to this distance. free_entropy: E ln(weight of all sets) / N at this
    coupling. overlap: P = 1 - 2 distance. outer_overlap: Q of independent sets. converged: whether the
    equations were solved; if not, these numbers are nan. advice: what else to know, in words.
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
        """P = w . w' / N"""
        return 1 - 2 * self.distance


def coupled_replicas(alpha: float, n_replicas: int, distance: float, kappa: float = 0.0) -> CoupledReplicas:
    """How many sets of y solutions of the binary perceptron with random labels are at a given distance of each other.

    alpha: P / N, above 0 and at most 10. n_replicas: y, from 2 to 50; time grows with it. distance: Hamming distance of
    two of them as a fraction, from 0.001 to 0.5. kappa: margin, from -4 to 4. The larger y, the denser the regions that
    count: for many replicas the entropy stays positive at small distances, where isolated typical solutions have none
    (Baldassi et al. 2015). Raises InvalidInputError on numbers out of range.

    >>> import binland as bl
    >>> near = bl.theory.coupled_replicas(0.4, 3, distance=0.1)
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

        a = (kappa - sqrt(Q) t - sqrt(P - Q) tau) / sqrt(1 - P), g = G / H. t is common to all sets, tau to all replicas
        of one.
        """
        slope = math.sqrt(max(self.inner - outer, 0.0) / (1 - self.inner))
        stiff = 1 + self.y * slope**2
        t, weights = nodes(math.sqrt((1 - outer) / outer))
        z, _ = nodes(1 / math.sqrt(stiff))
        alone = (self.kappa - math.sqrt(outer) * t) / math.sqrt(1 - self.inner)
        tau = (self.y * slope * np.maximum(alone, 0) / stiff)[:, None] + z  # around where replicas go to satisfy it
        a = alone[:, None] - slope * tau
        logs = self.y * log_tail(a) - tau**2 / 2 + math.log((z[1] - z[0]) / math.sqrt(2 * math.pi))
        g = hazard(a)
        norm = logsumexp(logs, axis=1)
        law = np.exp(logs - norm[:, None])
        first, second = np.sum(law * g, axis=1), np.sum(law * g**2, axis=1)
        return float(weights @ norm), float(weights @ first**2), float(weights @ second)

    def conjugates(self, outer: float) -> tuple[float, float]:
        """P_hat and Q_hat."""
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
        """Such that the replicas have the overlap P: E <S^2> = y + y (y - 1) P."""
        wanted = self.y + self.y * (self.y - 1) * self.inner
        most = STRONGEST / self.y
        return float(toms748(lambda c: self.spins(c, outer_hat)[1] - wanted, -most, most, xtol=1e-13))

    def gap(self, outer: float) -> float:
        """New Q minus Q."""
        _, outer_hat = self.conjugates(outer)
        return self.spins(self.pull(outer_hat), outer_hat)[2] / self.y**2 - outer

    def free_entropy(self, outer: float) -> tuple[float, float]:
        """gamma, and the free entropy at it."""
        y, (inner_hat, outer_hat) = self.y, self.conjugates(outer)
        pull = self.pull(outer_hat)
        pairs = -y * (y - 1) / 2 * inner_hat * self.inner + y**2 / 2 * outer_hat * outer - y * inner_hat / 2
        value = pairs + self.spins(pull, outer_hat)[0] + self.alpha * self.energetic(outer)[0]
        return y * (pull - inner_hat + outer_hat), value
