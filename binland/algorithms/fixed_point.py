"""Latents as integers: the unit, and the bound that makes overflow impossible."""

import math

import numpy as np
from numpy.typing import NDArray

from binland.algorithms.binarynet import ADV, RSGD, SGD
from binland.errors import InvalidInputError
from binland.machines import Machine

TOP = 2**31  # integers in kernels are below, in absolute value
COARSEST = 16  # units, at least, that a pattern of the largest gradient moves a latent


def unit_of(machine: Machine, algorithm: SGD, n_patterns: int) -> float:
    """The unit of latents: the finest power of two at which neither a step nor a sum over replicas can overflow.

    2^-30 with the paper's settings, 2^-28 for five replicas. Raises InvalidInputError where a mini-batch's step would
    be too few units: the clip is then out of proportion to the learning rate.
    """
    replicas = algorithm.replicas if isinstance(algorithm, RSGD) else 1
    batch = min(algorithm.batch_size, n_patterns)
    rates = [algorithm.learning_rate, *([algorithm.pretrain_learning_rate] if isinstance(algorithm, ADV) else [])]
    step = max(rates) * algorithm.output_scale / math.sqrt(machine.n_inputs)  # of all patterns of a batch at once
    rounding = batch / 2 + 1
    exponent = math.floor(math.log2(TOP / max(replicas * algorithm.clip, algorithm.clip + step))) + 1
    while True:
        clip = math.floor(math.ldexp(algorithm.clip, exponent))
        if replicas * clip < TOP and clip + math.ldexp(step, exponent) + rounding < TOP:
            break
        exponent -= 1
    smallest = min(rates) / max(rates) * math.ldexp(step, exponent) / batch
    if smallest < COARSEST:
        raise InvalidInputError(
            f"latents are integers up to clip={algorithm.clip:g}, here in units of 2^{-exponent}, in which a pattern's"
            f" largest step at learning_rate={min(rates):g} is {smallest:.2g} units, too few to be told apart: lower"
            f" clip below {algorithm.clip * smallest / COARSEST:.2g} or raise learning_rate"
        )
    return math.ldexp(1.0, -exponent)


def as_integers(latents: NDArray[np.floating], unit: float, clip: int) -> NDArray[np.int32]:
    """Latents in units, rounded to the nearest, but never across 0: their signs stay; then clipped."""
    rounded = np.rint(latents.astype(np.float64) / unit)
    rounded[(rounded == 0) & (latents < 0)] = -1
    return np.clip(rounded, -clip, clip).astype(np.int32)
