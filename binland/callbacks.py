"""Callbacks of `fit`: what they are told after every epoch, and how they end a training."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from binland.checks import positive_int
from binland.errors import InvalidInputError, shown
from binland.summary import Summary

Phase = Literal["training", "pretraining"]


@dataclass(frozen=True, eq=False, repr=False)
class TrainingState(Summary):
    """Where a training stands after an epoch: what a callback of `fit` is given. True as its answer ends the training.

    Parameters
    ----------
    phase : {"training", "pretraining"}
        "pretraining" is the first phase of ADV, on random labels.
    epoch : int
        Epochs of this phase that are over, counted from 1; of SimulatedAnnealing and RBP sweeps, of FBP steps.
    n_epochs : int
        Epochs of this phase, unless something ends it early.
    errors : (runs,) float64
        Train errors, fractions in [0, 1], of the centre for RSGD; one run, but for `deepbridge.fit_many`. NaN where
        nobody looked, as in the first phase of ADV, whose labels are not the true ones.
    replica_errors : (runs, R) float64, or None
        Train errors of the replicas of RSGD, where they are known.

    Examples
    --------
    >>> curve = []
    >>> bl.fit(machine, train, bl.SGD(), seed=0, callback=lambda state: curve.append((state.epoch, state.error)))
    >>> bl.fit(machine, train, bl.SGD(), seed=0, callback=lambda state: state.error < 0.01)  # ends early
    """

    phase: Phase
    epoch: int
    n_epochs: int
    errors: NDArray[np.float64]
    replica_errors: NDArray[np.float64] | None
    _solution: Callable[[int], Any]

    _shown = ("phase", "epoch", "n_epochs", "error")

    @property
    def error(self) -> float:
        """Train error of the first run, a fraction in [0, 1]."""
        return float(self.errors[0])

    def solution(self, run: int = 0) -> Any:
        """The solution that a run is now, computed when it is asked for: to be tested, or kept.

        Parameters
        ----------
        run : int
            Number of the run, from 0.

        Returns
        -------
        solution
            As `fit` would return it if the training ended here.

        Raises
        ------
        InvalidInputError
            If there is no such run, and once the callback has returned, when the run has gone on.
        """
        if positive_int("run", run, minimum=0) >= len(self.errors):
            raise InvalidInputError(f"run={run} is none of the {len(self.errors)} of this training: 0, 1, ...")
        return self._solution(run)


Callback = Callable[[TrainingState], object]


def ended_by(callback: Callback, state: TrainingState) -> bool:
    """Tell a callback where a training stands; whether its answer is True, which ends the training."""
    try:
        answer = callback(state)
    finally:
        object.__setattr__(state, "_solution", _gone)
    return isinstance(answer, bool | np.bool_) and bool(answer)  # not any list or number that a lambda happens to give


def _gone(run: int) -> Any:
    raise InvalidInputError("the training has gone on: call solution() inside the callback, and keep what it gives")


def passed_on(callback: object, algorithm: object) -> dict[str, Callback]:
    """What an algorithm's `fit` gets besides; raises InvalidInputError if it has no place for a callback."""
    if callback is None:
        return {}
    if not callable(callback):
        raise InvalidInputError(f"callback={shown(callback)} is not a function of a TrainingState, nor None")
    if not has_place(algorithm):
        kind = type(algorithm).__name__
        raise InvalidInputError(
            f"callback={shown(callback)} is given, but {kind}.fit does not take one; leave callback out, or define"
            f" {kind}.fit(self, machine, data, seed, start=None, callback=None)"
        )
    return {"callback": callback}


def has_place(algorithm: object) -> bool:
    """Whether an algorithm's `fit` has an argument `callback`."""
    given = signature(type(algorithm).fit).parameters  # type: ignore[attr-defined]
    return "callback" in given or any(one.kind is Parameter.VAR_KEYWORD for one in given.values())
