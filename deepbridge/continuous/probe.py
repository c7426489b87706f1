"""What a module does with its inputs, watched on an example."""

import copy

import torch
from torch import Tensor, nn

from deepbridge.common.devices import seeded
from deepbridge.continuous.units import LAYERS


def entrance(module: nn.Module, example: Tensor) -> str:
    """The layer that takes the inputs as they are, only reshaped, and is used once; empty if there is none."""
    calls: list[tuple[str, nn.Module, Tensor]] = []
    hooks = [
        one.register_forward_pre_hook(lambda module, inputs, name=name: calls.append((name, module, inputs[0])))
        for name, one in module.named_modules()
        if any(True for _ in one.parameters(recurse=False))
    ]
    try:
        inputs = torch.arange(example.numel(), dtype=torch.float32).reshape(example.shape)
        module(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if not calls:
        return ""
    name, layer, taken = calls[0]
    once = [other for _, other, _ in calls].count(layer) == 1
    dense = isinstance(layer, nn.Linear) and taken.ndim == 2
    as_they_are = torch.equal(taken.reshape(-1), inputs.reshape(-1))
    return (
        name if isinstance(layer, LAYERS) and (dense or taken.shape == example.shape) and once and as_they_are else ""
    )


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
        trained(example)
        return not torch.equal(before, torch.get_rng_state())
