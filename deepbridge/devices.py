"""Where torch computes."""

import torch

from binland.errors import InvalidInputError


def as_device(name: str) -> torch.device:
    """The device of a name such as "cpu", "cuda" or "cuda:1"; raises InvalidInputError if it is not there."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = " ".join(str(error).split())[:100]
        there = ", ".join(["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))])
        raise InvalidInputError(f"device={name!r} cannot be used ({reason}); here there are: {there}") from None
    return device
