"""Deep binary networks: layers, architectures and their exact symmetries."""

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
    """Fully connected layer with N inputs and H units: Delta_h = w_h . x / sqrt(N)."""

    n_inputs: int
    n_units: int

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weights, (H, N)."""
        return self.n_units, self.n_inputs

    @property
    def fan_in(self) -> int:
        """Number of inputs of a unit."""
        return self.n_inputs

    @property
    def fan_out(self) -> int:
        """Number of units that an input reaches, for the Xavier initialisation."""
        return self.n_units

    field_shape = pooled_shape = (1, 1)  # a convolution of one position
    pool = 1
    symmetry = Symmetry(permutation=True, sign_reversal=True)


@dataclass(frozen=True)
class Conv:
    """Convolution without padding, then max-pool over pool x pool, then sign.

    channels, height, width: of the input. filters: F. size: K, of K x K filters. Rows and columns that do not fill a
    whole pool are dropped. Filters may be permuted but not reversed, since max(-z) is not -max(z).
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
        """Shape of the weights, (F, C, K, K)."""
        return self.filters, self.channels, self.size, self.size

    @property
    def n_units(self) -> int:
        """Number of filters F."""
        return self.filters

    @property
    def fan_in(self) -> int:
        """Number of inputs of a filter, C K^2."""
        return self.channels * self.size**2

    @property
    def fan_out(self) -> int:
        """F K^2, for the Xavier initialisation."""
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
    """Base of the networks: a chain of layers, of which the last gives the logits."""

    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...]
    n_outputs: int
    fixed_output: bool

    @property
    def free_layers(self) -> tuple[Layer, ...]:
        """Layers with weights of their own: all but an output layer that is fixed at +1."""
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
        """Number of binary weights of all free layers."""
        return sum(math.prod(shape) for shape in self.weight_shapes)

    def symmetry(self, layer: int) -> Symmetry:
        """Exact symmetries of the units of a hidden layer, each with its incoming and outgoing weights.

        A unit that is reversed takes its tie along (`Solution.ties`), because sign(0) = +1 does not change sign. Into
        an output layer fixed at +1 no reversed unit fits.

        Parameters
        ----------
        layer : int
            Number of the hidden layer, from 0.

        Returns
        -------
        Symmetry
            ``.permutation`` and ``.sign_reversal``.
        """
        own = self.layers[layer].symmetry
        last = self.fixed_output and layer == len(self.layers) - 2
        return Symmetry(own.permutation, own.sign_reversal and not last)

    def split(self, flat: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Cut a flat array into the arrays of the layers.

        Parameters
        ----------
        flat : numpy.ndarray of shape (n_weights,)
            All weights, layer by layer.

        Returns
        -------
        tuple of numpy.ndarray
            One view per free layer, of its weight shape.
        """
        ends = np.cumsum([math.prod(shape) for shape in self.weight_shapes])[:-1]
        parts = np.split(flat, ends)
        return tuple(part.reshape(shape) for part, shape in zip(parts, self.weight_shapes, strict=True))


@dataclass(frozen=True)
class BinaryMLP(_Network):
    """Multi-layer perceptron with binary weights and binary hidden activations, without biases.

    x_(l+1) = sign(w_l x_l / sqrt(N_l)), sign(0) = +1. For two classes the label is the sign of the only output, else
    the place of the largest output, the first of equals.

    Parameters
    ----------
    n_inputs : int
        Number of inputs N; images are flattened.
    hidden : sequence of int
        Widths of the hidden layers; () is the perceptron.
    n_outputs : int, default 1
        1 for two classes, else the number of classes.
    fixed_output : bool, default False
        Fix the output weights at +1 instead of training them; needs n_outputs=1. With one hidden layer this is the
        committee machine.

    Raises
    ------
    InvalidInputError
        If a size is below 1, n_outputs is 2, or fixed_output is given without a hidden layer or with several outputs.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 5.2 and appendix B.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.BinaryMLP(784, (101, 101)).n_weights
    89486
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
        """Shape of an input, (N,)."""
        return (self.n_inputs,)


@dataclass(frozen=True)
class BinaryConvNet(_Network):
    """Convolutional network with binary weights and binary hidden activations, without biases.

    Convolutions without padding, each followed by a max-pool and sign, then fully connected layers and the output
    layer.

    Parameters
    ----------
    input_shape : tuple of int, default (3, 32, 32)
        (channels, height, width) of the images.
    filters : sequence of int, default (20, 50)
        Numbers of filters of the convolutional layers, at least one layer.
    hidden : sequence of int, default (2001, 2001, 2001)
        Widths of the fully connected layers between the convolutions and the output layer.
    n_outputs : int, default 10
        1 for two classes, else the number of classes.
    filter_size : int, default 5
        K of K x K filters.
    pool : int, default 2
        Side of the max-pool.

    Raises
    ------
    InvalidInputError
        If a size is below 1, n_outputs is 2, or the images are too small.

    Notes
    -----
    The paper's "5 layers" are read as two convolutions and three fully connected layers, with the output layer behind
    them.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 5.2 and appendix B.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.BinaryConvNet((1, 28, 28), filters=(4,), hidden=(11,)).weight_shapes
    ((4, 1, 5, 5), (11, 576), (10, 11))
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
    """The data as a Dataset; raises InvalidInputError if the network cannot read them."""
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
