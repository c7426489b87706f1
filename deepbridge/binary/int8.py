"""Forward sums of +-1 weights by 8-bit integer products: the same bits as in float32, faster on some CPUs.

Inputs of 16 bits are split into two halves of 8, x = 256 high + low. Sums are exact as integers and, below 2^24, as
floats, so the choice only changes the speed.
"""

import time
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from deepbridge.common.data import Dataset
from deepbridge.common.devices import full_precision

WORTH = 2**14  # weights of a layer from which on a product outweighs the calls around it
_LARGEST = 2**15 - 129  # in size, of inputs whose halves fit into 8 bits


class NarrowLayer:
    """Weights (R, H, N) of one fully connected layer of R networks as bytes; N > 1.

    halves: of the data that the layer reads (`halves_of`), or None if it reads -1 and +1.
    """

    def __init__(self, latents: Tensor, halves: Tensor | None = None):
        self._latents, self._halves = latents.numpy(), halves
        self._positive = np.empty(latents.shape, np.bool_)
        self._weights = torch.from_numpy(self._positive.view(np.int8))

    def set_weights(self) -> None:
        """Compute the signs of the latents, sign(0) = +1."""
        np.greater_equal(self._latents, 0, out=self._positive)
        self._weights.mul_(2).sub_(1)

    def sums(self, x: Tensor, batch: Tensor, out: Tensor) -> None:
        """out <- w . x of inputs x (R, B, N), which are rows batch (R, B) of the data if the layer reads these."""
        if self._halves is None:
            for signs, weights, sums in zip(x.to(torch.int8), self._weights, out, strict=True):
                sums.copy_(torch._int_mm(signs, weights.T))
        else:
            for rows, weights, sums in zip(batch, self._weights, out, strict=True):
                both = self._halves.index_select(0, rows).flatten(0, 1)
                low, high = torch._int_mm(both, weights.T).unflatten(0, (-1, 2)).unbind(1)
                torch.add(low, high, alpha=256, out=sums)


def narrowed(latents: Tensor, data: Dataset | None = None) -> NarrowLayer | None:
    """The layer (R, H, N) as bytes, or None if floats are better; data: what it reads, if not -1 and +1."""
    if not worth(latents):
        return None
    halves = None if data is None else halves_of(data)
    return None if data is not None and halves is None else NarrowLayer(latents, halves)


def halves_of(data: Dataset) -> Tensor | None:
    """Low and high halves (P, 2, N) int8 of the inputs, or None if these or their sums are too large."""
    inputs = data.inputs.reshape(data.n_patterns, -1)
    if data.largest_sum >= 2**24 or inputs.max() > _LARGEST or inputs.min() < -_LARGEST:
        return None
    low = inputs.astype(np.int8)  # the lower byte
    return torch.from_numpy(np.stack([low, ((inputs - low) >> 8).astype(np.int8)], axis=1))


def worth(latents: Tensor) -> bool:
    """Whether the sums of a layer (R, H, N) should be computed in this way."""
    one_input = latents.shape[2] == 1  # where torch._int_mm is wrong
    return latents.device.type == "cpu" and latents[0].numel() >= WORTH and not one_input and pays()


@cache
@full_precision()
def pays() -> bool:
    """Whether 8-bit products are exact here and take at most half the time of float32 ones."""
    drawn = torch.Generator().manual_seed(0)
    x = torch.randint(-128, 128, (100, 1000), dtype=torch.int8, generator=drawn)
    w = torch.randint(0, 2, (201, 1000), dtype=torch.int8, generator=drawn) * 2 - 1
    x[0], w[0] = -128, 1
    wide_x, wide_w = x.float(), w.float()
    try:
        exact = torch.equal(torch._int_mm(x, w.T).float(), wide_x @ wide_w.T)
    except RuntimeError:
        return False
    return exact and 2 * _seconds(lambda: torch._int_mm(x, w.T)) < _seconds(lambda: wide_x @ wide_w.T)


def _seconds(call: Callable[[], object]) -> float:
    """The shortest of several timings."""
    turns = []
    for _ in range(7):
        began = time.perf_counter()
        call()
        turns.append(time.perf_counter() - began)
    return min(turns)
