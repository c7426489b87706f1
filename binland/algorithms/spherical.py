"""Algorithms for the spherical perceptron in sweeps, as settings: uniform sampling and gradient descent."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from binland.checks import fraction, positive, positive_int
from binland.sweep.contracts.algorithm import Algorithm

if TYPE_CHECKING:
    from binland.rng import Seed
    from binland.spherical.instances import Solution


@dataclass(frozen=True, kw_only=True)
class MarginDescent(Algorithm):
    """Gradient descent to a margin, `bl.spherical.solve`; its solutions are not typical.

    Parameters
    ----------
    steps : int
        Steps, at most; it ends where no constraint is violated.
    rate : float
        Rate, in units of the inverse of the largest curvature.
    momentum : float
        Share of the last step that is added to the next one.
    slack : float
        By how much fields are pushed beyond the margin.

    Raises
    ------
    InvalidInputError
        On values out of range.
    """

    families: ClassVar = ("spherical",)

    steps: int = 10_000
    rate: float = 1.0
    momentum: float = 0.9
    slack: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", positive_int("steps", self.steps))
        object.__setattr__(self, "rate", positive("rate", self.rate))
        object.__setattr__(self, "momentum", fraction("momentum", self.momentum))
        object.__setattr__(self, "slack", positive("slack", self.slack, zero=True))

    @property
    def n_steps(self) -> int:
        """Largest number of steps."""
        return self.steps

    def shortened(self, n: int) -> Self:
        """At most n steps."""
        return replace(self, steps=max(1, min(n, self.steps)))

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> "Solution":
        """The first weights without a violated constraint, or the last ones."""
        from binland.spherical.descent import solve

        return signed(solve(data, machine.kappa, seed, start=start, **vars(self)), self)


@dataclass(frozen=True, kw_only=True)
class Sampler(Algorithm):
    """A typical solution: Gibbs sampling among all solutions, `bl.spherical.sample`, from one that descent has found.

    Parameters
    ----------
    sweeps : int
        Sweeps of the chain; how many forget the start grows as P^2 / N or so, and more close to capacity.
    steps : int
        Steps of the descent, at most; what it leaves is returned as it is if it is no solution.

    Raises
    ------
    InvalidInputError
        On values out of range.
    """

    families: ClassVar = ("spherical",)

    sweeps: int = 2000
    steps: int = 10_000

    def __post_init__(self) -> None:
        for name in ("sweeps", "steps"):
            object.__setattr__(self, name, positive_int(name, getattr(self, name)))

    @property
    def n_steps(self) -> int:
        """Sweeps: the descent takes little time beside them."""
        return self.sweeps

    def shortened(self, n: int) -> Self:
        """At most n sweeps."""
        return replace(self, sweeps=max(1, min(n, self.sweeps)))

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> "Solution":
        """The last weights of the chain."""
        from binland.rng import generator
        from binland.spherical.descent import solve
        from binland.spherical.sampling import sample

        descent, chain = generator(seed, "Sampler").spawn(2)
        found = solve(data, machine.kappa, descent, start=start, steps=self.steps)
        if found.error_count(data) == 0:
            found = sample(data, machine.kappa, 1, chain, spacing=self.sweeps, burn_in=0, start=found).solutions[0]
        return signed(found, self)


def signed(solution: "Solution", algorithm: Algorithm) -> "Solution":
    """A solution with the settings that made it, and without the history of its steps."""
    return replace(solution, history=None, algorithm=algorithm)
