"""Deep binary networks: their layers and the exact symmetries of these."""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.checks import positive_int
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.models import Symmetry
from deepbridge.common.data import Dataset, as_dataset, sizes


@dataclass(frozen=True)
class Dense:
    """Fully connected layer: Delta_h = w_h . x / sqrt(N). n_inputs: N. n_units: number of units H."""

    n_inputs: int
    n_units: int

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(H, N)"""
        return self.n_units, self.n_inputs

    @property
    def fan_in(self) -> int:
        """Inputs of one unit."""
        return self.n_inputs

    @property
    def fan_out(self) -> int:
        """Units that one input reaches: of the Xavier initialisation."""
        return self.n_units

    field_shape = pooled_shape = (1, 1)  # a convolution of one position
    pool = 1
    symmetry = Symmetry(permutation=True, sign_reversal=True)


@dataclass(frozen=True)
class Conv:
    """Convolution without padding, then max-pool over `pool` x `pool`, then sign.

    channels, height, width: of its input. filters: F. size: of a filter, K x K. Rows and columns that fill no whole
    pool are left out. A maximum is not odd, max(-z) != -max(z): filters may be permuted but not reversed.
    """

    channels: int
    height: int
    width: int
    filters: int
    size: int = 5
    pool: int = 2

    def __post_init__(self) -> None:
        if min(self.pooled_shape) < 1:
            raise InvalidInputError(
                f"images of {self.height} x {self.width} are too small for filters of {self.size} x {self.size} with"
                f" {self.pool} x {self.pool} max-pool; take fewer layers, or smaller filters"
            )

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(F, C, K, K)"""
        return self.filters, self.channels, self.size, self.size

    @property
    def n_units(self) -> int:
        """Number of filters F."""
        return self.filters

    @property
    def fan_in(self) -> int:
        """Inputs of one filter, C K^2."""
        return self.channels * self.size**2

    @property
    def fan_out(self) -> int:
        """F K^2: of the Xavier initialisation."""
        return self.filters * self.size**2

    @property
    def field_shape(self) -> tuple[int, int]:
        """Height and width before the max-pool."""
        return self.height - self.size + 1, self.width - self.size + 1

    @property
    def pooled_shape(self) -> tuple[int, int]:
        """Height and width after the max-pool."""
        height, width = self.field_shape
        return height // self.pool, width // self.pool

    symmetry = Symmetry(permutation=True, sign_reversal=False)


Layer = Dense | Conv


class _Network:
    """What the networks share: a chain of layers, of which the last gives one logit for each output."""

    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...]
    n_outputs: int
    fixed_output: bool

    @property
    def free_layers(self) -> tuple[Layer, ...]:
        """Layers with weights of their own: all but an output layer fixed at +1."""
        return self.layers[:-1] if self.fixed_output else self.layers

    @property
    def hidden_layers(self) -> tuple[Layer, ...]:
        """All layers but the output layer."""
        return self.layers[:-1]

    @property
    def weight_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of the weights of each free layer."""
        return tuple(layer.weight_shape for layer in self.free_layers)

    @property
    def n_weights(self) -> int:
        """Number of binary weights of the free layers."""
        return sum(math.prod(shape) for shape in self.weight_shapes)

    def symmetry(self, layer: int) -> Symmetry:
        """Exact symmetries of the units of a hidden layer: each with its incoming and outgoing weights.

        sign(0) = +1 does not change sign, so a reversed unit carries its tie along (`Solution.ties`). Into an output
        layer that is fixed at +1 no reversed unit fits.
        """
        own = self.layers[layer].symmetry
        last = self.fixed_output and layer == len(self.layers) - 2
        return Symmetry(own.permutation, own.sign_reversal and not last)

    def split(self, flat: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Layers of a flat array (n_weights,), views of it."""
        ends = np.cumsum([math.prod(shape) for shape in self.weight_shapes])[:-1]
        parts = np.split(flat, ends)
        return tuple(part.reshape(shape) for part, shape in zip(parts, self.weight_shapes, strict=True))


