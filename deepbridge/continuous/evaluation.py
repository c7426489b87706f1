"""Errors and losses of many networks on the same data, and batch-norm statistics, on any device.

A path is a row of networks whose first layers are sums of the same two or three: what these give for the data is
computed once, and combined at each point (`Row.entrance`). With T points it saves 1 - 2/T of the first layer's
products, which are most of a multi-layer perceptron's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from binland.errors import InvalidInputError, reason
from deepbridge.common.devices import full_precision
from deepbridge.continuous.examples import Examples
from deepbridge.continuous.networks import Network
from deepbridge.continuous.probe import Given, replaced
from deepbridge.continuous.units import BATCH_NORMS, State, owner

CHUNK = 2**19  # entries of a layer's output for all patterns that are computed together: what a cache holds
PAGE = 2**26  # bytes of the first layer's outputs that are kept


class Row:
    """Networks of one architecture in a row, made when they are needed.

    Anything with a length whose `state(i)` gives the tensors of network i; `entrance(i)` gives None, or (corners, H)
    numbers: rows of the first layer's weights are their sums over the weights in `corners`.
    """

    corners: Sequence[State] = ()

    def __len__(self) -> int:
        raise NotImplementedError

    def state(self, i: int) -> State:
        """Tensors of network i."""
        raise NotImplementedError

    def entrance(self, i: int) -> Tensor | None:
        """What network i is made of at the first layer."""
        return None


class States(Row):
    """Networks that have nothing in common."""

    def __init__(self, states: Sequence[State]):
        self._states = states

    def __len__(self) -> int:
        return len(self._states)

    def state(self, i: int) -> State:
        """Tensors of network i."""
        return self._states[i]


@dataclass(frozen=True, eq=False)
class Scores:
    """errors: (T,) int64 patterns whose largest output is another class's. losses: (T,) mean cross-entropy in nats."""

    errors: NDArray[np.int64]
    losses: NDArray[np.float64]


def scores(network: Network, row: Row, examples: Examples, device: torch.device) -> Scores:
    """Errors and losses of every network of a row; in evaluation mode, with the statistics that are in the states."""
    runner = _Runner(network, device)
    errors = torch.zeros(len(row), dtype=torch.int64, device="cpu")
    losses = torch.zeros(len(row), dtype=torch.float64, device="cpu")
    with torch.no_grad(), full_precision():
        for page in runner.pages(row, examples):
            for i in range(len(row)):
                state, shares = on_device(row.state(i), device), row.entrance(i)
                for (inputs, classes), sums in zip(page.chunks, page.sums, strict=True):
                    wrong, loss = judged(runner.outputs(state, shares, inputs, sums), classes)
                    errors[i] += wrong.cpu()
                    losses[i] += loss.double().cpu()
    return Scores(errors.numpy(), losses.numpy() / len(examples))


