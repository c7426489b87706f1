"""Solutions around a typical solution: the Franz-Parisi entropy of the binary perceptron with random labels.

Huang, Wong and Kabashima 2013; Huang and Kabashima 2014. A solution v is drawn uniformly; how many others w have the
overlap p = v . w / N with it? Order parameters: q of two such w, r of w with another typical solution; q_0 of typical
solutions is known from `random_labels`.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import toms748

from binland.checks import number_between
from binland.theory.gaussian import Array, hazard, log_tail, log_two_cosh, nodes
from binland.theory.iteration import fixed_point
from binland.theory.storage import MARGIN, random_labels

LARGEST, NEAREST = 10.0, 1e-3
STRONGEST = 30.0  # field along the reference
NARROW = 0.3  # features of what is integrated twice; where they are narrower, errors grow
NARROWEST = 0.06  # where they are some 1e-5
UNLIKELY = 7.0  # z of a reference's field, beyond which lies 1e-12 of the law
MISSING = 5e-4  # of the law, to be 1 in all; entropies are then good to some 1e-5
LOWEST = -1.0  # entropy; below it there is no sensible saddle point


@dataclass(frozen=True, kw_only=True)
class LocalEntropy:
    """Solutions at a given distance of a typical one, in the replica-symmetric approximation.

    alpha, kappa, distance: P / N, margin and Hamming distance as a fraction. entropy: ln(number of solutions) / N at
    this distance; negative where there are typically none. bound: of all weight vectors at this distance. overlap: q of
    two of these solutions. converged: whether the equations were solved, with integrals exact to about 1e-5; if not,
    entropy and overlap are nan. advice: what else to know, in words.
    """

    alpha: float
    kappa: float
    distance: float
    entropy: float = math.nan
    overlap: float = math.nan
    converged: bool = True
    advice: str = ""

    @property
    def bound(self) -> float:
        """-d ln d - (1 - d) ln(1 - d)"""
        d = self.distance
        return float(-d * math.log(d) - (1 - d) * math.log1p(-d))


def local_entropy(alpha: float, distance: float, kappa: float = 0.0) -> LocalEntropy:
    """How many solutions of the binary perceptron with random labels lie at a distance of a typical solution.

    alpha: P / N, above 0 and at most the capacity. distance: Hamming distance as a fraction, from 0.001 to 0.5. kappa:
    margin of all of them, from -4 to 4. Near enough to a typical solution the entropy is negative at every alpha:
    typical solutions are isolated (Huang and Kabashima 2014). Raises InvalidInputError on numbers out of range.

    >>> import binland as bl
    >>> bl.theory.local_entropy(0.5, 0.002).entropy < 0
    True
    """
    density, margin = number_between("alpha", alpha, 1e-6, LARGEST), number_between("kappa", kappa, -MARGIN, MARGIN)
    far = number_between("distance", distance, NEAREST, 0.5)
    asked = LocalEntropy(alpha=density, kappa=margin, distance=far, converged=False)
    typical = random_labels(density, margin)
    if not typical.converged or typical.entropy < 0:
        return replace(asked, advice="beyond the capacity there is no typical solution")
    equations = Equations(density, margin, typical.overlap, typical.parameters["overlap_conjugate"], 1 - 2 * far)
    found = fixed_point(equations.update, equations.start())
    if not found.converged:
        return replace(asked, advice="no saddle point: take another distance")
    q, r = (float(value) for value in found.values)
    q_hat, r_hat = equations.conjugates(q, r)
    value = equations.entropy(q, r, q_hat, r_hat, equations.pull(q_hat, r_hat))
    if value < LOWEST or not equations.resolved(q, r):
        return replace(asked, advice="out of reach: presumably there is no solution at this distance")
    advice = "typically there is no solution at this distance" if value < 0 else ""
    return replace(asked, converged=True, entropy=value, overlap=q, advice=advice)


def _extended(z: Array, mean: float) -> Array:
    """As many more equal steps as it takes to reach a mean as far as 0."""
    step = z[1] - z[0]
    return np.concatenate([z, z[-1] + step * np.arange(1, math.ceil(max(mean, 0.0) / step) + 1)])


@dataclass(frozen=True)
class Equations:
    """Saddle-point equations at given alpha, kappa, q_0, its conjugate, and p."""

    alpha: float
    kappa: float
    q_0: float
    q_0_hat: float
    p: float

    def start(self) -> Array:
        """q and r as if w were as far from the others as v is, but for what v and w share."""
        near = self.p**2
        return np.array([near + (1 - near) * self.q_0, self.q_0 * self.p + 1e-6])

    def patterns(self, q: float, r: float) -> tuple[Array, Array, Array]:
        """(n, n) weights of z and x; a hazard of v's field, (n, 1); and (kappa - omega) / sqrt(1 - q), omega w's field.

        omega has the variance q; the field of v is sqrt(q_0) z + sqrt(1 - q_0) u, u > a; their covariances with omega
        are r and p - r. With x the part of omega that does not depend on z, u given x is again Gaussian.
        """
        z, weights = nodes(NARROW)
        a = (self.kappa - math.sqrt(self.q_0) * z) / math.sqrt(1 - self.q_0)
        along = r / math.sqrt(self.q_0)  # of omega on z
        with_u = (self.p - r) / math.sqrt(1 - self.q_0)
        rest = math.sqrt(max(q - along**2, 1e-300))  # of x
        share = min(with_u / rest, 1.0)
        left = math.sqrt(max(1 - share**2, 1e-12))
        x = _extended(z, share * float(hazard(a[np.searchsorted(z, -UNLIKELY)])))
        law = log_tail((a[:, None] - share * x) / left) - log_tail(a)[:, None] - x**2 / 2
        joint = np.outer(weights, np.full(len(x), (z[1] - z[0]) / math.sqrt(2 * math.pi))) * np.exp(law)
        field = (self.kappa - along * z[:, None] - rest * x) / math.sqrt(1 - q)
        return joint, hazard(a)[:, None] / math.sqrt(1 - self.q_0), field

    def spins(self, q_hat: float, r_hat: float) -> tuple[Array, Array, Array]:
        """(n, n) weights of two Gaussian variables, the magnetisation of v (n, 1), and the field on w but for the pull.

        By the symmetry of v and its field, v = 1 with a weight that favours positive ones.
        """
        z, weights = nodes(NARROW)
        slope = math.sqrt(self.q_0_hat)
        chance = 2 * weights * np.exp(slope * z - log_two_cosh(slope * z))
        noise = math.sqrt(max(q_hat - r_hat**2 / self.q_0_hat, 0.0))
        field = r_hat / slope * z[:, None] + noise * z - r_hat
        return np.outer(chance, weights), np.tanh(slope * z)[:, None], field

    def conjugates(self, q: float, r: float) -> tuple[float, float]:
        """q_hat and r_hat"""
        joint, reference, field = self.patterns(q, r)
        slope = hazard(field) / math.sqrt(1 - q)
        return self.alpha * float(np.sum(joint * slope**2)), self.alpha * float(np.sum(joint * slope * reference))

    def pull(self, q_hat: float, r_hat: float) -> float:
        """The field along v that gives the overlap p."""
        joint, _, field = self.spins(q_hat, r_hat)

        def missing(pull: float) -> float:
            return float(np.sum(joint * np.tanh(field + pull))) - self.p

        most = STRONGEST * (1 + math.sqrt(q_hat))  # where no weight differs any more
        return float(toms748(missing, r_hat - most, r_hat + most, xtol=1e-13))

    def update(self, state: Array) -> Array:
        """New q and r."""
        q, r = state
        if not 0 < q < 1 - 1e-9:
            return np.full(2, np.nan)
        q_hat, r_hat = self.conjugates(q, r)
        if not np.isfinite(q_hat + r_hat):
            return np.full(2, np.nan)
        joint, magnetisation, field = self.spins(q_hat, r_hat)
        tanh = np.tanh(field + self.pull(q_hat, r_hat))
        return np.array([np.sum(joint * tanh**2), np.sum(joint * magnetisation * tanh)])

    def resolved(self, q: float, r: float) -> bool:
        """Whether steps are small enough for (kappa - omega) / sqrt(1 - q), and for the law of z and x."""
        widest = max(r / math.sqrt(self.q_0), math.sqrt(max(q - r**2 / self.q_0, 0.0)))
        return math.sqrt(1 - q) >= NARROWEST * widest and abs(float(self.patterns(q, r)[0].sum()) - 1) < MISSING

    def entropy(self, q: float, r: float, q_hat: float, r_hat: float, pull: float) -> float:
        """Stationary in all of them."""
        joint, _, field = self.spins(q_hat, r_hat)
        sites = float(np.sum(joint * log_two_cosh(field + pull))) - q_hat * (1 - q) / 2 + r_hat * r - pull * self.p
        return sites + self.alpha * self.energy(q, r)

    def energy(self, q: float, r: float) -> float:
        """E of ln H((kappa - omega) / sqrt(1 - q)), of each pattern."""
        joint, _, field = self.patterns(q, r)
        return float(np.sum(joint * log_tail(field)))
