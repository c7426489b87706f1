"""Reinforced belief propagation: each weight's own field is fed back until every weight is decided."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from binland.checks import fraction, one_of, positive_int, share_kept, true_or_false
from binland.errors import InvalidInputError
from binland.sweep.contracts.algorithm import Algorithm

if TYPE_CHECKING:
    from binland.callbacks import Callback
    from binland.messages import Messages
    from binland.rng import Seed


@dataclass(frozen=True, kw_only=True)
class RBP(Algorithm):
    """Reinforced belief propagation: fields are fed back, ever more strongly, until every weight is decided.

    After every sweep the field of a weight is H = H_in + r H_old, where H_in comes from the patterns and H_old is the
    field before the sweep. r grows from 0: r <- 1 - (1 - r) (1 - rate) in every sweep. The solution is the best of the
    most probable weights after each sweep. It has no latents; its history has one train error for each sweep.

    Parameters
    ----------
    sweeps : int, default 1000
        Largest number of sweeps, at least 1.
    rate : float, default 0.005
        Growth of r, in [0, 1). Smaller is slower and solves more problems.
    damping : float, default 0.0
        Share of the old message that is kept in each update, in [0, 1). Messages of very few patterns may oscillate
        without: try 0.5.
    initial : float, default 0.01
        Messages start uniform in [-initial, initial], 0 to 1. From 0 the hidden units of a committee machine all stay
        alike.
    method : {"gaussian", "exact", "auto"}, default "gaussian"
        As in `belief_propagation`.
    stop_at_zero_error : bool, default True
        Whether to stop after the first sweep whose most probable weights make no train error.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Braunstein and Zecchina, Phys. Rev. Lett. 96, 030201 (2006).

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(100, 201, seed=0)
    >>> bl.fit(bl.Perceptron(201), patterns, bl.RBP(), seed=0).error(patterns)
    0.0
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
        """Length of the history: the number of sweeps, or fewer with stop_at_zero_error."""
        return self.sweeps

    @property
    def n_steps(self) -> int:
        """Number of sweeps."""
        return self.sweeps

    def shortened(self, n: int) -> Self:
        """A copy with at most n sweeps.

        Parameters
        ----------
        n : int
            Largest number of sweeps; at least one is kept.

        Returns
        -------
        RBP
            The shortened settings.
        """
        return replace(self, sweeps=max(1, min(self.sweeps, n)))

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None, callback: "Callback | None" = None) -> Any:
        """Train a machine; `binland.fit` is the usual way to call it.

        Parameters
        ----------
        machine : Perceptron or CommitteeMachine
            The architecture.
        data : Patterns
            Train patterns.
        seed : int, SeedSequence or Generator
            Fixes messages to begin with and orders of updates.
        start : None
            Must be None: RBP begins with messages, not with weights.
        callback : callable, optional
            Called with a `TrainingState` after every sweep; the training ends where it returns True.

        Returns
        -------
        Solution
            The best weights found.

        Raises
        ------
        InvalidInputError
            If there is a start.
        """
        from binland.algorithms.decoding import best_decoded  # numba takes seconds, settings none
        from binland.messages import Messages
        from binland.rng import generator

        if start is not None:
            raise InvalidInputError("RBP begins with messages, not with latent weights; leave start out")
        messages = Messages(machine, data, self.method, generator(seed, "fit"), self.initial)
        return best_decoded(messages, self._sweeps(messages), self, callback)

    def _sweeps(self, messages: "Messages") -> Iterator[None]:
        from binland.messages import PLAIN

        kept = 1.0
        for _ in range(self.sweeps):
            before = messages.totals.copy()
            messages.sweep(PLAIN._replace(damping=self.damping))
            kept *= 1 - self.rate
            messages.reinforce((1 - kept), before)
            yield
