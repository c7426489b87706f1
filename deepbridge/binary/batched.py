"""Exact errors of many networks at once on a torch device: all points of a walk, or as many as fit into its memory.

Products of +-1 are exact wherever sums are wide enough: in float32, in int8 with 32-bit sums, and in bfloat16 with
float32 sums, whose final rounding to bfloat16 keeps every sign. Inputs of the first layer need more bits: float32 while
their sums stay below 2^24, else float64. Convolutions are matrix products of patches, since faster algorithms round.
"""

import math
import time
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from binland.bits import Signs
from deepbridge.binary.counting import Walk
from deepbridge.binary.networks import Conv, Layer, Network
from deepbridge.common.data import Dataset
from deepbridge.common.devices import Device, as_device, full_precision

ARITHMETICS = ("float32", "bfloat16", "int8")
PATTERNS = 8192  # largest number at once, so that several points fit beside each other
CPU_BYTES = 2**28
SHARE = 0.4  # of the free memory of a GPU


@full_precision()
def error_counts(
    network: Network,
    data: Dataset,
    walk: Walk,
    device: Device,
    arithmetic: str | None = None,
    memory: int | None = None,
) -> NDArray[np.int64]:
    """(T,) int64 errors at every point of a walk; data must fit the network.

    arithmetic: of the products of +-1, one of ARITHMETICS; by default the fastest of the device. memory: bytes to use.
    """
    place = as_device(device)
    products = arithmetic or fastest(place)
    room = memory or (int(SHARE * torch.cuda.mem_get_info(place)[0]) if place.type == "cuda" else CPU_BYTES)
    patterns = max(1, min(data.n_patterns, PATTERNS, room // _bytes_per_pattern(network)))
    points = max(1, min(len(walk.ends), int(room // (_bytes_per_pattern(network) * patterns + 8 * network.n_weights))))
    counts = torch.zeros(len(walk.ends), dtype=torch.int64, device=place)
    exact = torch.float32 if data.largest_sum < 2**24 else torch.float64
    classes = torch.tensor(data.classes, device=place)
    ties = [walk.thresholds(k) for k in range(len(network.hidden_layers))]
    weights = walk.start.copy()
    for first in range(0, len(walk.ends), points):
        here = slice(first, min(first + points, len(walk.ends)))
        stack = torch.tensor(_advance(weights, walk, here), device=place)
        layers = _layers(network, stack)
        thresholds = [torch.tensor(_rows(rows, here), device=place) for rows in ties]
        for begin in range(0, data.n_patterns, patterns):
            chunk = slice(begin, begin + patterns)
            x = torch.tensor(data.inputs[chunk], device=place).to(exact)
            predicted = _classes(network, x, layers, thresholds, products)
            counts[here] += (predicted != classes[chunk]).sum(dim=1)
    return counts.cpu().numpy()


def _rows(thresholds: NDArray[np.int32], points: slice) -> NDArray[np.int32]:
    """Thresholds of some points, or the only row."""
    return thresholds[points] if len(thresholds) > 1 else thresholds


def _advance(weights: Signs, walk: Walk, points: slice) -> Signs:
    """Weights (K, n_weights) at the points. `weights` are those of the point before and become those of the last."""
    out = np.empty((points.stop - points.start, len(weights)), np.int8)
    for row, t in zip(out, range(points.start, points.stop), strict=True):
        weights[walk.flips[walk.ends[t - 1] if t > 0 else 0 : walk.ends[t]]] *= -1
        row[:] = weights
    return out


def _layers(network: Network, stack: Tensor) -> list[Tensor]:
    """Weights of each layer, (K, H, fan-in) int8, from (K, n_weights)."""
    sizes = [layer.n_units * layer.fan_in for layer in network.free_layers]
    parts = [
        part.reshape(len(stack), layer.n_units, -1)
        for part, layer in zip(stack.split(sizes, dim=1), network.free_layers, strict=True)
    ]
    if network.fixed_output:
        parts.append(stack.new_ones(len(stack), 1, network.layers[-1].fan_in))
    return parts


def _classes(network: Network, x: Tensor, layers: list[Tensor], thresholds: list[Tensor], arithmetic: str) -> Tensor:
    """Predicted classes (K, P) of inputs x (P, ...), whose type the first layer computes in."""
    last = len(layers) - 1
    for k, (layer, weights) in enumerate(zip(network.layers, layers, strict=True)):
        rows = _patches(layer, x if k > 0 else x[None])  # (K or 1, P * positions, fan-in)
        if k == 0:
            delta = torch.matmul(rows, weights.to(x.dtype).transpose(1, 2))
        else:
            delta = product(rows, weights, arithmetic if k < last else "float32")
        if k == last:
            break
        if isinstance(layer, Conv):
            fields = delta.reshape(len(delta), -1, *layer.field_shape, layer.n_units).permute(0, 1, 4, 2, 3)
            delta = functional.max_pool2d(fields.flatten(0, 1).float(), layer.pool)
            x = _signs(delta >= 0).reshape(len(fields), -1, *delta.shape[1:])
        else:
            x = _signs(delta >= thresholds[k][:, None, :])
    delta = delta.reshape(len(layers[0]), -1, network.n_outputs)
    if network.n_outputs == 1:
        return (delta[..., 0] >= 0).long()
    best = delta == delta.amax(dim=2, keepdim=True)
    return best.to(torch.int8).argmax(dim=2)  # the first of equals


def _signs(positive: Tensor) -> Tensor:
    return positive.to(torch.int8).mul_(2).sub_(1)


def _patches(layer: Layer, x: Tensor) -> Tensor:
    """Inputs x (K or 1, P, ...) of a layer as rows (K or 1, P * positions, fan-in)."""
    if not isinstance(layer, Conv):
        return x.flatten(2)
    windows = x.unfold(3, layer.size, 1).unfold(4, layer.size, 1)  # (K, P, C, R, S, size, size)
    return windows.permute(0, 1, 3, 4, 2, 5, 6).reshape(len(x), -1, layer.fan_in)


def product(x: Tensor, weights: Tensor, arithmetic: str) -> Tensor:
    """x (K, n, N) times weights (K, H, N) transposed, both int8 with entries -1 and +1: (K, n, H).

    "float32" and "int8" give the sums; "bfloat16" gives their rounded values, which have the right sign and are 0 or
    at least 1 in size where the sums are. Sums are exact up to N = 2^24, inside `full_precision`.
    """
    if arithmetic == "int8":
        return torch.stack([_int8_product(a, b) for a, b in zip(x, weights, strict=True)])
    dtype = torch.bfloat16 if arithmetic == "bfloat16" else torch.float32
    return torch.bmm(x.to(dtype), weights.to(dtype).transpose(1, 2))


def _int8_product(x: Tensor, weights: Tensor) -> Tensor:
    """int32 sums; sizes are padded to what the hardware takes, more than 16 rows and multiples of 8."""
    rows, units, n = len(x), len(weights), x.shape[1]
    pad = -n % 8
    a = functional.pad(x, (0, pad, 0, max(0, 32 - rows)))
    b = functional.pad(weights, (0, pad, 0, -units % 8))
    return torch._int_mm(a, b.T)[:rows, :units]


@cache
@full_precision()
def fastest(device: torch.device) -> str:
    """The fastest arithmetic for products of signs (2048 x 2048 are timed) of those that are exact on a device."""
    drawn = torch.Generator().manual_seed(0)
    x, w = (_signs(torch.randint(2, (1, 2048, 2047), generator=drawn) > 0) for _ in range(2))
    truth = torch.tensor(x[0, :64].numpy().astype(np.int64) @ w[0].numpy().astype(np.int64).T)
    x, w = x.to(device), w.to(device)
    times = {}
    for name in ARITHMETICS:
        try:
            found = product(x, w, name)[0, :64].cpu()
        except RuntimeError:
            continue  # not on this device
        if not torch.equal(found.sign().long(), truth.sign()):
            continue
        began = time.perf_counter()
        for _ in range(3):
            product(x, w, name)[0, 0, 0].item()
        times[name] = time.perf_counter() - began
    return min(times, key=lambda name: times[name])


def _bytes_per_pattern(network: Network) -> int:
    """Bytes per pattern and network: patches and fields of the largest layer, with the copies that products make."""
    return max(math.prod(layer.field_shape) * (6 * layer.fan_in + 12 * layer.n_units) for layer in network.layers)
