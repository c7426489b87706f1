"""Where and how exactly torch computes."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from binland.errors import InvalidInputError, one_line, shown

Device = str | torch.device
_SEEDING = threading.RLock()

# What torch 2.9 and later ask how to take float32 products: the general before the special, which goes before it.
_LEVELS = [("generic", "all"), ("cuda", "all"), ("mkldnn", "all")]
_LEVELS += [(backend, op) for backend in ("cuda", "mkldnn") for op in ("matmul", "conv", "rnn")]


def as_device(name: Device) -> torch.device:
    """The device of a name such as "cpu", "cuda" or "cuda:1", or of a torch.device; one form for each device.

    "cpu:0" is "cpu", there is no other one; "cuda" is the current GPU, with its number.
    Raises InvalidInputError if it is not there.
    """
    if not isinstance(name, (str, torch.device)):
        raise _unusable(name, "it is neither a name nor a torch.device")
    try:
        one = torch.empty(1, device=name)
        one.item()
    except (RuntimeError, AssertionError, TypeError, ValueError, NotImplementedError, ImportError) as error:
        raise _unusable(name, one_line(str(error), 100)) from None
    return torch.device("cpu") if one.device.type == "cpu" else one.device


def _unusable(name: object, reason: str) -> InvalidInputError:
    there = ", ".join(["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))])
    return InvalidInputError(f"device={shown(name)} cannot be used ({reason}); here there are: {there}")


def model(device: torch.device) -> str:
    """What decides the numbers of a device: that it is a CPU, or which model of GPU, not which of several."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


@contextmanager
def usual() -> Iterator[None]:
    """Gradients are recorded inside and new tensors are on the CPU, whatever the caller has told torch."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.empty(0).device.type != "cpu":  # else for nothing: it would take time in every call of torch
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Torch's own generators, of the CPU and of a GPU, start from a seed inside; afterwards they are as before.

    One thread at a time, since all share them. `torch.manual_seed` would seed all GPUs, whatever was remembered of
    them, and formats a traceback on each call.
    """
    gpu = device is not None and device.type == "cuda"
    with _SEEDING, torch.random.fork_rng(devices=[device] if gpu else []):
        torch.default_generator.manual_seed(seed)
        if device is not None and gpu:
            torch.cuda.default_generators[device.index].manual_seed(seed)
        yield


class _Shared:
    """Settings of torch are those of all threads: the first that comes in changes them, the last one out restores."""

    lock = threading.Lock()
    inside = 0
    changed = ExitStack()


@contextmanager
def full_precision() -> Iterator[None]:
    """No shortcuts inside: torch may else round factors to 10 bits, sum in bfloat16, or add up in a varying order.

    Whatever was set, by whichever of torch's interfaces, reads afterwards as before.
    """
    with _Shared.lock:
        if _Shared.inside == 0:
            _change(_Shared.changed)
        _Shared.inside += 1
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        with _Shared.lock:
            _Shared.inside -= 1
            if _Shared.inside == 0:
                _Shared.changed.close()


def _change(stack: ExitStack) -> None:
    """Set what has to be set; the stack undoes it."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    reduction = "allow_bf16_reduced_precision_reduction"
    split = getattr(matmul, f"{reduction}_split_k", None)  # since torch 2.10 a second part of the same setting
    before = getattr(matmul, reduction)
    _set(stack, matmul, reduction, False, before if split is None else (before, split))
    _set(stack, cudnn, "deterministic", True, cudnn.deterministic)
    _set(stack, cudnn, "benchmark", False, cudnn.benchmark)
    if hasattr(torch._C, "_set_fp32_precision_setter"):
        _set_levels(stack)
    else:
        _set(stack, cudnn, "allow_tf32", False, cudnn.allow_tf32)
    before = torch.get_float32_matmul_precision()
    if before != "highest":
        stack.callback(torch.set_float32_matmul_precision, before)
        torch.set_float32_matmul_precision("highest")


def _set(stack: ExitStack, owner: Any, name: str, value: object, before: object) -> None:
    stack.callback(setattr, owner, name, before)
    setattr(owner, name, value)


def _set_levels(stack: ExitStack) -> None:
    """IEEE arithmetic for every operation, by the interface on which the older one is built.

    A level that was not set reads as the one above it: once that one is IEEE, any other value is the level's own. Those
    that follow are not touched, because "not set" cannot be set again (but for products of matrices, which the older
    name sets too). The levels have public names as well, but the one of mkldnn sets that of everything.
    """
    read, write = torch._C._get_fp32_precision_getter, torch._C._set_fp32_precision_setter
    for backend, op in _LEVELS:
        before = read(backend, op)
        if before != "ieee":
            stack.callback(write, backend, op, before)
            write(backend, op, "ieee")
    for backend in ("cuda", "mkldnn"):
        with _unset("generic"), _unset(backend):
            stack.callback(write, backend, "matmul", read(backend, "matmul"))


@contextmanager
def _unset(backend: str) -> Iterator[None]:
    """What stands below shows its own value inside, if nothing stands above."""
    before = torch._C._get_fp32_precision_getter(backend, "all")
    torch._C._set_fp32_precision_setter(backend, "all", "none")
    yield
    torch._C._set_fp32_precision_setter(backend, "all", before)
