"""Focusing belief propagation: a solution amid many others, found by y coupled replicas in one set of messages."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from binland.checks import fraction, one_of, positive, positive_int, share_kept, true_or_false
from binland.errors import InvalidInputError
from binland.sweep.contracts.algorithm import Algorithm

if TYPE_CHECKING:
    from binland.messages import Messages
    from binland.rng import Seed


@dataclass(frozen=True, kw_only=True)
class FBP(Algorithm):
    """Focusing belief propagation (Baldassi et al., PNAS 113, E7655 (2016), section "Focusing Belief Propagation").

    Every weight gets a message m' = tanh((y - 1) atanh(m tanh gamma)) tanh gamma from the other y - 1 of y replicas
    that are coupled by gamma, m its magnetisation without that message. Both grow: at step k of the schedule
    rho = k / steps, y = 1 + rho^(1 - 2 exponent) / (1 - rho) and gamma = atanh(rho^exponent). The solution is the best
    of the most probable weights after every step; its history has an entry for every step. It has no latents.

    Parameters
    ----------
    steps : int
        Steps of the schedule.
    exponent : float
        From 0, where gamma is infinite and y = 1 / (1 - rho), to 0.5.
    sweeps : int
        Sweeps of belief propagation in each step, at most.
    tolerance : float
        A step ends early if no message changes by more than that in a sweep.
    damping : float
        Share of an old message that stays, below 1. Without it, and with infinite gamma, messages of few patterns may
        oscillate in the end.
    initial : float
        Messages start uniform in [-initial, initial]. From 0 the hidden units of a committee machine could not become
        different.
    method : {"gaussian", "exact", "auto"}
        How sums over many weights are taken, as in `belief_propagation`.
    stop_at_zero_error : bool
        Whether to end after the first step whose most probable weights make no train error.

    Raises
    ------
    InvalidInputError
        On values out of range.
    """

    families = ("perceptron", "committee")

    steps: int = 100
    exponent: float = 0.5
    sweeps: int = 1
    tolerance: float = 1e-3
    damping: float = 0.1
    initial: float = 0.01
    method: Literal["gaussian", "exact", "auto"] = "gaussian"
    stop_at_zero_error: bool = True

    def __post_init__(self) -> None:
        for name in ("steps", "sweeps"):
            object.__setattr__(self, name, positive_int(name, getattr(self, name)))
        object.__setattr__(self, "tolerance", positive("tolerance", self.tolerance))
        object.__setattr__(self, "damping", share_kept("damping", self.damping))
        for name in ("exponent", "initial"):
            object.__setattr__(self, name, fraction(name, getattr(self, name)))
        object.__setattr__(self, "method", one_of("method", self.method, ("gaussian", "exact", "auto")))
        true_or_false("stop_at_zero_error", self.stop_at_zero_error)
        if self.exponent > 0.5:
            raise InvalidInputError(f"exponent={self.exponent} lets y begin at infinity; choose 0 to 0.5")

    @property
    def n_records(self) -> int:
        """Length of the history: steps; stop_at_zero_error may make it shorter."""
        return self.steps

    @property
    def n_steps(self) -> int:
        """Steps of the schedule."""
        return self.steps

    def shortened(self, n: int) -> Self:
        """A copy with a schedule of at most n steps."""
        return replace(self, steps=max(1, min(self.steps, n)))

    def schedule(self) -> Iterator[tuple[float, float]]:
        """gamma and y of every step."""
        for k in range(self.steps):
            rho = k / self.steps
            tanh = rho**self.exponent  # 0^0 = 1
            yield math.inf if tanh == 1 else math.atanh(tanh), 1 + rho ** (1 - 2 * self.exponent) / (1 - rho)

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> Any:
        """As `binland.fit`; raises InvalidInputError if there is a start."""
        from binland.algorithms.decoding import best_decoded  # numba takes seconds, settings none
        from binland.messages import Messages
        from binland.rng import generator

        if start is not None:
            raise InvalidInputError("FBP begins with messages, not with latent weights; leave start out")
        messages = Messages(machine, data, self.method, generator(seed, "fit"), self.initial)
        return best_decoded(messages, self._steps(messages), self.stop_at_zero_error)

    def _steps(self, messages: "Messages") -> Iterator[None]:
        from binland.kernels.messages import Rule

        for coupling, replicas in self.schedule():
            for _ in range(self.sweeps):
                if messages.sweep(Rule(self.damping, coupling, replicas), focusing=True) <= self.tolerance:
                    break
            yield
