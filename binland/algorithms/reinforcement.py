"""Reinforced belief propagation: every weight's own field, fed back until it decides."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from binland.checks import fraction, one_of, positive_int, share_kept, true_or_false
from binland.errors import InvalidInputError
from binland.sweep.contracts.algorithm import Algorithm

if TYPE_CHECKING:
    from binland.messages import Messages
    from binland.rng import Seed


@dataclass(frozen=True, kw_only=True)
class RBP(Algorithm):
    """Reinforced belief propagation (Braunstein and Zecchina, PRL 96, 030201 (2006)).

    After every sweep the field H of a weight, all messages together, is H = H_in + r H_old: H_in from the patterns,
    H_old what it was before the sweep; r <- 1 - (1 - r) (1 - rate) in every sweep, from 0. The solution is the best of
    the most probable weights after every sweep, its history their train errors. It has no latents.

    Parameters
    ----------
    sweeps : int
        Sweeps of belief propagation, at most.
    rate : float
        How fast r goes to 1; smaller is slower and finds more.
    damping : float
        Share of an old message that stays, below 1. Without it two or so patterns may oscillate; try 0.5.
    initial : float
        Messages start uniform in [-initial, initial].
    method : {"gaussian", "exact", "auto"}
        How sums over many weights are taken, as in `belief_propagation`.
    stop_at_zero_error : bool
        Whether to end after the first sweep whose most probable weights make no train error.

    Raises
    ------
    InvalidInputError
        On values out of range.
    """

    families = ("perceptron", "committee")

    sweeps: int = 1000
    rate: float = 0.005
    damping: float = 0.0
    initial: float = 0.01
    method: Literal["gaussian", "exact", "auto"] = "gaussian"
    stop_at_zero_error: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "sweeps", positive_int("sweeps", self.sweeps))
        object.__setattr__(self, "initial", fraction("initial", self.initial))
        for name in ("rate", "damping"):
            object.__setattr__(self, name, share_kept(name, getattr(self, name)))
        object.__setattr__(self, "method", one_of("method", self.method, ("gaussian", "exact", "auto")))
        true_or_false("stop_at_zero_error", self.stop_at_zero_error)

    @property
    def n_records(self) -> int:
        """Length of the history: sweeps; stop_at_zero_error may make it shorter."""
        return self.sweeps

    @property
    def n_steps(self) -> int:
        """Sweeps."""
        return self.sweeps

    def shortened(self, n: int) -> Self:
        """A copy of at most n sweeps."""
        return replace(self, sweeps=max(1, min(self.sweeps, n)))

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> Any:
        """As `binland.fit`; raises InvalidInputError if there is a start."""
        from binland.algorithms.decoding import best_decoded  # numba takes seconds, settings none
        from binland.messages import Messages
        from binland.rng import generator

        if start is not None:
            raise InvalidInputError("RBP begins with messages, not with latent weights; leave start out")
        messages = Messages(machine, data, self.method, generator(seed, "fit"), self.initial)
        return best_decoded(messages, self._sweeps(messages), self.stop_at_zero_error)

    def _sweeps(self, messages: "Messages") -> Iterator[None]:
        from binland.messages import PLAIN

        kept = 1.0
        for _ in range(self.sweeps):
            before = messages.totals.copy()
            messages.sweep(PLAIN._replace(damping=self.damping))
            kept *= 1 - self.rate
            messages.reinforce((1 - kept), before)
            yield
