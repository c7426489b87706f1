"""Architectures: what all have in common, and the three of the paper; all make modules of torch."""

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
SINGLE = torch.float32  # whatever torch's default is: draws of first weights depend on it
EXACT = 1e-9  # of the outputs' size: what rounding in float64 may do when units are permuted and rescaled


class Network(ABC):
    """An architecture: makes modules, and knows the symmetry of their hidden units.

    input_shape: of one input. n_outputs: 1 for two classes, whose label is the sign, else one for each class.
    """

    input_shape: tuple[int, ...]
    n_outputs: int

    @abstractmethod
    def module(self) -> nn.Module:
        """A new module, with weights as torch draws them."""

    @cached_property
    def symmetry(self) -> Symmetry:
        """What may be done to its hidden units."""
        return chain_symmetry(self.template, self.example)

    @cached_property
    def template(self) -> nn.Module:
        """One such module, in evaluation mode; to be copied before it runs, and its weights are never used."""
        with seeded(0), usual():
            return self.module().eval()

    def copied(self, dtype: torch.dtype = torch.float32) -> nn.Module:
        """A copy of the template for one caller: while a module runs with other weights, they are inside it."""
        return copy.deepcopy(self.template).to(dtype)

    @cached_property
    def units(self) -> Units:
        """The symmetry, tensor by tensor."""
        return Units(self.template, self.symmetry)

    @property
    def example(self) -> Tensor:
        """A batch of two inputs."""
        return torch.zeros(2, *self.input_shape, dtype=SINGLE, device="cpu")

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of all parameters and buffers, by name."""
        return {name: tuple(tensor.shape) for name, tensor in tensors(self.template)}

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(name for name, _ in self.template.named_parameters())

    @property
    def trained(self) -> tuple[str, ...]:
        """Names of the parameters that a training changes; raises InvalidInputError if there are none."""
        found = tuple(name for name in self.parameters if name not in self.constants)
        if not found:
            raise InvalidInputError(
                f"no parameter of {shown(self)} requires gradients; call requires_grad_(True) on it"
            )
        return found

    @cached_property
    def last_layer(self) -> str:
        """The layer whose factor is a factor of the outputs; empty if there is none. Tried on random numbers."""
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
        """Whether there are running statistics."""
        return any(isinstance(m, BATCH_NORMS) and m.track_running_stats for m in self.template.modules())

    @cached_property
    def entrance(self) -> str:
        """The layer that takes the inputs as they are, only reshaped, and is used once; empty if there is none."""
        return entrance(self.copied(), self.example)

    @cached_property
    def widest(self) -> int:
        """Entries of the largest output of a layer for one pattern."""
        return widest(self.copied(), self.example)

    @property
    def constants(self) -> State:
        """Parameters that a training leaves as they are, by name."""
        return {}

    @property
    def n_weights(self) -> int:
        """Number of parameters."""
        return sum(math.prod(self.shapes[name]) for name in self.parameters)

    def initial(self, seed: Seed, dtype: torch.dtype = torch.float32) -> State:
        """First weights, as the layers' own `reset_parameters` draws them from a seed, and the constants."""
        with seeded(int(generator(seed, "initial").integers(2**63))), usual():
            fresh = {name: tensor.detach() for name, tensor in tensors(self.fresh())}
        return cast({**fresh, **self.constants}, dtype)

    def fresh(self) -> nn.Module:
        """A module with newly drawn weights."""
        return self.module()

    def __getstate__(self) -> dict[str, Any]:
        """Without what is found out anew where it is needed, so that other processes get little to read."""
        found = vars(type(self)).keys() | vars(Network).keys()
        known = {name for name in found if isinstance(getattr(type(self), name, None), cached_property)}
        return {name: value for name, value in self.__dict__.items() if name not in known}


def cast(state: State, dtype: torch.dtype) -> State:
    """Real numbers in a type, counters as they are."""
    return {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in state.items()}


@dataclass(frozen=True)
class MLP(Network):
    """Multi-layer perceptron with ReLU and biases (paper, section 4; 2 x 512).

    n_inputs: N of the flattened input. hidden: widths of the hidden layers. n_outputs: 1 for two classes, else their
    number. Raises InvalidInputError on sizes below 1.
    """

    n_inputs: int = 784
    hidden: tuple[int, ...] = (512, 512)
    n_outputs: int = 10

    def __post_init__(self) -> None:
        check_sizes(self, ("n_inputs", "n_outputs"), ("hidden",))

    @property
    def input_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """(N,)"""
        return (self.n_inputs,)

    def module(self) -> nn.Module:
        """Flatten, then Linear and ReLU in turn."""
        return nn.Sequential(nn.Flatten(), *_dense((self.n_inputs, *self.hidden, self.n_outputs)))


@dataclass(frozen=True)
class LeNet(Network):
    """Convolutions of 5 x 5, each with ReLU and 2 x 2 max-pool, then fully connected layers (paper, section 4).

    input_shape: (channels, height, width). filters, hidden: widths of the convolutional and of the fully connected
    layers. Raises InvalidInputError on sizes below 1 and on images that are too small.
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
        """Pixels of a filter behind the last pool."""
        sides = list(self.input_shape[1:])
        for _ in self.filters:
            sides = [(side - self.filter_size + 1) // self.pool for side in sides]
            if min(sides) < 1:
                raise InvalidInputError(
                    f"{shown(self)}: images of {self.input_shape[1:]} are too small for its filters"
                )
        return math.prod(sides)

    def module(self) -> nn.Module:
        """Conv, ReLU, pool in turn, then Linear and ReLU."""
        layers: list[nn.Module] = []
        for before, after in pairwise((self.input_shape[0], *self.filters)):
            layers += [nn.Conv2d(before, after, self.filter_size, dtype=SINGLE), nn.ReLU(), nn.MaxPool2d(self.pool)]
        flat = (self.filters or self.input_shape[:1])[-1] * self._last
        return nn.Sequential(*layers, nn.Flatten(), *_dense((flat, *self.hidden, self.n_outputs)))


VGG_BLOCKS = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))  # filters, in units of the first; a pool behind each


@dataclass(frozen=True)
class VGG16(Network):
    """VGG16 with batch-norm for small images: 13 convolutions of 3 x 3, one linear layer (paper, section 4).

    width: filters of the first block, 64 in the paper; the later ones have 2, 4, 8 and 8 times as many. input_shape:
    (channels, height, width). Five pools halve the image; one that is smaller than 32 x 32 gets fewer of them.
    """

    width: int = 64
    input_shape: tuple[int, int, int] = (3, 32, 32)  # type: ignore[assignment]
    n_outputs: int = 10

    def __post_init__(self) -> None:
        check_sizes(self, ("width", "n_outputs"), ("input_shape",))
        check_image(self.input_shape)

    def module(self) -> nn.Module:
        """Conv, BatchNorm, ReLU in turn, a max-pool behind each block, mean over what is left, Linear."""
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
    """A module in float64, random weights of it, and random inputs: what holds for them holds for all but a few.

    A user's own weights, perhaps zeros, could hide what a network does.
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
    """Make the fields of a network integers and tuples of them; raises InvalidInputError where they are not."""
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
