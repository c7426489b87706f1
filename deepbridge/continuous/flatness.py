"""Local energy of continuous networks: how much the error rises when weights get noise (paper, section 4.1)."""

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
    """How much error and loss of a continuous network rise when its weights get multiplicative noise.

    delta E(w, sigma) = E[error of w (1 + sigma z)] - error of w, with a standard normal z for each parameter.

    Attributes
    ----------
    sigmas : numpy.ndarray of shape (S,)
        Amplitudes of the noise.
    samples : numpy.ndarray of shape (S, R)
        Rise of the error in each of R realizations, which have the same z at all amplitudes.
    loss_samples : numpy.ndarray of shape (S, R)
        The same for the loss, in nats.
    """

    sigmas: NDArray[np.float64]
    samples: NDArray[np.float64]
    loss_samples: NDArray[np.float64]

    _shown = ("sigmas", "mean", "std", "loss_mean", "samples")

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean rise of the error at each amplitude, (S,)."""
        return self.samples.mean(axis=1)

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation over the realizations, (S,), ddof = 1, the shades of the paper's Fig. 1; nan for R = 1."""
        return std_of_rows(self.samples)

    @property
    def loss_mean(self) -> NDArray[np.float64]:
        """Mean rise of the loss at each amplitude, (S,), in nats."""
        return self.loss_samples.mean(axis=1)

    @property
    def loss_std(self) -> NDArray[np.float64]:
        """Standard deviation of the rise of the loss over the realizations, (S,), ddof = 1."""
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
    """How much the train error of a continuous network rises when every parameter gets multiplicative Gaussian noise.

    delta E(w, sigma) = E[error of w (1 + sigma z)] - error of w, with a standard normal z for each parameter, biases
    and batch-norm parameters included. It does not change when units are rescaled, because noise is in proportion to
    the weight.

    Parameters
    ----------
    solution : ContinuousSolution
        The solution.
    data : Dataset, Patterns or tuple
        Data on which errors are counted, usually the train data.
    sigmas : sequence of float
        Amplitudes of the noise, 0 or more, at least one.
    realizations : int, default 10
        Number of draws of the noise, 1 to 10^6; 100 in the paper.
    seed : int, SeedSequence or Generator, default 0
        Fixes the noise, which is the same on every device.
    device : str or torch.device, default "cpu"
        Where errors are counted.

    Returns
    -------
    ContinuousLocalEnergy
        ``.mean`` and ``.std`` of the error, ``.loss_mean`` and ``.loss_std``. Statistics of batch-norms stay as they
        are.

    Raises
    ------
    InvalidInputError
        If an amplitude is negative or above 10^12, or the data do not fit.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 4.1.
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