def judged(outputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Number of wrong labels, and sum of the cross-entropies; the first of equal outputs is the label."""
    if outputs.shape[-1] == 1:
        logits = outputs[..., 0]
        wrong = (logits >= 0) != (classes == 1)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, classes.to(logits.dtype), reduction="sum")
    else:
        wrong = outputs.argmax(-1) != classes
        loss = nn.functional.cross_entropy(outputs, classes, reduction="sum")
    return wrong.sum(), loss


def outputs_of(network: Network, state: State, inputs: Tensor) -> Tensor:
    """(P, n_outputs) of one network, in evaluation mode."""
    with torch.no_grad(), full_precision():
        runner = _Runner(network, inputs.device)
        return torch.cat([runner.run(state, part) for part in inputs.split(runner.chunk)])


def on_device(state: State, device: torch.device) -> State:
    """Tensors where they are needed."""
    return {name: tensor.to(device) for name, tensor in state.items()}


class _Runner:
    """An architecture ready to run, and how many patterns it takes at once."""

    def __init__(self, network: Network, device: torch.device):
        self._module = network.copied().to(device)
        self.chunk = max(1, (CHUNK if device.type == "cpu" else 2**6 * CHUNK) // network.widest)
        self._entrance = network.entrance
        if self._entrance:
            self._layer = self._module.get_submodule(self._entrance)
            self._given = Given()
            self._behind = replaced(self._module, self._entrance, self._given)

    def run(self, state: State, inputs: Tensor) -> Tensor:
        """Outputs of a network."""
        return functional_call(self._module, state, (inputs,))

    def pages(self, row: Row, examples: Examples) -> "Iterator[_Page]":
        """The data in parts for which the first layer's outputs of all corners can be kept."""
        chunks = list(zip(examples.inputs.split(self.chunk), examples.classes.split(self.chunk), strict=True))
        if not (self._entrance and row.corners):
            yield _Page(chunks, [None] * len(chunks))
            return
        corners = [on_device(self._weight(state), examples.inputs.device) for state in row.corners]
        kept: list[Tensor | None] = []
        first = 0
        for k, (inputs, _) in enumerate(chunks):
            kept.append(
                torch.stack([functional_call(self._layer, weight, (self._shaped(inputs),)) for weight in corners])
            )
            if sum(tensor.nbytes for tensor in kept if tensor is not None) > PAGE or k + 1 == len(chunks):
                yield _Page(chunks[first : k + 1], kept)
                first, kept = k + 1, []

    def outputs(self, state: State, shares: Tensor | None, inputs: Tensor, sums: Tensor | None) -> Tensor:
        """Outputs of a network whose first layer gives the corners' sums, weighted by shares (corners, H), and bias."""
        if shares is None or sums is None:
            return self.run(state, inputs)
        self._given.value = self._combined(state, shares, sums)
        rest = {name: tensor for name, tensor in state.items() if owner(name) != self._entrance}
        return functional_call(self._behind, rest, (inputs,))

    def _combined(self, state: State, shares: Tensor, sums: Tensor) -> Tensor:
        shape = (-1, *[1] * (sums.ndim - 3))
        factors = shares.to(sums).reshape(len(shares), *shape)
        bias = state.get(f"{self._entrance}.bias", torch.zeros((), dtype=sums.dtype, device=sums.device))
        total = torch.addcmul(bias.reshape(shape), sums[0], factors[0])
        for one, factor in zip(sums[1:], factors[1:], strict=True):
            total.addcmul_(one, factor)
        return total

    def _weight(self, state: State) -> State:
        """Tensors of the first layer, without bias."""
        own = {name.rpartition(".")[2]: t for name, t in state.items() if owner(name) == self._entrance}
        return {name: torch.zeros_like(t) if name == "bias" else t for name, t in own.items()}

    def _shaped(self, inputs: Tensor) -> Tensor:
        return inputs.flatten(1) if isinstance(self._layer, nn.Linear) else inputs


class _Page(NamedTuple):
    """Inputs and classes in chunks, and for each what the first layer gives for every corner, if it is known."""

    chunks: list[tuple[Tensor, Tensor]]
    sums: list[Tensor | None]


def restated(network: Network, state: State, examples: Examples, batch: int = 1000) -> State:
    """The state with batch-norm statistics of the data: means over batches, each normalised by its own.

    As Izmailov et al. 2018 do for averages of weights and Garipov et al. 2018 on curves; on the device of the data.
    """
    if not network.has_batch_norm:
        return state
    module = network.copied().to(examples.inputs.device)
    fresh = {name: tensor.to(examples.inputs.device) for name, tensor in state.items()}
    for name, one in module.named_modules():
        if isinstance(one, BATCH_NORMS) and one.track_running_stats:
            one.train()
            one.momentum = None  # cumulative means
            for tensor, value in (("running_mean", 0), ("running_var", 1), ("num_batches_tracked", 0)):
                fresh[f"{name}.{tensor}"] = torch.full_like(fresh[f"{name}.{tensor}"], value)
    with torch.no_grad(), full_precision():
        for inputs in examples.inputs.tensor_split(-(-len(examples) // batch)):  # all about as long, and count alike
            try:
                functional_call(module, fresh, (inputs,))
            except ValueError as error:  # a single number has no variance
                raise InvalidInputError(
                    f"data of {len(examples)} patterns have no batch-norm statistics ({reason(error)})"
                ) from None
    return {name: tensor.to(state[name].device) for name, tensor in fresh.items()}
