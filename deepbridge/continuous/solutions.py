"""Solutions: weights of a continuous network, and where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from binland.checks import checked_path
from binland.errors import InvalidInputError, shown
from binland.summary import TrainingSummary
from binland.sweep.contracts.algorithm import Algorithm
from deepbridge.common.devices import Device, as_device, seeded
from deepbridge.continuous.custom import Custom
from deepbridge.continuous.evaluation import Scores, States, on_device, outputs_of, restated, scores
from deepbridge.continuous.examples import Data, as_examples, as_inputs
from deepbridge.continuous.networks import Network, cast, check_network
from deepbridge.continuous.units import State, Symmetry, tensors

TYPES = (torch.float32, torch.float64)


@dataclass(frozen=True, eq=False)
class ContinuousSolution(TrainingSummary):
    """Weights of a network with real weights.

    network: the architecture. state: parameters and buffers by their names in `state_dict`, float32 or float64, on the
    CPU; taken as they are and not to be changed. history: (epochs,) train errors after each epoch that was looked at,
    else NaN. spread: of the replicas of RSGD, root mean square distance from their centre. algorithm: that found it.
    Raises InvalidInputError on other names, shapes or types, and on entries that are not finite.
    """

    network: Network
    state: State
    history: NDArray[np.float64] | None = None
    spread: float | None = None
    algorithm: Algorithm | None = None

    _shown = ("network", "algorithm", "dtype", "spread", "history")

    def __post_init__(self) -> None:
        check_network(self.network)
        object.__setattr__(self, "state", checked_state(self.network, self.state))

    @property
    def dtype(self) -> torch.dtype:
        """Of the parameters."""
        return self.state[self.network.parameters[0]].dtype

    @property
    def flat(self) -> NDArray[Any]:
        """(n_weights,) all parameters, one after the other, row-major; without the statistics of batch-norms."""
        return np.concatenate([self.state[name].numpy().reshape(-1) for name in self.network.parameters])

    def error_count(self, data: Data, device: Device = "cpu") -> int:
        """Number of patterns with a wrong label. Raises InvalidInputError if the data do not fit."""
        return int(self._scores(data, device)[0].errors[0])

    def error(self, data: Data, device: Device = "cpu") -> float:
        """Fraction of the patterns with a wrong label, in [0, 1]. Raises InvalidInputError if the data do not fit."""
        found, n_patterns = self._scores(data, device)
        return int(found.errors[0]) / n_patterns

    def loss(self, data: Data, device: Device = "cpu") -> float:
        """Mean cross-entropy in nats. Raises InvalidInputError if the data do not fit."""
        return float(self._scores(data, device)[0].losses[0])

    def _scores(self, data: Data, device: Device) -> tuple[Scores, int]:
        """And the number of patterns."""
        place = as_device(device)
        examples = as_examples(self.network, data).to(place, self.dtype)
        return scores(self.network, States([self.state]), examples, place), len(examples)

    def outputs(self, inputs: Any, device: Device = "cpu") -> NDArray[Any]:
        """(P, n_outputs) outputs, in evaluation mode. Raises InvalidInputError if the inputs do not fit."""
        place = as_device(device)
        found = as_inputs(self.network, inputs).to(place, self.dtype)
        return outputs_of(self.network, on_device(self.state, place), found).cpu().numpy()

    def with_statistics(self, data: Data, device: Device = "cpu") -> "ContinuousSolution":
        """The same weights with batch-norm statistics of these data, as weights between solutions need them."""
        examples = as_examples(self.network, data).to(as_device(device), self.dtype)
        return self.at(restated(self.network, self.state, examples))

    def at(self, state: State) -> "ContinuousSolution":
        """Another point of the same space, which no algorithm has found."""
        return ContinuousSolution(self.network, state)

    def moved(self, state: State) -> "ContinuousSolution":
        """The same solution after a symmetry of its network."""
        return replace(self, state=state)

    def to_module(self) -> nn.Module:
        """A new module with these weights, in evaluation mode."""
        with seeded(0):
            module = self.network.module().to(self.dtype)
        with torch.no_grad():
            for name, tensor in tensors(module):
                tensor.copy_(self.state[name])
        return module.eval()

    def save(self, path: str | Path) -> None:
        """Write a new safetensors file, which `db.load_solution` reads; nothing is overwritten.

        Raises StoreError if the name is taken or the file cannot be written.
        """
        from deepbridge.continuous.solution_file import write

        write(checked_path("path", path), self)

    def __repr__(self) -> str:
        return f"ContinuousSolution({self.network!r}, algorithm={shown(self.algorithm)})"


def from_module(module: nn.Module, example_input: Any, symmetry: Symmetry | None = None) -> ContinuousSolution:
    """The weights of a module of your own as a solution; the module stays as it is.

    example_input: a few inputs (P, ...), of real numbers. symmetry: of chains of Linear, Conv, BatchNorm, ReLU,
    LeakyReLU, pools, Flatten and Dropout it is found; of anything else, such as residual networks, say which axes run
    over the same units. That the symmetry is one is tried, with random weights: outputs must not change. Raises
    InvalidInputError with the name of the module that is not understood or the units that do not fit, on parameters
    that are not finite, and where outputs depend on the other inputs of a batch or on chance.

    >>> solution = db.from_module(net, images[:2])
    >>> solution.error((images, labels))
    """
    network = Custom(module, example_input, symmetry)
    kinds = {tensor.dtype for _, tensor in module.named_parameters()}
    dtype = torch.float64 if torch.float64 in kinds else torch.float32
    found = {name: tensor.detach().cpu().clone() for name, tensor in tensors(module)}
    return ContinuousSolution(network, cast(found, dtype))


def checked_state(network: Network, state: Mapping[str, Tensor]) -> State:
    """The tensors of a network in its order; raises InvalidInputError unless they are that."""
    if not isinstance(state, Mapping) or set(state) != set(network.shapes):
        wrong = set(state) ^ set(network.shapes) if isinstance(state, Mapping) else shown(state)
        raise InvalidInputError(f"state does not name the tensors of {shown(network)}: {shown(wrong)}")
    types = {tensor.dtype for tensor in state.values() if isinstance(tensor, Tensor) and tensor.is_floating_point()}
    if len(types) != 1 or not types <= {*TYPES}:
        raise InvalidInputError(f"state is of types {shown(types)}, not float32 or float64 throughout")
    checked = {}
    for name, shape in network.shapes.items():
        tensor = state[name]
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            raise InvalidInputError(f"state: {name} is {shown(tensor)}, not a tensor of shape {shape}")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise InvalidInputError(f"state: {name} has entries that are not finite")
        checked[name] = tensor.detach().cpu()
    return checked


def check_solution(solution: object) -> None:
    """Raise InvalidInputError unless it is a solution of a continuous network."""
    if not isinstance(solution, ContinuousSolution):
        raise InvalidInputError(f"{shown(solution)} given where a solution of a continuous network is needed")


def check_same(a: ContinuousSolution, b: ContinuousSolution) -> None:
    """Raise InvalidInputError unless they are solutions of one network, in one type."""
    check_solution(a)
    check_solution(b)
    if a.network != b.network:
        raise InvalidInputError(f"the solutions are of different networks: {shown(a.network)}, {shown(b.network)}")
    if a.dtype != b.dtype:
        raise InvalidInputError(f"one solution is {a.dtype}, the other {b.dtype}; take both in one type")
