"""What a module does with its inputs, observed on an example."""

import copy
from contextlib import suppress
from functools import partial

import torch
from torch import Tensor, nn

from deepbridge.common.devices import seeded
from deepbridge.continuous.units import LAYERS


def entrance(module: nn.Module, example: Tensor) -> str:
    """Name of the layer that reads the inputs, at most reshaped, and is used once; empty if there is none.

    It must be one of torch's layers with nothing added, so that its output is linear in its weights, and the module
    must also work when it is given that output instead (`Given`).
    """
    calls: list[tuple[str, nn.Module, Tensor | None]] = []
    plain = {name for name, one in module.named_modules() if is_plain(one, LAYERS)}  # before hooks are added

    def note(name: str, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        calls.append((name, layer, inputs[0] if inputs else None))  # it may be called by keyword

    hooks = [
        one.register_forward_pre_hook(partial(note, name))
        for name, one in module.named_modules()
        if any(True for _ in one.parameters(recurse=False))
    ]
    try:
        inputs = torch.randn(
            example.shape, generator=torch.Generator().manual_seed(0), dtype=example.dtype, device="cpu"
        )
        outputs = module(inputs.clone()).clone()  # the next call may write to the same memory
    finally:
        for hook in hooks:
            hook.remove()
    name, layer, taken = calls[0] if calls else ("", module, None)
    if taken is None or name not in plain:
        return ""
    once = [other for _, other, _ in calls].count(layer) == 1
    fits = taken.shape == (example.flatten(1) if isinstance(layer, nn.Linear) else example).shape
    as_they_are = torch.equal(taken.reshape(-1), inputs.reshape(-1))
    if name and fits and once and as_they_are:
        given = Given()
        given.value = layer(taken)
        if torch.equal(_without(module, name, given, inputs), outputs):
            return name
    return ""


def is_plain(module: nn.Module, kinds: tuple[type[nn.Module], ...]) -> bool:
    """Whether it is exactly of one of these types, without hooks and without a forward of its own."""
    hooks = (module._forward_hooks, module._forward_pre_hooks)
    return type(module) in kinds and not any(hooks) and "forward" not in vars(module)


class Given(nn.Module):
    """Replaces a layer and returns a given output."""

    value: Tensor

    def forward(self, inputs: Tensor) -> Tensor:
        """The given output."""
        return self.value


def replaced(module: nn.Module, name: str, given: Given) -> nn.Module:
    """A copy of a module with one layer replaced by `given`."""
    made = copy.deepcopy(module)
    made.set_submodule(name, given)
    return made


def _without(module: nn.Module, name: str, given: Given, inputs: Tensor) -> Tensor:
    """Outputs of the module with the layer replaced; an empty tensor if forward fails without the layer's weights."""
    try:
        found: Tensor = replaced(module, name, given)(inputs)
    except Exception:  # a user's forward may fail in any way
        return torch.empty(0)
    return found


def widest(module: nn.Module, example: Tensor) -> int:
    """Number of entries of the largest layer output for one pattern."""
    sizes: list[int] = []
    hooks = [
        one.register_forward_hook(lambda module, inputs, output: sizes.append(output.numel() // len(output)))
        for one in module.modules()
        if isinstance(one, LAYERS)
    ]
    try:
        module(example)
    finally:
        for hook in hooks:
            hook.remove()
    return max(sizes, default=1)


def draws(module: nn.Module, example: Tensor) -> bool:
    """Whether the module draws random numbers in training, as dropout does; seen from torch's generator."""
    trained = copy.deepcopy(module).train()
    with seeded(0), torch.no_grad():
        before = torch.get_rng_state()
        with suppress(Exception):  # it will be tried on the data, and fail there
            trained(example)
        return not torch.equal(before, torch.get_rng_state())
