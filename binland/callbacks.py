"""Callbacks of `fit`: functions that are called after every epoch and can end a training."""

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
    """How far a training is after an epoch: the argument of a callback of `fit`.

    A callback that returns True ends the training; what else it returns does not matter.

    Parameters
    ----------
    phase : {"training", "pretraining"}
        "pretraining" for the first phase of ADV, on random labels; "training" for everything else.
    epoch : int
        How many epochs of this phase are done, 1 after the first one. For RBP sweeps instead of epochs, for FBP steps.
        SimulatedAnnealing counts sweeps, and looks at its errors after some of them only; where it ends early, at an
        energy of zero, this is the sweep after which it would have looked.
    n_epochs : int
        How many epochs this phase has if nothing ends it early.
    errors : (runs,) float64
        Train error of each run, a fraction in [0, 1]; that of the centre if there are replicas. There is one run,
        except in `deepbridge.fit_many`, where a run that has ended at zero error keeps its last one. NaN where errors
        were not counted: in the first phase of ADV, and in epochs that ``history_every`` leaves out.
    replica_errors : (runs, R) float64, or None
        Train errors of the R replicas: of RSGD with binary weights, and of SimulatedAnnealing with several replicas.
        None for all others.
    solution_of : callable
        Takes the number of a run and returns the solution that it has reached; `solution` calls it.

    Examples
    --------
    Print how far the training is:

    >>> import binland as bl
    >>> machine, train = bl.Perceptron(51), bl.Patterns.random(20, 51, seed=0)
    >>> solution = bl.fit(
    ...     machine, train, bl.SGD(epochs=2), seed=0, callback=lambda state: print(state.epoch, state.n_epochs)
    ... )
    1 2
    2 2

    End the training once the train error is below 1 %:

    >>> solution = bl.fit(machine, train, bl.SGD(epochs=100), seed=0, callback=lambda state: state.error < 0.01)
    >>> len(solution.history) < 100
    True
    """

    phase: Phase
    epoch: int
    n_epochs: int
    errors: NDArray[np.float64]
    replica_errors: NDArray[np.float64] | None
    solution_of: Callable[[int], Any]

    _shown = ("phase", "epoch", "n_epochs", "error")

    @property
    def error(self) -> float:
        """Train error of the first run, a fraction in [0, 1]."""
        return float(self.errors[0])

    def solution(self, run: int = 0) -> Any:
        """Compute the solution that a run has reached, to test or to keep it.

        Parameters
        ----------
        run : int, default 0
            Number of the run.

        Returns
        -------
        Solution or ContinuousSolution
            As `fit` would return it if the training ended here.

        Raises
        ------
        InvalidInputError
            If there is no such run, or the callback has already returned.
        """
        if positive_int("run", run, minimum=0) >= len(self.errors):
            raise InvalidInputError(f"run={run} is none of the {len(self.errors)} of this training: 0, 1, ...")
        return self.solution_of(run)


Callback = Callable[[TrainingState], object]


def ended_by(callback: Callback, state: TrainingState) -> bool:
    """Call a callback; returns whether it returned True, which ends the training."""
    try:
        answer = callback(state)
    finally:
        object.__setattr__(state, "solution_of", _gone)
    return isinstance(answer, bool | np.bool_) and bool(answer)  # no other value ends a training


def _gone(run: int) -> Any:
    raise InvalidInputError("the training has gone on: call solution() inside the callback, and keep what it gives")


def passed_on(callback: object, algorithm: object) -> dict[str, Callback]:
    """{"callback": callback} for an algorithm's `fit`, {} without one; raises InvalidInputError if it takes none."""
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