@dataclass(frozen=True)
class BinaryMLP(_Network):
    """Multi-layer perceptron, all weights and hidden activations -1 or +1 (paper, section 5.2, appendix B).

    x_(l+1) = sign(w_l x_l / sqrt(N_l)), no biases; the label is the sign of one output, or the largest of several (the
    first of equals). n_inputs: N of the flattened input. hidden: widths of the hidden layers; () is the perceptron.
    n_outputs: 1 for two classes, else their number. fixed_output: output weights are fixed at +1, not trained and not
    counted; one hidden layer and one output make the committee machine. Raises InvalidInputError on sizes below 1, and
    on two outputs.
    """

    n_inputs: int
    hidden: tuple[int, ...]
    n_outputs: int = 1
    fixed_output: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_inputs", positive_int("n_inputs", self.n_inputs))
        object.__setattr__(self, "n_outputs", _outputs(self.n_outputs))
        object.__setattr__(self, "hidden", sizes("hidden", self.hidden))
        if not isinstance(self.fixed_output, bool):
            raise InvalidInputError(f"fixed_output={shown(self.fixed_output)} is not true or false")
        if self.fixed_output and (not self.hidden or self.n_outputs > 1):
            given = f"hidden={shown(self.hidden)}, n_outputs={self.n_outputs}"
            raise InvalidInputError(f"fixed_output needs a hidden layer and n_outputs=1; {given}")

    @cached_property
    def layers(self) -> tuple[Layer, ...]:  # type: ignore[override]
        """Hidden layers, then the output layer."""
        sizes = (self.n_inputs, *self.hidden, self.n_outputs)
        return tuple(Dense(n, h) for n, h in pairwise(sizes))

    @property
    def input_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """(N,)"""
        return (self.n_inputs,)


@dataclass(frozen=True)
class BinaryConvNet(_Network):
    """Convolutional network, all weights and hidden activations -1 or +1 (paper, section 5.2, appendix B).

    input_shape: (C, height, width). filters: of the convolutional layers, each filter_size x filter_size without
    padding, followed by pool x pool max-pool and sign. hidden: widths of the fully connected layers between them and
    the output layer. The paper's "5 layers" are read as two convolutions and, as it says, three layers of 2001, with
    the output layer behind them. n_outputs: as in `BinaryMLP`. Raises InvalidInputError on sizes below 1 and on images
    that are too small.
    """

    input_shape: tuple[int, int, int] = (3, 32, 32)  # type: ignore[assignment]
    filters: tuple[int, ...] = (20, 50)
    hidden: tuple[int, ...] = (2001, 2001, 2001)
    n_outputs: int = 10
    filter_size: int = 5
    pool: int = 2
    fixed_output = False

    def __post_init__(self) -> None:
        for name in ("input_shape", "filters", "hidden"):
            object.__setattr__(self, name, sizes(name, getattr(self, name)))
        if len(self.input_shape) != 3 or not self.filters:
            given = f"input_shape={shown(self.input_shape)}, filters={shown(self.filters)}"
            raise InvalidInputError(f"{given}: (channels, height, width) and at least one layer are needed")
        object.__setattr__(self, "n_outputs", _outputs(self.n_outputs))
        for name in ("filter_size", "pool"):
            object.__setattr__(self, name, positive_int(name, getattr(self, name)))
        _ = self.layers

    @cached_property
    def layers(self) -> tuple[Layer, ...]:  # type: ignore[override]
        """Convolutions, fully connected layers, output layer."""
        made: list[Layer] = []
        channels, height, width = self.input_shape
        for filters in self.filters:
            layer = Conv(channels, height, width, filters, self.filter_size, self.pool)
            made.append(layer)
            channels, (height, width) = filters, layer.pooled_shape
        sizes = (channels * height * width, *self.hidden, self.n_outputs)
        return (*made, *(Dense(n, h) for n, h in pairwise(sizes)))


Network = BinaryMLP | BinaryConvNet


def check_network(network: Network) -> None:
    """Raise InvalidInputError unless it is a network."""
    if not isinstance(network, (BinaryMLP, BinaryConvNet)):
        raise InvalidInputError(f"network={shown(network)} is not a BinaryMLP or BinaryConvNet")


def check_fit(network: Network, data: Dataset | Patterns) -> Dataset:
    """The data, if the network can read them; raises InvalidInputError if not."""
    check_network(network)
    dataset = as_dataset(data)
    shape = dataset.input_shape
    if isinstance(network, BinaryMLP) and math.prod(shape) != network.n_inputs:
        raise InvalidInputError(f"{shown(network)} has {network.n_inputs} inputs but the data are of shape {shape}")
    if isinstance(network, BinaryConvNet) and shape != network.input_shape:
        wanted_shape = network.input_shape
        raise InvalidInputError(f"{shown(network)} reads images of shape {wanted_shape} but the data have {shape}")
    wanted = 1 if dataset.n_classes == 2 else dataset.n_classes
    if network.n_outputs != wanted:
        raise InvalidInputError(
            f"{shown(network)} has {network.n_outputs} outputs; {dataset.n_classes} classes need {wanted}"
        )
    return dataset


def _outputs(value: int) -> int:
    count = positive_int("n_outputs", value)
    if count == 2:
        raise InvalidInputError("n_outputs=2: two classes need one output, whose sign is the label; set n_outputs=1")
    return count
