"""Solutions around a typical solution: the Franz-Parisi entropy of the binary perceptron with random labels.

Huang, Wong and Kabashima 2013; Huang and Kabashima 2014. A solution v is drawn uniformly; how many solutions w have the
overlap p = v . w / N with it? Order parameters: q of two such w, r of w with another typical solution, and q_0 of
typical solutions, known from `random_labels`.
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
NARROW = 0.3  # width that twofold integrals resolve; errors grow where features are narrower
NARROWEST = 0.06  # where they are some 1e-5
UNLIKELY = 7.0  # |z| of a reference's field; 1e-12 of the distribution lies beyond
MISSING = 5e-4  # largest deviation of the total probability from 1; entropies are then good to about 1e-5
LOWEST = -1.0  # entropy; below it there is no sensible saddle point


@dataclass(frozen=True, kw_only=True)
class LocalEntropy:
    """Number of solutions at a distance from a typical solution, in the replica-symmetric approximation.

    Attributes
    ----------
    alpha : float
        Constraint density P / N.
    kappa : float
        Margin.
    distance : float
        Hamming distance as a fraction of the weights.
    entropy : float
        ln(number of solutions at this distance) / N; negative where typically there are none.
    overlap : float
        q of two of these solutions.
    converged : bool
        Whether the equations were solved, with integrals exact to about 1e-5. If not, entropy and overlap are nan.
    advice : str
        What else to know, in words; empty if nothing.
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
        """Entropy per weight of all weight vectors at this distance: -d ln d - (1 - d) ln(1 - d)."""
        d = self.distance
        return float(-d * math.log(d) - (1 - d) * math.log1p(-d))


def local_entropy(alpha: float, distance: float, kappa: float = 0.0) -> LocalEntropy:
    """How many solutions of the binary perceptron with random labels lie at a distance from a typical solution.

    Close to a typical solution the entropy is negative at every alpha: typical solutions are isolated.

    Parameters
    ----------
    alpha : float
        P / N, from 1e-6 to 10; beyond the capacity ``.converged`` is False.
    distance : float
        Hamming distance as a fraction of the weights, 0.001 to 0.5.
    kappa : float, default 0.0
        Margin of all these solutions, -4 to 4.

    Returns
    -------
    LocalEntropy
        ``.entropy``, ``.bound`` and ``.overlap``.

    Raises
    ------
    InvalidInputError
        If a number is out of range.

    See Also
    --------
    binland.local_entropy : the same around a solution at hand, by belief propagation.

    References
    ----------
    Huang and Kabashima, Phys. Rev. E 90, 052813 (2014).

    Examples
    --------
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
    """z continued in equal steps, far enough to cover a mean."""
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
        """q and r to begin with, as if w were as far from the other solutions as v is."""
        near = self.p**2
        return np.array([near + (1 - near) * self.q_0, self.q_0 * self.p + 1e-6])

    def patterns(self, q: float, r: float) -> tuple[Array, Array, Array]:
        """Integration over a pattern: weights (n, n), hazard of v's field (n, 1), and (kappa - omega) / sqrt(1 - q).

        The weights are those of z and x. omega, w's field, has the variance q; the field of v is sqrt(q_0) z + sqrt(1 -
        q_0) u, u > a; their covariances with omega are r and p - r. x is the part of omega that does not depend on z; u
        given x is again Gaussian.
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
        """Integration over a site: weights (n, n), magnetisation of v (n, 1), field on w (n, n) without the pull.

        By symmetry v = 1 is assumed, with a weight that favours positive fields of v.
        """
        z, weights = nodes(NARROW)
        slope = math.sqrt(self.q_0_hat)
        chance = 2 * weights * np.exp(slope * z - log_two_cosh(slope * z))
        noise = math.sqrt(max(q_hat - r_hat**2 / self.q_0_hat, 0.0))
        field = r_hat / slope * z[:, None] + noise * z - r_hat
        return np.outer(chance, weights), np.tanh(slope * z)[:, None], field

    def conjugates(self, q: float, r: float) -> tuple[float, float]:
        """The conjugate order parameters q_hat and r_hat."""
        joint, reference, field = self.patterns(q, r)
        slope = hazard(field) / math.sqrt(1 - q)
        return self.alpha * float(np.sum(joint * slope**2)), self.alpha * float(np.sum(joint * slope * reference))

    def pull(self, q_hat: float, r_hat: float) -> float:
        """The field along v for which the overlap is p."""
        joint, _, field = self.spins(q_hat, r_hat)

        def missing(pull: float) -> float:
            return float(np.sum(joint * np.tanh(field + pull))) - self.p

        most = STRONGEST * (1 + math.sqrt(q_hat))  # large enough that no weight differs
        return float(toms748(missing, r_hat - most, r_hat + most, xtol=1e-13))

    def update(self, state: Array) -> Array:
        """The next q and r of the iteration; nan where it is not defined."""
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
        """Whether the integration steps are fine enough for the integrands and the law of z and x is normalised."""
        widest = max(r / math.sqrt(self.q_0), math.sqrt(max(q - r**2 / self.q_0, 0.0)))
        return math.sqrt(1 - q) >= NARROWEST * widest and abs(float(self.patterns(q, r)[0].sum()) - 1) < MISSING

    def entropy(self, q: float, r: float, q_hat: float, r_hat: float, pull: float) -> float:
        """The entropy, stationary in all its arguments."""
        joint, _, field = self.spins(q_hat, r_hat)
        sites = float(np.sum(joint * log_two_cosh(field + pull))) - q_hat * (1 - q) / 2 + r_hat * r - pull * self.p
        return sites + self.alpha * self.energy(q, r)

    def energy(self, q: float, r: float) -> float:
        """Mean over a pattern of ln H((kappa - omega) / sqrt(1 - q))."""
        joint, _, field = self.patterns(q, r)
        return float(np.sum(joint * log_tail(field)))
