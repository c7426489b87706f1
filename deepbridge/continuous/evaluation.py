"""Errors and losses of many networks on the same data, and batch-norm statistics, on any device.

A path is a row of networks whose first layers are sums of the same two or three: what these give for the data is
computed once, and combined at each point (`Row.entrance`). With T points it saves 1 - 2/T of the first layer's
products, which are most of a multi-layer perceptron's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from binland.errors import InvalidInputError, reason
from deepbridge.common.devices import full_precision
from deepbridge.continuous.examples import Examples
from deepbridge.continuous.networks import Network
from deepbridge.continuous.probe import Given, is_plain, replaced
from deepbridge.continuous.units import BATCH_NORMS, LAYERS, State, owner, tensors

CHUNK = 2**17  # entries of a layer's output for all patterns that are computed together: what a cache holds
FEWEST = 256  # smallest number of patterns at once; with fewer, calls cost more than the computation
FRESH = (*LAYERS, *BATCH_NORMS, Given)  # modules whose outputs are new tensors
PAGE = 2**26  # bytes of the first layer's outputs that are kept


class Row:
    """Networks of one architecture, made when they are needed.

    It has a length, and `state(i)` gives the tensors of network i. `entrance(i)` gives None, or numbers (corners, H):
    the rows of the first layer's weights are sums, with these coefficients, of those of the networks in `corners`.
    """

    corners: Sequence[State] = ()

    def __len__(self) -> int:
        raise NotImplementedError

    def state(self, i: int) -> State:
        """Tensors of network i."""
        raise NotImplementedError

    def entrance(self, i: int) -> Tensor | None:
        """Coefficients of the corners in the first layer of network i, or None."""
        return None


class States(Row):
    """A row of unrelated networks."""

    def __init__(self, states: Sequence[State]):
        self._states = states

    def __len__(self) -> int:
        return len(self._states)

    def state(self, i: int) -> State:
        """Tensors of network i."""
        return self._states[i]


@dataclass(frozen=True, eq=False)
class Scores:
    """errors: (T,) int64 numbers of wrong labels. losses: (T,) mean cross-entropy in nats."""

    errors: NDArray[np.int64]
    losses: NDArray[np.float64]


def scores(network: Network, row: Row, examples: Examples, device: torch.device) -> Scores:
    """Errors and losses of every network of a row, in evaluation mode with the batch-norm statistics of its state."""
    runner = _Runner(network, device)
    errors = torch.zeros(len(row), dtype=torch.int64, device="cpu")
    losses = torch.zeros(len(row), dtype=torch.float64, device="cpu")
    with torch.no_grad(), full_precision():
        for page in runner.pages(row, examples):
            for i in range(len(row)):
                run = runner.ready(on_device(row.state(i), device), row.entrance(i) if page.known else None)
                wrong, loss = judged(_one_by_one(run, page.parts, len(page.classes)), page.classes)
                errors[i] += wrong.cpu()
                losses[i] += loss.cpu()
    return Scores(errors.numpy(), losses.numpy() / len(examples))


def judged(outputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Number of wrong labels, and sum of the cross-entropies.

    Of equal outputs the first is the label; outputs that are no numbers are wrong.
    """
    if outputs.shape[-1] == 1:
        logits = outputs[..., 0]
        wrong = ((logits >= 0) != (classes == 1)) | logits.isnan()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, classes.to(logits.dtype), reduction="sum")
    else:
        wrong = (outputs.argmax(-1) != classes) | outputs.isnan().any(-1)
        loss = nn.functional.cross_entropy(outputs, classes, reduction="sum")
    return wrong.sum(), loss


def outputs_of(network: Network, state: State, inputs: Tensor) -> Tensor:
    """Outputs (P, n_outputs) of a network, in evaluation mode."""
    with torch.no_grad(), full_precision():
        runner = _Runner(network, inputs.device)
        run = runner.ready(state)
        return _one_by_one(run, [(part, ()) for part in inputs.split(runner.chunk)], len(inputs))


def on_device(state: State, device: torch.device) -> State:
    """The tensors on a device."""
    return {name: tensor.to(device) for name, tensor in state.items()}


Part = tuple[Tensor, Sequence[Tensor]]  # inputs, and what the first layer gives for every corner, if that is known
Run = Callable[[Tensor, Sequence[Tensor]], Tensor]  # outputs for a part


def _one_by_one(run: Run, parts: Sequence[Part], count: int) -> Tensor:
    """Outputs (count, n_outputs) for all parts, copied since a forward may write to the same memory each time."""
    outputs, done = torch.empty(0), 0
    for part in parts:
        here = run(*part)
        if done == 0:
            outputs = here.new_empty(count, here.shape[1])
        outputs[done : done + len(here)] = here
        done += len(here)
    return outputs


