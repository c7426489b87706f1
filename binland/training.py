"""`fit`: from patterns and any algorithm to a solution."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from binland.algorithms import Algorithm, check_algorithm
from binland.algorithms.training import Latents, mean_distance
from binland.callbacks import Callback, passed_on
from binland.checks import finite_float32
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.log import logger
from binland.models import Machine, Solution, check_fit
from binland.rng import Seed, generator

__all__ = ["Latents", "fit", "mean_distance"]


def fit(
    machine: Machine,
    patterns: Patterns,
    algorithm: Algorithm,
    seed: Seed,
    start: Latents | None = None,
    *,
    callback: Callback | None = None,
) -> Solution:
    """Train a machine with an algorithm.

    Parameters
    ----------
    machine : Perceptron or CommitteeMachine
        The architecture.
    patterns : Patterns
        Train patterns with as many inputs as the machine.
    algorithm : Algorithm
        `SGD`, `RSGD`, `ADV`, `FBP`, `RBP`, `SimulatedAnnealing` or your own `Algorithm`, with its settings.
    seed : int, SeedSequence or Generator
        Fixes everything that is drawn.
    start : array_like of shape machine.weight_shape, optional
        Latents to begin with, finite, for every replica, instead of random ones. SGD, RSGD and ADV clip them; annealing
        uses their signs; FBP and RBP refuse them.
    callback : callable, optional
        A function that is called with a `TrainingState` after every epoch, by SimulatedAnnealing at every record of the
        history, by FBP after every step, by RBP after every sweep. If it returns True, the training ends there; nothing
        else that it returns matters. ADV begins with a phase on random labels, in which ``state.phase`` is
        "pretraining" and ``state.error`` NaN. A callback changes no number. Your own `Algorithm` that is to accept
        one needs an argument ``callback=None`` in its ``fit``.

    Returns
    -------
    Solution
        The trained weights. What else it holds depends on the algorithm: SGD, RSGD and ADV give latents and the history
        of train errors, RSGD also the replicas.

    Raises
    ------
    InvalidInputError
        If patterns, start or algorithm do not fit the machine, the callback is no function or the algorithm takes none,
        the settings are out of proportion (a learning rate too small for the clip), the machine has 2^24 or more inputs
        or hidden units, or it does not fit into memory.

    Notes
    -----
    A run that has not reached zero train error is returned all the same: look at ``.error(patterns)`` or ``.history``.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.2 and appendix B.

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(20, 101, seed=0)
    >>> bl.fit(bl.Perceptron(101), patterns, bl.SGD(epochs=50), seed=0).error(patterns)
    0.0

    Stop as soon as no more than a tenth of the patterns has a wrong label:

    >>> stopped = bl.fit(
    ...     bl.Perceptron(101), patterns, bl.SGD(epochs=50), seed=0, callback=lambda state: state.error <= 0.1
    ... )
    >>> len(stopped.history) < 50
    True
    """
    check_fit(machine, patterns)
    check_algorithm(algorithm)
    generator(seed, "fit")  # refuses an invalid seed even if the algorithm would not
    begun = None if start is None else finite_float32("start", start, machine.weight_shape)
    options = passed_on(callback, algorithm)
    logger.debug("%s begins to train %s on %s", type(algorithm).__name__, machine, patterns)
    solution = _made_by(algorithm, machine, algorithm.fit(machine, patterns, seed, begun, **options))
    logger.debug("%s has trained %s: %d records", type(algorithm).__name__, machine, _length(solution.history))
    return solution


def _length(history: NDArray[np.float64] | None) -> int:
    return 0 if history is None else len(history)


def _made_by(algorithm: Algorithm, machine: Machine, found: object) -> Solution:
    """The solution that an algorithm returned, marked with the algorithm; InvalidInputError if it is not a solution."""
    if not isinstance(found, Solution) or found.machine != machine:
        raise InvalidInputError(
            f"{type(algorithm).__name__}.fit gave {shown(found)}, not a solution of {shown(machine)}; return"
            " Solution(machine, weights)"
        )
    return found if found.algorithm is algorithm else replace(found, algorithm=algorithm)
