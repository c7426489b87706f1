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
    """Gradient descent to a margin, as `bl.spherical.solve` does it; its solutions are not typical.

    steps: largest number. rate: step size in units of the inverse largest curvature. momentum: 0 to 1. slack: how far
    above the margin fields are still pushed up. Raises InvalidInputError on values out of range.
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
        """A copy with at most n steps."""
        return replace(self, steps=max(1, min(n, self.steps)))

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> "Solution":
        """The first weights that violate no constraint, or the last ones."""
        from binland.spherical.descent import solve

        return signed(solve(data, machine.kappa, seed, start=start, **vars(self)), self)


@dataclass(frozen=True, kw_only=True)
class Sampler(Algorithm):
    """A typical solution: Gibbs sampling (`bl.spherical.sample`) that starts at a solution found by descent.

    sweeps: length of the chain. It takes about P^2 / N sweeps to forget the start, more close to capacity. steps:
    largest number of steps of the descent; if it finds no solution, its last weights are returned. Raises
    InvalidInputError on values out of range.
    """

    families: ClassVar = ("spherical",)

    sweeps: int = 2000
    steps: int = 10_000

    def __post_init__(self) -> None:
        for name in ("sweeps", "steps"):
            object.__setattr__(self, name, positive_int(name, getattr(self, name)))

    @property
    def n_steps(self) -> int:
        """Number of sweeps, which take most of the time."""
        return self.sweeps

    def shortened(self, n: int) -> Self:
        """A copy with at most n sweeps."""
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
    """The solution with its algorithm noted, and without its history."""
    return replace(solution, history=None, algorithm=algorithm)
