"""Removing the exact symmetries of a machine before two solutions are compared (paper, section 3.1.2, Alg. 2)."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from binland.bits import Signs, turned
from binland.errors import InvalidInputError, shown
from binland.kernels.forward import preactivations_into
from binland.models import Machine, Solution, check_solutions
from binland.summary import Summary


@dataclass(frozen=True, eq=False, repr=False)
class Alignment(Summary):
    """A solution moved by a symmetry of its machine.

    solution: the same function in the machine of the reference. permutation: (H,) int64, its unit h is unit
    permutation[h] of the original. signs: (H,) int8, -1 where that unit's weights were reversed.
    """

    solution: Solution
    permutation: NDArray[np.int64]
    signs: Signs

    _shown = ("solution", "permutation", "signs")


def align(solution: Solution, to: Solution) -> Alignment:
    """Move `solution` as close to the reference `to` as its exact symmetries allow; its function does not change.

    The matching maximises the overlap of the units (linear_sum_assignment), so that the Hamming distance is the
    smallest over the whole group. Perceptron: nothing to do. Committee machine: a unit with output weight c and
    weights w acts as c sign(w . x) and may take any place h with weights c_h c w: a permutation, with the sign fixed
    by the two output weights. For even n_inputs sign(0) = +1 forbids reversal, and only places with c_h = c are
    allowed. The two machines may differ in their output weights; the result lives in the machine of `to`.
    Latents and replicas move along. Raises InvalidInputError if the machines differ in size, or cannot be matched.
    """
    check_solutions(solution, to)
    machine, target = solution.machine, to.machine
    if type(machine) is not type(target) or machine.weight_shape != target.weight_shape:
        raise InvalidInputError(f"cannot align {shown(machine)} to {shown(target)}: they are not of one kind and size")
    if not target.symmetry.permutation:
        return Alignment(solution, np.zeros(1, np.int64), np.ones(1, np.int8))
    source_outputs, target_outputs = machine.output_signs, target.output_signs
    signs = np.outer(target_outputs, source_outputs)
    products = np.empty(signs.shape, np.int32)
    preactivations_into(to.words, solution.words, machine.n_inputs, products)  # 10 times as fast as BLAS at H = 101
    overlaps = signs * products.astype(np.float64)
    if not (machine.symmetry.sign_reversal or target.symmetry.sign_reversal):
        if np.sum(source_outputs) != np.sum(target_outputs):
            raise InvalidInputError(
                f"cannot align exactly: n_inputs={machine.n_inputs} is even, where no sign may be reversed, and the "
                f"machines have {np.sum(source_outputs > 0)} and {np.sum(target_outputs > 0)} positive output weights"
            )
        overlaps[signs < 0] = -4.0 * machine.n_inputs * machine.n_hidden
    _, permutation = linear_sum_assignment(overlaps, maximize=True)
    unit_signs = signs[np.arange(machine.n_hidden), permutation].astype(np.int8)
    return Alignment(_moved(solution, target, permutation, unit_signs), permutation.astype(np.int64), unit_signs)


def _moved(solution: Solution, target: Machine, permutation: NDArray[np.intp], signs: Signs) -> Solution:
    """The solution with unit permutation[h], times signs[h], at place h."""
    latents, replicas = solution.latents, solution.replicas
    if latents is not None:
        latents = turned(latents[permutation], signs[:, None])
    if replicas is not None:
        replicas = replace(replicas, weights=replicas.weights[:, permutation] * signs[:, None])
    weights = solution.weights[permutation] * signs[:, None]
    return replace(solution, machine=target, weights=weights, latents=latents, replicas=replicas)