class _Runner:
    """An architecture ready to run, and the number of patterns that it takes at once."""

    def __init__(self, network: Network, device: torch.device):
        module = network.copied().to(device)
        size = CHUNK if device.type == "cpu" else 2**8 * CHUNK
        self.chunk = max(FEWEST, size // network.widest)
        self._whole = Loaded(module)
        self._entrance = network.entrance
        if self._entrance:
            self._layer = module.get_submodule(self._entrance)
            self._given = Given()
            self._behind = Loaded(replaced(module, self._entrance, self._given))

    def ready(self, state: State, shares: Tensor | None = None) -> Run:
        """A function that runs a network. shares (corners, H): its first layer is the corners' sum with these weights.

        It is valid until the next one is made.
        """
        if shares is None:
            return self._run_whole(state)
        rest = {name: tensor for name, tensor in state.items() if owner(name) != self._entrance}
        behind, weight = self._behind.with_tensors(rest), state[f"{self._entrance}.weight"]
        shape = (-1, *[1] * (weight.ndim - 2))
        bias = state.get(f"{self._entrance}.bias", weight.new_zeros(1)).reshape(shape)
        (first, *others), given = [share.to(weight).reshape(shape) for share in shares], self._given

        def run(inputs: Tensor, sums: Sequence[Tensor]) -> Tensor:
            given.value = torch.addcmul(bias, sums[0], first)
            for one, share in zip(sums[1:], others, strict=True):
                given.value.addcmul_(one, share)
            outputs: Tensor = behind(inputs)
            return outputs

        return run

    def _run_whole(self, state: State) -> Run:
        whole = self._whole.with_tensors(state)

        def run(inputs: Tensor, sums: Sequence[Tensor]) -> Tensor:
            outputs: Tensor = whole(inputs)
            return outputs

        return run

    def pages(self, row: Row, examples: Examples) -> "Iterator[_Page]":
        """The data in parts for which the first layer's outputs of all corners fit into memory."""
        chunks = examples.inputs.split(self.chunk)
        if not (self._entrance and row.corners):
            yield _Page([(inputs, ()) for inputs in chunks], examples.classes, False)
            return
        corners = [on_device(self._weight(state), examples.inputs.device) for state in row.corners]
        parts: list[Part] = []
        first, size = 0, 0
        for k, inputs in enumerate(chunks):
            sums = [functional_call(self._layer, weight, (self._shaped(inputs),)) for weight in corners]
            parts.append((inputs, sums))
            size += sum(tensor.nbytes for tensor in sums)
            if size > PAGE or k + 1 == len(chunks):
                stop = first + sum(len(inputs) for inputs, _ in parts)
                yield _Page(parts, examples.classes[first:stop], True)
                first, size, parts = stop, 0, []

    def _weight(self, state: State) -> State:
        """Tensors of the first layer, without bias."""
        own = {name.rpartition(".")[2]: t for name, t in state.items() if owner(name) == self._entrance}
        return {name: torch.zeros_like(t) if name == "bias" else t for name, t in own.items()}

    def _shaped(self, inputs: Tensor) -> Tensor:
        return inputs.flatten(1) if isinstance(self._layer, nn.Linear) else inputs


class _Page(NamedTuple):
    """Parts of the data with their classes, and whether the first layer's outputs are known."""

    parts: list[Part]
    classes: Tensor
    known: bool


class Loaded:
    """A module that runs with the tensors of one network after the other.

    What `functional_call` does at every call is done once for all parts of the data, and the output of a layer is
    overwritten by the ReLU behind it where nothing else reads it.
    """

    def __init__(self, module: nn.Module):
        self._module = module
        self._places: dict[str, tuple[dict[str, Any], str, bool]] = {}
        for name, _ in tensors(module):
            one, key = module.get_submodule(owner(name)), name.rpartition(".")[2]
            is_buffer = key in one._buffers
            self._places[name] = one._buffers if is_buffer else one._parameters, key, is_buffer
        for relu in hidden_relus(module):
            relu.inplace = True

    def with_tensors(self, state: State) -> nn.Module:
        """The module with a state's parameters, and copies of its buffers, which a forward may change."""
        for name, tensor in state.items():
            members, key, is_buffer = self._places[name]
            members[key] = tensor.clone() if is_buffer else tensor
        return self._module


def hidden_relus(module: nn.Module) -> list[nn.ReLU]:
    """ReLUs that alone read a torch layer's output: those behind one in an `nn.Sequential` that is run as a whole."""
    if not (isinstance(module, nn.Sequential) and is_plain(module, (nn.Sequential,))):
        return []  # its own forward may do anything with the parts
    every = [one for _, one in module.named_modules(remove_duplicate=False)]
    inner = [relu for one in module for relu in hidden_relus(one)]
    return inner + [
        relu
        for layer, relu in pairwise(module)
        if is_plain(layer, FRESH)
        and isinstance(relu, nn.ReLU)
        and is_plain(relu, (nn.ReLU,))
        and every.count(relu) == 1
    ]


def restated(network: Network, state: State, examples: Examples, batch: int = 1000) -> State:
    """The state with batch-norm statistics estimated on data: means over batches, each normalised by its own.

    As Izmailov et al. 2018 do for averaged weights and Garipov et al. 2018 on curves; on the device of the data.
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
