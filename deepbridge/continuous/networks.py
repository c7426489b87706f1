"""Architectures of continuous networks: what all share, and the three of the paper. They make torch modules."""

import copy
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from binland.checks import positive_int
from binland.errors import InvalidInputError, shown
from binland.rng import Seed, generator
from deepbridge.common.data import sizes
from deepbridge.common.devices import seeded, usual
from deepbridge.continuous.chains import chain_symmetry
from deepbridge.continuous.probe import entrance, widest
from deepbridge.continuous.units import BATCH_NORMS, State, Symmetry, Units, owner, tensors

CHECKED = 4  # inputs on which a module is tried
SINGLE = torch.float32  # independent of torch's default type, on which random initial weights would depend
EXACT = 1e-9  # largest change relative to the outputs by rounding in float64 when units are permuted and rescaled


class Network(ABC):
    """Base of the architectures: makes torch modules and knows the symmetry of their hidden units.

    input_shape: of one input. n_outputs: 1 for two classes, whose label is the output's sign, else one for each class.
    """

    input_shape: tuple[int, ...]
    n_outputs: int

    @abstractmethod
    def module(self) -> nn.Module:
        """A new torch module.

        Returns
        -------
        torch.nn.Module
            With weights as torch draws them.
        """

    @cached_property
    def symmetry(self) -> Symmetry:
        """Which permutations and rescalings of the hidden units leave the function unchanged."""
        return chain_symmetry(self.template, self.example)

    @cached_property
    def template(self) -> nn.Module:
        """A module in evaluation mode that is copied before it runs; its weights are never used."""
        with seeded(0), usual():
            return self.module().eval()

    def copied(self, dtype: torch.dtype = torch.float32) -> nn.Module:
        """A copy of the template for one caller; modules hold the weights they run with, so they are not shared.

        Parameters
        ----------
        dtype : torch.dtype, default torch.float32
            Type of its tensors.

        Returns
        -------
        torch.nn.Module
            The copy.
        """
        return copy.deepcopy(self.template).to(dtype)

    @cached_property
    def units(self) -> Units:
        """The symmetry, tensor by tensor."""
        return Units(self.template, self.symmetry)

    @property
    def example(self) -> Tensor:
        """A batch of two inputs, all zero."""
        return torch.zeros(2, *self.input_shape, dtype=SINGLE, device="cpu")

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all parameters and buffers, by name."""
        return {name: tuple(tensor.shape) for name, tensor in tensors(self.template)}

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(name for name, _ in self.template.named_parameters())

    @property
    def trained(self) -> tuple[str, ...]:
        """Names of the parameters that training changes; raises InvalidInputError if there are none."""
        found = tuple(name for name in self.parameters if name not in self.constants)
        if not found:
            raise InvalidInputError(
                f"no parameter of {shown(self)} requires gradients; call requires_grad_(True) on it"
            )
        return found

    @cached_property
    def last_layer(self) -> str:
        """Name of the layer whose scale is the scale of the outputs, found by trial; empty if there is none."""
        module, state, inputs = drawn(self)
        before = torch.func.functional_call(module, state, (inputs,)).clone()
        for weight in reversed(self.units.outputs):
            scaled = {name: 2 * t if owner(name) == owner(weight) else t for name, t in state.items()}
            after = torch.func.functional_call(module, scaled, (inputs,))
            if (after - 2 * before).abs().max() <= EXACT * before.abs().max():
                return owner(weight)
        return ""

    @cached_property
    def has_batch_norm(self) -> bool:
        """Whether there are batch-norms with running statistics."""
        return any(isinstance(m, BATCH_NORMS) and m.track_running_stats for m in self.template.modules())

    @cached_property
    def entrance(self) -> str:
        """Name of the layer that reads the inputs, at most reshaped, and is used once; empty if there is none."""
        return entrance(self.copied(), self.example)

    @cached_property
    def widest(self) -> int:
        """Number of entries of the largest layer output for one pattern."""
        return widest(self.copied(), self.example)

    @property
    def constants(self) -> State:
        """Parameters that training does not change, by name."""
        return {}

    @property
    def n_weights(self) -> int:
        """Number of parameters."""
        return sum(math.prod(self.shapes[name]) for name in self.parameters)

    def initial(self, seed: Seed, dtype: torch.dtype = torch.float32) -> State:
        """Random weights to begin with.

        Parameters
        ----------
        seed : int, SeedSequence or Generator
            Fixes them.
        dtype : torch.dtype, default torch.float32
            Their type.

        Returns
        -------
        dict of str to torch.Tensor
            Parameters and buffers by name, as the layers' own ``reset_parameters`` draws them.
        """
        with seeded(int(generator(seed, "initial").integers(2**63))), usual():
            fresh = {name: tensor.detach() for name, tensor in tensors(self.fresh())}
        return cast({**fresh, **self.constants}, dtype)

    def fresh(self) -> nn.Module:
        """A module with newly drawn weights.

        Returns
        -------
        torch.nn.Module
            The module.
        """
        return self.module()

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: fields only, not what is computed from them on demand."""
        found = vars(type(self)).keys() | vars(Network).keys()
        known = {name for name in found if isinstance(getattr(type(self), name, None), cached_property)}
        return {name: value for name, value in self.__dict__.items() if name not in known}


