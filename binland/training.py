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
    """Train a machine: with BinaryNet (paper, section 3.2 and appendix B) or any other `Algorithm`, by its own `fit`.

    start: latents of shape machine.weight_shape to begin with, clipped, for every replica, instead of random ones.
    callback: a function that is called after every epoch with a `TrainingState`, which knows phase, epoch, error and
    .solution(); where it returns True, the training ends there. It changes no number. SimulatedAnnealing calls it at
    every record of its history, FBP and RBP after every step or sweep.

    >>> bl.fit(machine, train, bl.SGD(), seed=0, callback=lambda state: state.error < 0.01)

    Returns the binary weights, of BinaryNet with latents, train-error history and, for RSGD, the replicas. A run that
    has not reached zero error is returned all the same: look at .error or .history.
    Raises InvalidInputError if the patterns or the start do not fit the machine, if an algorithm gives no solution of
    it or has no place for a callback, or from 2^24 inputs or hidden units on, or beyond this machine's memory.
    """
    check_fit(machine, patterns)
    check_algorithm(algorithm)
    generator(seed, "fit")  # a seed that is none is refused here, whatever the algorithm does with it
    begun = None if start is None else finite_float32("start", start, machine.weight_shape)
    options = passed_on(callback, algorithm)
    logger.debug("%s begins to train %s on %s", type(algorithm).__name__, machine, patterns)
    solution = _made_by(algorithm, machine, algorithm.fit(machine, patterns, seed, begun, **options))
    logger.debug("%s has trained %s: %d records", type(algorithm).__name__, machine, _length(solution.history))
    return solution


def _length(history: NDArray[np.float64] | None) -> int:
    return 0 if history is None else len(history)


def _made_by(algorithm: Algorithm, machine: Machine, found: object) -> Solution:
    """What an algorithm gave, signed by it; raises InvalidInputError unless it is a solution of the machine."""
    if not isinstance(found, Solution) or found.machine != machine:
        raise InvalidInputError(
            f"{type(algorithm).__name__}.fit gave {shown(found)}, not a solution of {shown(machine)}; return"
            " Solution(machine, weights)"
        )
    return found if found.algorithm is algorithm else replace(found, algorithm=algorithm)
