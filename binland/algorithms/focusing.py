"""Focusing belief propagation: messages that look for a solution with many others around it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from binland.checks import fraction, one_of, positive, positive_int, share_kept, true_or_false
from binland.errors import InvalidInputError
from binland.sweep.contracts.algorithm import Algorithm

if TYPE_CHECKING:
    from binland.callbacks import Callback
    from binland.messages import Messages
    from binland.rng import Seed


@dataclass(frozen=True, kw_only=True)
class FBP(Algorithm):
    """Focusing belief propagation: messages of y coupled replicas find a solution in a dense region.

    Every weight gets an additional message m' = tanh((y - 1) atanh(m tanh gamma)) tanh gamma from the y - 1 other
    replicas, coupled to it by gamma; m is its magnetisation without that message. Coupling and number of replicas grow:
    at step k, with rho = k / steps, y = 1 + rho^(1 - 2 exponent) / (1 - rho) and gamma = atanh(rho^exponent). After
    each step the most probable weights are looked at; the solution is the best of them. It has no latents; its history
    has one train error for each step.

    Parameters
    ----------
    steps : int, default 100
        Length of the schedule, at least 1.
    exponent : float, default 0.5
        Shape of the schedule, 0 to 0.5. At 0 gamma is infinite and y = 1 / (1 - rho).
    sweeps : int, default 1
        Largest number of sweeps of belief propagation in each step, at least 1.
    tolerance : float, default 1e-3
        A step ends early if no message changes by more than this; above 0.
    damping : float, default 0.1
        Share of the old message that is kept in each update, in [0, 1). Without it, and with infinite gamma, messages
        of few patterns may oscillate in the end.
    initial : float, default 0.01
        Messages start uniform in [-initial, initial], 0 to 1. From 0 the hidden units of a committee machine all stay
        alike.
    method : {"gaussian", "exact", "auto"}, default "gaussian"
        As in `belief_propagation`.
    stop_at_zero_error : bool, default True
        Whether to stop after the first step whose most probable weights make no train error.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Baldassi et al., PNAS 113, E7655 (2016), section "Focusing Belief Propagation".

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(100, 201, seed=0)
    >>> bl.fit(bl.Perceptron(201), patterns, bl.FBP(), seed=0).error(patterns)
    0.0
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
        """Length of the history: the number of steps, or fewer with stop_at_zero_error."""
        return self.steps

    @property
    def n_steps(self) -> int:
        """Number of steps of the schedule."""
        return self.steps

    def shortened(self, n: int) -> Self:
        """A copy with a schedule of at most n steps.

        Parameters
        ----------
        n : int
            Largest number of steps; at least one is kept.

        Returns
        -------
        FBP
            The shortened settings.
        """
        return replace(self, steps=max(1, min(self.steps, n)))

    def schedule(self) -> Iterator[tuple[float, float]]:
        """Coupling and number of replicas at every step.

        Yields
        ------
        gamma : float
            Coupling, inf if `exponent` is 0.
        y : float
            Number of replicas, not necessarily whole.
        """
        for k in range(self.steps):
            rho = k / self.steps
            tanh = rho**self.exponent  # 0^0 = 1
            yield math.inf if tanh == 1 else math.atanh(tanh), 1 + rho ** (1 - 2 * self.exponent) / (1 - rho)

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
            Must be None: FBP begins with messages, not with weights.
        callback : callable, optional
            Called with a `TrainingState` after every step; the training ends where it returns True.

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
            raise InvalidInputError("FBP begins with messages, not with latent weights; leave start out")
        messages = Messages(machine, data, self.method, generator(seed, "fit"), self.initial)
        return best_decoded(messages, self._steps(messages), self, callback)

    def _steps(self, messages: "Messages") -> Iterator[None]:
        from binland.kernels.messages import Rule

        for coupling, replicas in self.schedule():
            for _ in range(self.sweeps):
                if messages.sweep(Rule(self.damping, coupling, replicas), focusing=True) <= self.tolerance:
                    break
            yield
