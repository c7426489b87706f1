"""Latents as integers: their unit, and bounds that exclude overflow."""

import math

import numpy as np
from numpy.typing import NDArray

from binland.algorithms.binarynet import ADV, RSGD, SGD
from binland.errors import InvalidInputError
from binland.kernels.training import FULL, LARGEST
from binland.machines import Machine

TOP = 2**31  # absolute values of integers in kernels are below this
COARSEST = 256  # units, at least, by which a pattern of the largest gradient moves a latent (experiments/integers.md)


def unit_of(machine: Machine, algorithm: SGD, n_patterns: int) -> float:
    """The unit of the latents, a power of two.

    It is the finest one in which a pattern of a whole batch asks for at most 2^13 - 1 units (ADV: at the smaller
    learning rate), or a coarser one if otherwise a step, or a sum over replicas, could overflow 31 bits: 2^-24 with the
    paper's settings and N = 1001, 2^-22 for ADV. Raises InvalidInputError if clip and learning rate are out of
    proportion, so that a pattern's largest step is too few units or the clip less than one.
    """
    replicas = algorithm.replicas if isinstance(algorithm, RSGD) else 1
    batch = min(algorithm.batch_size, n_patterns)
    rates, step = _rates(algorithm), largest_step(machine, algorithm)
    exponent = math.frexp(LARGEST * batch / (min(rates) / max(rates) * step))[1] - 1
    while not _fits(math.ldexp(algorithm.clip, exponent), math.ldexp(step, exponent) + batch / 2 + 1, replicas):
        exponent -= 1
    smallest = min(rates) / max(rates) * math.ldexp(step, exponent) / batch
    if smallest < COARSEST:
        raise InvalidInputError(
            f"latents are integers up to clip={algorithm.clip:g} in units of 2^{-exponent}, of which a pattern's"
            f" largest step at learning_rate={min(rates):g} in batches of {batch} is {smallest:.2g}, too few to tell"
            " patterns apart: raise the learning rate, or lower clip or batch_size"
        )
    if math.ldexp(algorithm.clip, exponent) < 1:
        raise InvalidInputError(
            f"clip={algorithm.clip:g} is less than a unit of the latents, 2^{-exponent} at a learning rate of"
            f" {max(rates):g}: raise clip or lower the learning rate"
        )
    return math.ldexp(1.0, -exponent)


def largest_step(machine: Machine, algorithm: SGD) -> float:
    """The largest change of a latent that all patterns of a mini-batch together can ask for."""
    return max(_rates(algorithm)) * algorithm.output_scale / math.sqrt(machine.n_inputs)


def _rates(algorithm: SGD) -> list[float]:
    """Learning rates of all phases."""
    pretraining = [algorithm.pretrain_learning_rate] if isinstance(algorithm, ADV) else []
    return [algorithm.learning_rate, *pretraining]


def _fits(clip: float, step: float, replicas: int) -> bool:
    """Whether clip plus step, and the sum of clips over replicas, fit into 32 bits; both are in units."""
    return replicas * math.floor(clip) < TOP and math.floor(clip) + step < TOP


def share_of(learning_rate: float, algorithm: RSGD, epoch: int) -> int:
    """learning_rate gamma(epoch) / R in units of 2^-31, rounded down: the pull of each replica on every other.

    The power is computed by squaring, because the C library's differs in the last digit between CPUs.
    """
    power, square, exponent = 1.0, algorithm.coupling_growth, epoch
    while exponent:
        power, square, exponent = power * square if exponent % 2 else power, square * square, exponent // 2
    return math.floor(FULL * min(learning_rate * algorithm.coupling * power, 1.0) / algorithm.replicas)


def uniform_integers(
    rng: np.random.Generator, width: float, shape: tuple[int, ...], unit: float, clip: int
) -> NDArray[np.int32]:
    """Latents drawn uniformly from [-width, width], as integers.

    The same numbers as `rng.uniform`, but with a separate product and sum, which some CPUs would otherwise round once.
    """
    return as_integers(-width + (2 * width) * rng.random(shape), unit, clip)


def as_integers(latents: NDArray[np.floating], unit: float, clip: int) -> NDArray[np.int32]:
    """Latents in units, rounded to the nearest integer that has the same sign (0 counts as positive), then clipped."""
    rounded = np.rint(latents.astype(np.float64) / unit)
    rounded[(rounded == 0) & (latents < 0)] = -1
    return np.clip(rounded, -clip, clip).astype(np.int32)
