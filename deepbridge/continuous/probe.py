"""What a module does with its inputs, watched on an example."""

import copy
from contextlib import suppress
from functools import partial

import torch
from torch import Tensor, nn

from deepbridge.common.devices import seeded
from deepbridge.continuous.units import LAYERS


def entrance(module: nn.Module, example: Tensor) -> str:
    """The layer that takes the inputs as they are, only reshaped, and is used once; empty if there is none.

    It must be one of torch's, with nothing added: what it gives is linear in its weights then. The module must do
    without it, too, when it is told what the layer gives: see `Given`.
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
    """Whether it is exactly of one of these types, with no hooks and no forward of its own."""
    hooks = (module._forward_hooks, module._forward_pre_hooks)
    return type(module) in kinds and not any(hooks) and "forward" not in vars(module)


class Given(nn.Module):
    """In place of a layer: gives what it was told."""

    value: Tensor

    def forward(self, inputs: Tensor) -> Tensor:
        """What it was told."""
        return self.value


def replaced(module: nn.Module, name: str, given: Given) -> nn.Module:
    """A copy of a module in which one layer gives what it is told."""
    made = copy.deepcopy(module)
    made.set_submodule(name, given)
    return made


def _without(module: nn.Module, name: str, given: Given, inputs: Tensor) -> Tensor:
    """Outputs without the layer; nothing where forward looks at its weights."""
    try:
        found: Tensor = replaced(module, name, given)(inputs)
    except Exception:  # a stranger's forward may fail in any way
        return torch.empty(0)
    return found


def widest(module: nn.Module, example: Tensor) -> int:
    """Entries of the largest output of a layer for one pattern."""
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
    """Whether it draws random numbers in training, as dropout does: torch's generator has then moved on."""
    trained = copy.deepcopy(module).train()
    with seeded(0), torch.no_grad():
        before = torch.get_rng_state()
        with suppress(Exception):  # it will be tried on the data, and fail there
            trained(example)
        return not torch.equal(before, torch.get_rng_state())
