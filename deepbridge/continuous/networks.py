"""Architectures: the paper's three, a residual one, and whatever module a user brings; all are modules of torch."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from binland.checks import positive_int
from binland.errors import InvalidInputError, reason, shown
from binland.rng import Seed, generator
from deepbridge.common.data import as_array, sizes
from deepbridge.common.devices import seeded, usual
from deepbridge.continuous.chains import chain_symmetry
from deepbridge.continuous.probe import entrance, widest
from deepbridge.continuous.units import BATCH_NORMS, LAYERS, State, Symmetry, Units, owner, permuted, rescaled, tensors

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
        """Names of the parameters that a training changes."""
        return self.parameters

    @cached_property
    def last_layer(self) -> str:
        """The layer whose factor is a factor of the outputs; empty if there is none. Tried on random numbers."""
        module, state, inputs = drawn(self)
        before = torch.func.functional_call(module, state, (inputs,))
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
    def n_weights(self) -> int:
        """Number of parameters."""
        return sum(math.prod(self.shapes[name]) for name in self.parameters)

    def initial(self, seed: Seed, dtype: torch.dtype = torch.float32) -> State:
        """First weights, as the layers' own `reset_parameters` draws them from a seed."""
        with seeded(int(generator(seed, "initial").integers(2**63))), usual():
            fresh = self.fresh()
        return {name: cast(tensor.detach(), dtype) for name, tensor in tensors(fresh)}

    def fresh(self) -> nn.Module:
        """A module with newly drawn weights."""
        return self.module()

    def __getstate__(self) -> dict[str, Any]:
        """Without what is found out anew where it is needed, so that other processes get little to read."""
        found = vars(type(self)).keys() | vars(Network).keys()
        known = {name for name in found if isinstance(getattr(type(self), name, None), cached_property)}
        return {name: value for name, value in self.__dict__.items() if name not in known}


def cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Real numbers in a type, counters as they are."""
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


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


class Custom(Network):
    """The architecture of a module of the user's own.

    module: copied; only its structure counts, and parameters that do not require gradients: a training leaves these as
    they are. example_input: one input or a batch of them, of the right shape.
    symmetry: None for chains, whose own is found. Permuting and rescaling units at random must leave its outputs as
    they are, which is tried. Raises InvalidInputError with the name of what is not understood or changes the outputs.
    """

    def __init__(self, module: nn.Module, example_input: Tensor, symmetry: Symmetry | None = None):
        if not isinstance(module, nn.Module):
            raise InvalidInputError(f"module={shown(module)} is not a torch.nn.Module")
        if symmetry is not None and not isinstance(symmetry, Symmetry):
            raise InvalidInputError(f"symmetry={shown(symmetry)} is not a db.Symmetry, nor None")
        _check_kinds(module)
        self._frozen = {name for name, tensor in module.named_parameters() if not tensor.requires_grad}
        self._module = _own(module)
        batch = _as_batch(example_input)
        outputs = _outputs(self._module, batch)
        self.input_shape, self.n_outputs = tuple(batch.shape[1:]), outputs.shape[1]
        self._given = symmetry
        check_symmetry(self, batch)

    @cached_property
    def symmetry(self) -> Symmetry:  # type: ignore[override]
        """The one that was given, or that of a chain."""
        return chain_symmetry(self.copied(), self.example) if self._given is None else self._given

    @property
    def template(self) -> nn.Module:  # type: ignore[override]
        """The module itself."""
        return self._module

    def module(self) -> nn.Module:
        """A copy."""
        made = copy.deepcopy(self._module)
        for name, tensor in made.named_parameters():
            tensor.requires_grad_(name not in self._frozen)
        return made

    @property
    def trained(self) -> tuple[str, ...]:
        """Those that require gradients; raises InvalidInputError if none do."""
        found = tuple(name for name in self.parameters if name not in self._frozen)
        if not found:
            raise InvalidInputError(
                f"no parameter of {shown(self)} requires gradients; call requires_grad_(True) on it"
            )
        return found

    def fresh(self) -> nn.Module:
        """A copy in which every module with parameters has drawn them anew, but for those that are not trained.

        Raises InvalidInputError if one cannot.
        """
        made = self.module()
        for name, module in made.named_modules():
            if any(tensor.requires_grad for tensor in module.parameters(recurse=False)):
                reset = getattr(module, "reset_parameters", None)
                if reset is None:
                    raise InvalidInputError(f"{name} ({type(module).__name__}) has no reset_parameters; give a start")
                reset()
        with torch.no_grad():
            for name in self._frozen:
                made.get_parameter(name).copy_(self._module.get_parameter(name))
        return made

    @cached_property
    def _structure(self) -> tuple[Any, ...]:
        symmetry = self.symmetry
        return (
            repr(self._module),
            self.input_shape,
            self.shapes,
            symmetry.axes,
            symmetry.batch_norms,
            symmetry.rescaled,
        )

    @cached_property
    def _behaviour(self) -> Tensor:
        """What random numbers make of random inputs: forwards may differ by what no name or shape tells."""
        module, state, inputs = drawn(self)
        return torch.func.functional_call(module, state, (inputs,))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Custom)
            and self._structure == other._structure
            and torch.allclose(self._behaviour, other._behaviour, EXACT, EXACT, equal_nan=True)
        )

    def __hash__(self) -> int:
        return hash(repr(self._module))

    def __repr__(self) -> str:
        return f"Custom({type(self._module).__name__}, input_shape={self.input_shape}, n_outputs={self.n_outputs})"


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


def check_symmetry(network: Network, batch: Tensor) -> None:
    """Raise InvalidInputError unless outputs stay the same when units are permuted and rescaled at random, in float64.

    It is tried with random weights, on a batch of inputs and on random ones; each kind of units and each rescaling by
    itself, so that the message can name it.
    """
    units = network.units
    module, state, inputs = drawn(network)
    for one in (batch.double(), inputs):
        expected = _expected(module, state, one)
        _check_alone(module, state, one, expected)
        _check_moves(units, module, state, one, expected)


def _expected(module: nn.Module, state: State, inputs: Tensor) -> Tensor:
    name = type(module).__name__
    try:
        outputs = torch.func.functional_call(module, state, (inputs,))
    except Exception as error:  # a stranger's forward may fail in any way
        raise InvalidInputError(f"{name} does not take real inputs in float64 ({reason(error)})") from None
    if not torch.isfinite(outputs).all():
        raise InvalidInputError(f"{name} gives outputs that are not finite for real inputs of either sign")
    return outputs


def _check_moves(units: Units, module: nn.Module, state: State, inputs: Tensor, expected: Tensor) -> None:
    for what, moved in _tries(units, state, torch.Generator().manual_seed(0)):
        change = float((torch.func.functional_call(module, moved, (inputs,)) - expected).abs().max())
        if not change <= EXACT * max(1.0, float(expected.abs().max())):
            raise InvalidInputError(
                f"{what} changes the outputs by {change:.2g}: the symmetry is not that of this module; correct axes or"
                " batch_norms, or say rescaled=False"
            )


def _check_alone(module: nn.Module, state: State, inputs: Tensor, expected: Tensor) -> None:
    for one, outputs in zip(inputs.split(1), expected.split(1), strict=True):
        try:
            same = torch.allclose(torch.func.functional_call(module, state, (one,)), outputs, EXACT, EXACT)
        except Exception:  # a stranger's forward may fail in any way
            same = False
        if not same:
            raise InvalidInputError(
                "outputs depend on the other inputs of a batch, or on chance; make forward give each input's own, the"
                " same every time (F.dropout needs training=self.training)"
            )


def _tries(units: Units, state: State, rng: torch.Generator) -> Iterator[tuple[str, State]]:
    for name in units.names:
        order = torch.randperm(units.sizes[name], generator=rng)
        yield f"permuting the units {shown(name)}", permuted(units, state, name, order)
    for rescaling in units.rescalings:
        factors = 0.5 + torch.rand(units.sizes[rescaling.units], generator=rng, dtype=torch.float64)
        where = f" in front of {shown(rescaling.norms)}" if rescaling.norms else ""
        yield f"rescaling the units {shown(rescaling.units)}{where}", rescaled(units, state, rescaling, factors)


def _check_kinds(module: nn.Module) -> None:
    every = [id(tensor) for _, tensor in module.named_parameters(remove_duplicate=False)]
    if len(set(every)) < len(every):
        raise InvalidInputError("two modules share a parameter; give each its own: copy.deepcopy(module)")
    if isinstance(module, (*LAYERS, *BATCH_NORMS)):
        raise InvalidInputError(f"{type(module).__name__} by itself has no name; give torch.nn.Sequential(module)")
    for name, one in module.named_modules():
        if isinstance(one, BATCH_NORMS) and not one.track_running_stats:
            raise InvalidInputError(
                f"{name} ({type(one).__name__}) has no running statistics, so that outputs depend on the batch; set"
                " track_running_stats=True"
            )


def _own(module: nn.Module) -> nn.Module:
    """A copy on the CPU in float32, in evaluation mode."""
    try:
        return copy.deepcopy(module).to("cpu", torch.float32).eval().requires_grad_(False)
    except Exception as error:  # such as of lazy or pruned layers
        raise InvalidInputError(f"{type(module).__name__} cannot be copied ({reason(error)})") from None


def _as_batch(example: Any) -> Tensor:
    """A few inputs, copied."""
    batch = as_array("example_input", example)
    if batch.ndim < 2 or len(batch) == 0:
        raise InvalidInputError(f"example_input of shape {batch.shape} is not a batch (P, ...) of inputs")
    with np.errstate(over="ignore"):  # infinite is refused below
        few = torch.from_numpy(batch[:CHECKED].astype(np.float32))
    if not torch.isfinite(few).all():
        raise InvalidInputError("example_input is not finite; give a few inputs as they will be")
    return few


def _outputs(module: nn.Module, batch: Tensor) -> Tensor:
    given = batch.clone()
    try:
        with torch.no_grad():
            outputs = module(given)
    except Exception as error:  # a stranger's forward may fail in any way
        raise InvalidInputError(f"{type(module).__name__} does not take example_input ({reason(error)})") from None
    if not isinstance(outputs, Tensor) or outputs.ndim != 2 or len(outputs) != len(batch):
        raise InvalidInputError(f"{type(module).__name__} gives {shown(outputs)}, not outputs (P, classes)")
    if not torch.equal(given, batch):
        raise InvalidInputError(f"{type(module).__name__} changes its inputs in place; say inplace=False, or copy them")
    return outputs


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
