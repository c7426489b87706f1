"""Labelled inputs for continuous networks: from a Dataset, Patterns, or any pair of arrays (inputs, labels)."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.errors import InvalidInputError, shown
from deepbridge.common.data import Dataset, as_array, as_dataset
from deepbridge.continuous.networks import Network

if TYPE_CHECKING:
    from binland.data import Patterns

Data = Union[Dataset, "Patterns", Sequence[Any]]


class Examples(NamedTuple):
    """Inputs (P, *input_shape) of real numbers and classes (P,) int64 from 0; of two classes -1 is 0 and +1 is 1."""

    inputs: Tensor
    classes: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> "Examples":
        """The same on a device, inputs in a type."""
        return Examples(self.inputs.to(device, dtype), self.classes.to(device))

    def __len__(self) -> int:
        return len(self.classes)


def as_examples(network: Network, data: Data) -> Examples:
    """Data in the form a network reads; flat inputs, or inputs for a flat network, are reshaped.

    data: a Dataset, Patterns, or a pair (inputs, labels) of arrays or tensors: real inputs, and labels 0, 1, ... or, of
    two classes, also -1 and +1. Raises InvalidInputError on anything else.
    """
    inputs, labels = _pair(data)
    return Examples(_shaped(network, inputs), _classes(network, labels))


def as_inputs(network: Network, inputs: Any) -> Tensor:
    """(P, *input_shape) inputs without labels; raises InvalidInputError as `as_examples`."""
    return _shaped(network, _real(as_array("inputs", inputs)))


def _shaped(network: Network, inputs: Tensor) -> Tensor:
    shape = tuple(inputs.shape[1:])
    flat = len(shape) == 1 or len(network.input_shape) == 1
    if shape != network.input_shape and not (flat and math.prod(shape) == math.prod(network.input_shape)):
        raise InvalidInputError(f"{shown(network)} reads inputs of shape {network.input_shape}; the data have {shape}")
    return inputs.reshape(len(inputs), *network.input_shape)


def _pair(data: Any) -> tuple[Tensor, Tensor]:
    if isinstance(data, (tuple, list)) and len(data) == 2:
        inputs, labels = as_array("inputs", data[0]), as_array("labels", data[1])
        if inputs.ndim < 2 or labels.shape != inputs.shape[:1] or len(labels) == 0:
            raise InvalidInputError(
                f"inputs of shape {inputs.shape} and labels of shape {labels.shape} are not (P, ...) and (P,)"
            )
        return _real(inputs), _whole(labels)
    dataset = as_dataset(data)
    return torch.from_numpy(dataset.inputs * dataset.scale).float(), torch.from_numpy(dataset.classes.copy())


def _real(inputs: NDArray[Any]) -> Tensor:
    """A copy in float64 or float32; raises InvalidInputError unless all are finite, in float32 too."""
    if inputs.ndim < 2 or len(inputs) == 0:
        raise InvalidInputError(f"inputs of shape {inputs.shape} are not (P, ...)")
    large = inputs.dtype.kind == "f" and inputs.dtype.itemsize > 4
    with np.errstate(over="ignore"):  # infinite values are refused below as too large
        found = torch.from_numpy(inputs.astype(np.float64 if large else np.float32))
    if found.numel() and not found.abs().max() <= torch.finfo(torch.float32).max:
        raise InvalidInputError("inputs are not all finite numbers below 3.4e38; remove or replace what is not")
    return found


def _whole(labels: NDArray[Any]) -> Tensor:
    if not (np.equal(labels, np.trunc(labels)) & (np.abs(labels.astype(np.float64)) < 2**31)).all():
        raise InvalidInputError(f"labels {shown(np.unique(labels)[:5].tolist())} are not whole numbers below 2^31")
    found = labels.astype(np.int64)
    return torch.from_numpy((found + 1) // 2 if {*np.unique(found)} <= {-1, 1} and (found < 0).any() else found)


def _classes(network: Network, labels: Tensor) -> Tensor:
    count = max(2, network.n_outputs)
    if labels.min() < 0 or labels.max() >= count:
        wrong = shown(torch.unique(labels)[:5].tolist())
        raise InvalidInputError(f"classes {wrong} ... are not among 0 to {count - 1}, of {network.n_outputs} outputs")
    return labels


class Confused:
    """What ADV learns first: for each run uniform random classes, of inputs with a random share of zeros.

    n_classes: number of classes. zeros: the share. rngs: one for each run.
    """

    def __init__(self, examples: Examples, n_classes: int, zeros: float, rngs: list[np.random.Generator]):
        self._inputs = examples.inputs
        device, shape = examples.inputs.device, examples.inputs.shape
        kept, classes = [], []
        for rng in rngs:
            kept.append(_bits(rng, (shape[0], shape[1:].numel()), zeros))
            classes.append(rng.integers(n_classes, size=len(examples)))
        self._kept = torch.from_numpy(np.stack(kept)).to(device)  # (runs, P, bytes)
        self._classes = torch.from_numpy(np.stack(classes)).to(device)  # (runs, P)
        self._places = torch.arange(8, dtype=torch.uint8, device=device)

    def batch(self, patterns: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs (R, B, ...) and classes (R, B) of a mini-batch (R, B) of every run."""
        runs = torch.arange(len(patterns), device=patterns.device).unsqueeze(1)
        inputs = self._inputs[patterns]
        bits = (self._kept[runs, patterns].unsqueeze(-1) >> self._places) & 1
        kept = bits.flatten(2)[..., : inputs[0, 0].numel()].reshape(inputs.shape)
        return inputs * kept, self._classes[runs, patterns]


def _bits(rng: np.random.Generator, shape: tuple[int, int], zeros: float) -> NDArray[np.uint8]:
    """A random matrix of bits, 0 with probability `zeros`, packed eight to a byte along rows; drawn in parts."""
    rows = max(1, 2**20 // shape[1])
    counts = [min(rows, shape[0] - first) for first in range(0, shape[0], rows)]
    drawn = (rng.random((count, shape[1]), dtype=np.float32) >= zeros for count in counts)
    return np.concatenate([np.packbits(part, axis=1, bitorder="little") for part in drawn])