def cast(state: State, dtype: torch.dtype) -> State:
    """Real tensors in another type; integer counters stay."""
    return {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in state.items()}


@dataclass(frozen=True)
class MLP(Network):
    """Multi-layer perceptron with ReLU and biases; the defaults are the paper's for MNIST.

    Parameters
    ----------
    n_inputs : int, default 784
        Number of inputs N; images are flattened.
    hidden : sequence of int, default (512, 512)
        Widths of the hidden layers.
    n_outputs : int, default 10
        1 for two classes, else the number of classes.

    Raises
    ------
    InvalidInputError
        If a size is below 1, or n_outputs is 2.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 4.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.MLP(64, (32,)).n_weights
    2410
    """

    n_inputs: int = 784
    hidden: tuple[int, ...] = (512, 512)
    n_outputs: int = 10

    def __post_init__(self) -> None:
        check_sizes(self, ("n_inputs", "n_outputs"), ("hidden",))

    @property
    def input_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Shape of an input, (N,)."""
        return (self.n_inputs,)

    def module(self) -> nn.Module:
        """A new torch module: Flatten, then Linear and ReLU in turn.

        Returns
        -------
        torch.nn.Module
            With weights as torch draws them.
        """
        return nn.Sequential(nn.Flatten(), *_dense((self.n_inputs, *self.hidden, self.n_outputs)))


@dataclass(frozen=True)
class LeNet(Network):
    """Convolutional network with ReLU and max-pools, then fully connected layers; the defaults are the paper's.

    Parameters
    ----------
    input_shape : tuple of int, default (1, 28, 28)
        (channels, height, width) of the images.
    filters : sequence of int, default (20, 50)
        Numbers of filters of the convolutional layers.
    hidden : sequence of int, default (500,)
        Widths of the fully connected layers before the output layer.
    n_outputs : int, default 10
        1 for two classes, else the number of classes.
    filter_size : int, default 5
        K of K x K filters, without padding.
    pool : int, default 2
        Side of the max-pool behind each convolution.

    Raises
    ------
    InvalidInputError
        If a size is below 1, n_outputs is 2, or the images are too small.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 4.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.LeNet(filters=(4, 8), hidden=(20,)).n_weights
    3702
    """

    input_shape: tuple[int, int, int] = (1, 28, 28)  # type: ignore[assignment]
    filters: tuple[int, ...] = (20, 50)
    hidden: tuple[int, ...] = (500,)
    n_outputs: int = 10
    filter_size: int = 5
    pool: int = 2

    def __post_init__(self) -> None:
        check_sizes(self, ("n_outputs", "filter_size", "pool"), ("input_shape", "filters", "hidden"))
        check_image(self.input_shape)
        _ = self._last

    @cached_property
    def _last(self) -> int:
        """Number of positions of a filter behind the last pool."""
        sides = list(self.input_shape[1:])
        for _ in self.filters:
            sides = [(side - self.filter_size + 1) // self.pool for side in sides]
            if min(sides) < 1:
                raise InvalidInputError(
                    f"{shown(self)}: images of {self.input_shape[1:]} are too small for its filters"
                )
        return math.prod(sides)

    def module(self) -> nn.Module:
        """A new torch module: Conv, ReLU and max-pool in turn, then Linear and ReLU.

        Returns
        -------
        torch.nn.Module
            With weights as torch draws them.
        """
        layers: list[nn.Module] = []
        for before, after in pairwise((self.input_shape[0], *self.filters)):
            layers += [nn.Conv2d(before, after, self.filter_size, dtype=SINGLE), nn.ReLU(), nn.MaxPool2d(self.pool)]
        flat = (self.filters or self.input_shape[:1])[-1] * self._last
        return nn.Sequential(*layers, nn.Flatten(), *_dense((flat, *self.hidden, self.n_outputs)))


VGG_BLOCKS = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))  # filters, in units of the first; a pool behind each


@dataclass(frozen=True)
class VGG16(Network):
    """VGG16 with batch-norm for small images: 13 convolutions of 3 x 3 and one linear layer.

    Parameters
    ----------
    width : int, default 64
        Filters of the first block, 64 in the paper; the other blocks have 2, 4, 8 and 8 times as many.
    input_shape : tuple of int, default (3, 32, 32)
        (channels, height, width) of the images. Five max-pools halve them; images smaller than 32 x 32 get fewer pools.
    n_outputs : int, default 10
        1 for two classes, else the number of classes.

    Raises
    ------
    InvalidInputError
        If a size is below 1, or n_outputs is 2.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 4.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.VGG16(width=4).has_batch_norm
    True
    """

    width: int = 64
    input_shape: tuple[int, int, int] = (3, 32, 32)  # type: ignore[assignment]
    n_outputs: int = 10

    def __post_init__(self) -> None:
        check_sizes(self, ("width", "n_outputs"), ("input_shape",))
        check_image(self.input_shape)

    def module(self) -> nn.Module:
        """A new torch module: blocks of Conv, BatchNorm and ReLU with max-pools, mean over positions, Linear.

        Returns
        -------
        torch.nn.Module
            With weights as torch draws them.
        """
        layers: list[nn.Module] = []
        channels, side = self.input_shape[0], min(self.input_shape[1:])
        for block in VGG_BLOCKS:
            for multiple in block:
                filters = multiple * self.width
                layers += [
                    nn.Conv2d(channels, filters, 3, padding=1, dtype=SINGLE),
                    nn.BatchNorm2d(filters, dtype=SINGLE),
                ]
                layers.append(nn.ReLU())
                channels = filters
            if side > 1:
                layers.append(nn.MaxPool2d(2))
                side //= 2
        return nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, self.n_outputs, dtype=SINGLE)
        )


def drawn(network: Network) -> tuple[nn.Module, State, Tensor]:
    """A module in float64 with random weights and inputs, on which claims about the network are tried.

    A user's own weights, which may be zero, could hide what a network does.
    """
    rng = torch.Generator().manual_seed(0)
    state = {}
    for name, tensor in tensors(network.template):
        noise = torch.randn(tensor.shape, generator=rng, dtype=torch.float64)
        if not tensor.is_floating_point():
            state[name] = tensor.detach()
        elif tensor.ndim >= 2:
            state[name] = (
                noise * (2 / max(1, tensor.shape[1:].numel())) ** 0.5
            )  # He et al. 2015, so that depth does not matter
        else:
            state[name] = 0.5 + noise.abs()  # as variances have to be
    inputs = torch.randn(CHECKED, *network.input_shape, generator=rng, dtype=torch.float64)
    return network.copied(torch.float64), state, inputs


def _dense(widths: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after, dtype=SINGLE), nn.ReLU()]
    return layers[:-1]


def check_sizes(network: Any, numbers: tuple[str, ...], lists: tuple[str, ...]) -> None:
    """Convert the fields of a network to integers and tuples of integers; raises InvalidInputError where that fails."""
    for name in numbers:
        object.__setattr__(network, name, positive_int(name, getattr(network, name)))
    for name in lists:
        object.__setattr__(network, name, sizes(name, getattr(network, name)))
    if network.n_outputs == 2:
        raise InvalidInputError("n_outputs=2: two classes need one output, whose sign is the label; set n_outputs=1")


def check_image(shape: tuple[int, ...]) -> None:
    """Raise InvalidInputError unless it is (channels, height, width)."""
    if len(shape) != 3:
        raise InvalidInputError(f"input_shape={shown(shape)} is not (channels, height, width)")


def check_network(network: object) -> None:
    """Raise InvalidInputError unless it is a network."""
    if not isinstance(network, Network):
        raise InvalidInputError(f"network={shown(network)} is not an MLP, LeNet, VGG16, ResNet20 or Custom network")
