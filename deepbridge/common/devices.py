"""Devices of torch, and settings under which it computes exactly and reproducibly."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from binland.errors import InvalidInputError, one_line, shown

Device = str | torch.device
_SEEDING = threading.RLock()

# Settings of float32 products in torch 2.9 and later, general ones first; specific ones take precedence.
_LEVELS = [("generic", "all"), ("cuda", "all"), ("mkldnn", "all")]
_LEVELS += [(backend, op) for backend in ("cuda", "mkldnn") for op in ("matmul", "conv", "rnn")]


def as_device(name: Device) -> torch.device:
    """The torch.device of a name such as "cpu", "cuda" or "cuda:1", in one form for each device.

    "cpu:0" becomes "cpu"; "cuda" becomes the current GPU with its number. Raises InvalidInputError if it is not there.
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
    """What determines the numbers of a device: "cpu", or the model of GPU, but not which of several."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


@contextmanager
def usual() -> Iterator[None]:
    """Context in which gradients are recorded and new tensors are on the CPU, whatever the caller has set."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.empty(0).device.type != "cpu":  # skipped otherwise, since it slows every call of torch
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Context in which torch's generators, of the CPU and a GPU, start from a seed; their state is restored after.

    One thread at a time, since all threads share them. `torch.manual_seed` would seed all GPUs, whose state is not
    restored, and is slow.
    """
    gpu = device is not None and device.type == "cuda"
    with _SEEDING, torch.random.fork_rng(devices=[device] if gpu else []):
        torch.default_generator.manual_seed(seed)
        if device is not None and gpu:
            torch.cuda.default_generators[device.index].manual_seed(seed)
        yield


class _Shared:
    """Settings of torch, which threads share: the first that enters changes them, the last that leaves restores."""

    lock = threading.Lock()
    inside = 0
    changed = ExitStack()


@contextmanager
def full_precision() -> Iterator[None]:
    """Context in which torch computes at full precision and in a fixed order.

    Otherwise it may round factors to 10 bits, sum in bfloat16, or add in a varying order. Settings are restored at the
    end, whichever of torch's interfaces they were made with.
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
    """Change the settings; the stack undoes it."""
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
    """Set IEEE arithmetic for every operation, by torch's newer interface, on which the older one is built.

    A level that is not set has the value of the level above: once that is IEEE, any other value is the level's own.
    Levels that inherit are not touched, because "not set" cannot be restored (except for matrix products, which the
    older interface sets too). The levels have public names as well, but that of mkldnn sets all of them.
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
    """Context in which the level above is not set, so that the levels below show their own values."""
    before = torch._C._get_fp32_precision_getter(backend, "all")
    torch._C._set_fp32_precision_setter(backend, "all", "none")
    yield
    torch._C._set_fp32_precision_setter(backend, "all", before)
