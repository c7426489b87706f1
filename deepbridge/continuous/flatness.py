"""Local energy of continuous networks: how much the error rises when every weight gets noise (paper, section 4.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from binland.checks import positive
from binland.errors import InvalidInputError, shown
from binland.results import std_of_rows
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.common.data import limited
from deepbridge.common.devices import Device, as_device
from deepbridge.continuous.evaluation import Row, scores
from deepbridge.continuous.examples import Data, as_examples
from deepbridge.continuous.solutions import ContinuousSolution, check_solution
from deepbridge.continuous.units import State


@dataclass(frozen=True, eq=False, repr=False)
class ContinuousLocalEnergy(Summary):
    """delta E(w, sigma) = E[error of w + sigma z * w] - error of w, z a standard normal number for each parameter.

    sigmas: (S,) as asked for. samples: (S, R) differences of errors, a column for each realisation, whose noise is the
    same for all sigmas but for its size. loss_samples: (S, R) the same of the loss, in nats.
    """

    sigmas: NDArray[np.float64]
    samples: NDArray[np.float64]
    loss_samples: NDArray[np.float64]

    _shown = ("sigmas", "mean", "std", "loss_mean", "samples")

    @property
    def mean(self) -> NDArray[np.float64]:
        """(S,) mean over the realisations."""
        return self.samples.mean(axis=1)

    @property
    def std(self) -> NDArray[np.float64]:
        """(S,) standard deviation over the realisations (ddof = 1), the shades of Fig. 1; nan where there is one."""
        return std_of_rows(self.samples)

    @property
    def loss_mean(self) -> NDArray[np.float64]:
        """(S,) mean rise of the loss, in nats."""
        return self.loss_samples.mean(axis=1)

    @property
    def loss_std(self) -> NDArray[np.float64]:
        """(S,) standard deviation of the rise of the loss over the realisations (ddof = 1)."""
        return std_of_rows(self.loss_samples)


def local_energy(
    solution: ContinuousSolution,
    data: Data,
    sigmas: Sequence[float] | NDArray[np.float64],
    realizations: int = 10,
    seed: Seed = 0,
    *,
    device: Device = "cpu",
) -> ContinuousLocalEnergy:
    """Local energy of a solution for multiplicative Gaussian noise on all parameters, biases and batch-norms' included.

    sigmas: amplitudes. realizations: draws of the noise (100 in the paper). Statistics of batch-norms stay. Noise is
    the same on every device. It does not change when units are rescaled: each weight's noise is in proportion to it.
    Raises InvalidInputError on amplitudes that are not from 0 to 1e12, and on data that do not fit.
    """
    check_solution(solution)
    given = np.asarray(sigmas, dtype=object).reshape(-1).tolist()
    if not given:
        raise InvalidInputError(f"sigmas={shown(sigmas)} is empty; give at least one amplitude")
    amplitudes = [positive("sigma", value, zero=True) for value in given]
    place, network = as_device(device), solution.network
    examples = as_examples(network, data).to(place, solution.dtype)
    seeds = generator(seed, "local_energy").integers(2**63, size=limited("realizations", realizations, 10**6))
    base = scores(network, Noisy(solution, 0, (0.0,)), examples, place)
    found = [scores(network, Noisy(solution, int(one), amplitudes), examples, place) for one in seeds]
    errors = np.stack([one.errors for one in found], axis=1) - base.errors
    losses = np.stack([one.losses for one in found], axis=1) - base.losses
    return ContinuousLocalEnergy(np.array(amplitudes), errors / len(examples), losses)


class Noisy(Row):
    """A network with the same noise at several amplitudes."""

    def __init__(self, solution: ContinuousSolution, seed: int, amplitudes: Sequence[float]):
        self._state, self._amplitudes = solution.state, amplitudes
        rng = torch.Generator().manual_seed(seed)
        self._noise = {
            name: torch.randn(tensor.shape, generator=rng, dtype=tensor.dtype)
            for name, tensor in solution.state.items()
            if name in solution.network.parameters
        }

    def __len__(self) -> int:
        return len(self._amplitudes)

    def state(self, i: int) -> State:
        """Tensors at amplitude i."""
        sigma = self._amplitudes[i]
        return {
            name: tensor * (1 + sigma * self._noise[name]) if name in self._noise else tensor
            for name, tensor in self._state.items()
        }
