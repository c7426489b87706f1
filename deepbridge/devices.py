"""Where and how exactly torch computes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from binland.errors import InvalidInputError


def as_device(name: str) -> torch.device:
    """The device of a name such as "cpu", "cuda" or "cuda:1"; raises InvalidInputError if it is not there."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device).item()
    except (RuntimeError, AssertionError, TypeError, NotImplementedError, ImportError) as error:
        reason = " ".join(str(error).split())[:100]
        there = ", ".join(["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))])
        raise InvalidInputError(f"device={name!r} cannot be used ({reason}); here there are: {there}") from None
    return device


@contextmanager
def full_precision() -> Iterator[None]:
    """No shortcuts inside: torch may else round factors to 10 bits, sum in bfloat16, or add up in a varying order."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = torch.get_float32_matmul_precision(), matmul.allow_bf16_reduced_precision_reduction
    kept = cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark
    try:
        torch.set_float32_matmul_precision("highest")
        matmul.allow_bf16_reduced_precision_reduction = False
        cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = False, True, False
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        matmul.allow_bf16_reduced_precision_reduction = before[1]
        cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = kept
