"""Which axes of which tensors run over the same hidden units, and how units are permuted and rescaled.

A hidden unit of a ReLU network may change places with another one of its layer, and what it sends may be multiplied by
a positive number if whatever reads it is divided by that number (paper, sections 3.1.1 and 3.1.2). One table says both:
for every tensor, the name of the units along each of its axes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from binland.errors import InvalidInputError, shown

Axes = tuple[str | None, ...]
State = dict[str, Tensor]  # parameters and buffers by name
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True)
class Symmetry:
    """Which permutations and rescalings of hidden units do not change a network's function.

    Parameters
    ----------
    axes : mapping of str to tuple
        For each tensor, by its name in ``state_dict``, the name of the hidden units along each axis; None along inputs,
        outputs and positions of a filter. Tensors that run over the same units use the same name. A tensor that is left
        out has no hidden units. Along an axis whose length is a multiple of the number of units, as behind a Flatten,
        each unit owns a block of neighbouring entries.
    batch_norms : mapping of str to str or tuple, optional
        For each batch-norm that normalises the output of a layer, the name of that layer, or of all layers whose sum it
        normalises.
    rescaled : bool, default True
        Whether units may be multiplied by positive numbers, as with ReLU, LeakyReLU and pooling, but not GELU or tanh.

    Raises
    ------
    InvalidInputError
        If the arguments are not such mappings.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.Symmetry({"0.weight": ("a", None), "0.bias": ("a",), "2.weight": (None, "a")}).names
    ('a',)
    """

    axes: Mapping[str, Axes]
    batch_norms: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    rescaled: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.axes, Mapping) or not isinstance(self.batch_norms, Mapping):
            raise InvalidInputError("axes and batch_norms are dicts, from names to names; see db.Symmetry")
        for tensor, units in self.axes.items():
            listed = isinstance(units, (tuple, list)) and all(unit is None or isinstance(unit, str) for unit in units)
            if not isinstance(tensor, str) or not listed:
                raise InvalidInputError(
                    f"axes: {shown(tensor)}: {shown(units)} is not a name with a tuple of names or None"
                )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all kinds of units, in the order in which tensors mention them."""
        return tuple(dict.fromkeys(name for axes in self.axes.values() for name in axes if name is not None))


class Place(NamedTuple):
    """An axis of a tensor that runs over units, each with a block of so many entries."""

    tensor: str
    axis: int
    block: int


class Rescaling(NamedTuple):
    """One positive factor for each unit of a kind, and what it changes.

    units: their name. grows: tensors that are multiplied. shrinks: tensors that are divided. norms: batch-norms that
    undo the factor; their running means are multiplied by it, their running variances by its square.
    """

    units: str
    grows: tuple[Place, ...]
    shrinks: tuple[Place, ...]
    norms: tuple[str, ...]


class Units:
    """A symmetry applied to one module; raises InvalidInputError, naming what does not fit.

    names: of the kinds of units, from the input on. sizes: their numbers. places: the axes that run over them. writers,
    readers: by name, the weights whose rows (first axis) or columns (second axis) are the units. rescalings: in the
    order of Alg. 1. outputs: weights whose rows are not hidden units.
    """

    def __init__(self, module: nn.Module, symmetry: Symmetry):
        self._modules = dict(module.named_modules())
        self.epsilon = {name: m.eps for name, m in self._modules.items() if isinstance(m, BATCH_NORMS)}
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors(module)}
        axes = _completed(self._modules, symmetry, shapes)
        weights = [name for name in axes if len(shapes[name]) >= 2]
        self.sizes = _sizes(axes, shapes, symmetry.names)
        self.places = {name: _places(axes, shapes, name, size) for name, size in self.sizes.items()}
        by_axis = [{name: [w for w in weights if axes[w][k] == name] for name in self.sizes} for k in (0, 1)]
        self.writers, self.readers = by_axis
        for name in self.sizes:
            if not self.writers[name] or not self.readers[name]:
                raise InvalidInputError(
                    f"units {shown(name)} are the rows of no weight or the columns of none: hidden units are both; say"
                    " None in axes where there are none"
                )
        self.names = _ordered(axes, self.writers, list(self.sizes))
        self.axes = axes
        self.outputs = [w for w in weights if axes[w][0] is None]
        self.rescalings = self._rescalings(symmetry) if symmetry.rescaled else []

    def _rescalings(self, symmetry: Symmetry) -> list[Rescaling]:
        """First those that lead through to readers, from the input on; then those that batch-norms undo."""
        sources = {norm: _as_tuple(layers) for norm, layers in symmetry.batch_norms.items()}
        self._check_norms(sources)
        absorbed = {layer for layers in sources.values() for layer in layers}
        made = []
        for norms, layers in _joined(sources):
            (name,) = self._units_of(layers)
            made.append(Rescaling(name, self._written(layers, name), (), norms))
        read = []
        for name in self.names:
            free = [layer for layer in self._owners(name) if layer not in absorbed]
            grows = self._written(free, name)
            if {owner(place.tensor) for place in grows} == set(free):  # else one without gamma keeps its scale
                shrinks = tuple(place for place in self.places[name] if place.tensor in self.readers[name])
                read.append(Rescaling(name, grows, shrinks, ()))
        return [*read, *made]

    def _owners(self, name: str) -> list[str]:
        """Names of the layers and batch-norms that write these units, in order."""
        tensors = [place.tensor for place in self.places[name] if place.axis == 0]
        return list(dict.fromkeys(owner(tensor) for tensor in tensors))

    def _written(self, owners: Iterable[str], name: str) -> tuple[Place, ...]:
        """Weights and biases of layers, gamma and beta of batch-norms."""
        chosen = set(owners)
        return tuple(
            place
            for place in self.places[name]
            if place.axis == 0 and owner(place.tensor) in chosen and not place.tensor.endswith(STATISTICS)
        )

    def _units_of(self, layers: tuple[str, ...]) -> set[str]:
        return {name for name in self.names for layer in layers if layer in self._owners(name)}

    def _check_norms(self, sources: Mapping[str, tuple[str, ...]]) -> None:
        for norm, layers in sources.items():
            if not isinstance(self._modules.get(norm), BATCH_NORMS):
                raise InvalidInputError(f"batch_norms: {shown(norm)} is no BatchNorm of this module")
            units = self._units_of(layers)
            if len(units) != 1 or any(layer not in self._modules for layer in layers):
                raise InvalidInputError(
                    f"batch_norms: {shown(norm)} stands behind {shown(layers)}, which are not layers of one kind of"
                    " units in axes"
                )


def tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    """Parameters and buffers by name."""
    return [*module.named_parameters(), *module.named_buffers()]


def owner(tensor: str) -> str:
    """Name of the module that a tensor belongs to."""
    return tensor.rpartition(".")[0]


def _as_tuple(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _completed(
    modules: Mapping[str, nn.Module], symmetry: Symmetry, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Axes]:
    """Axes of all tensors, with the statistics of batch-norms like their gamma; raises InvalidInputError on misfits."""
    axes = dict(symmetry.axes)
    for name, found in axes.items():
        if name not in shapes:
            raise InvalidInputError(f"axes: there is no tensor {shown(name)} in this module")
        if len(found) != len(shapes[name]):
            raise InvalidInputError(f"axes: {shown(name)} is of shape {shapes[name]} but has {len(found)} names")
        if not isinstance(modules[owner(name)], (*LAYERS, *BATCH_NORMS)):
            kind = type(modules[owner(name)]).__name__
            raise InvalidInputError(f"axes: {shown(name)} is of a {kind}, not of a Linear, Conv or BatchNorm")
        if any(unit is not None for unit in found[2:]) or len(set(found[:2]) - {None}) < sum(
            u is not None for u in found
        ):
            raise InvalidInputError(
                f"axes: {shown(name)} has units {shown(found)}: the first two axes, rows and columns, may have some,"
                " each its own"
            )
    for name, module in modules.items():
        if isinstance(module, BATCH_NORMS):
            units = axes.get(f"{name}.weight") or axes.get(f"{name}.running_mean")
            if units is not None:
                for tensor in ("weight", "bias", *STATISTICS):
                    if f"{name}.{tensor}" in shapes:
                        axes.setdefault(f"{name}.{tensor}", units)
    return {name: axes.get(name, (None,) * len(shape)) for name, shape in shapes.items()}


def _sizes(axes: Mapping[str, Axes], shapes: Mapping[str, tuple[int, ...]], names: Iterable[str]) -> dict[str, int]:
    """Number of units of each kind: the length of the shortest axis that runs over them."""
    found: dict[str, list[tuple[int, str]]] = {name: [] for name in names}
    for tensor, units in axes.items():
        for name, length in zip(units, shapes[tensor], strict=True):
            if name is not None:
                found[name].append((length, tensor))
    sizes = {}
    for name, lengths in found.items():
        size, least = min(lengths)
        for length, tensor in lengths:
            if length % size:
                raise InvalidInputError(
                    f"units {shown(name)}: {length} entries of {tensor} are no multiple of the {size} of {least}"
                )
        sizes[name] = size
    return sizes


def _places(axes: Mapping[str, Axes], shapes: Mapping[str, tuple[int, ...]], name: str, size: int) -> tuple[Place, ...]:
    return tuple(
        Place(tensor, axis, shapes[tensor][axis] // size)
        for tensor, units in axes.items()
        for axis, unit in enumerate(units)
        if unit == name
    )


def _ordered(axes: Mapping[str, Axes], writers: Mapping[str, list[str]], names: list[str]) -> tuple[str, ...]:
    """Names of units from the input on: next are those with a weight that reads only earlier ones."""
    known: list[str] = []
    while len(known) < len(names):
        left = [name for name in names if name not in known]
        ready = [n for n in left if any(axes[w][1] is None or axes[w][1] in known for w in writers[n])]
        known.append((ready or left)[0])
    return tuple(known)


def _joined(sources: Mapping[str, tuple[str, ...]]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Batch-norms with the layers they normalise, joined where they share a layer: one factor rescales it."""
    joined: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    for norm, layers in sources.items():
        touching = [one for one in joined if set(one[1]) & set(layers)]
        norms = (*(n for one in touching for n in one[0]), norm)
        merged = tuple(dict.fromkeys((*(layer for one in touching for layer in one[1]), *layers)))
        joined = [one for one in joined if one not in touching] + [(norms, merged)]
    return joined


# What is done to units


def permuted(units: Units, state: State, name: str, permutation: Tensor) -> State:
    """The state with unit permutation[h] at place h, in all tensors that run over these units."""
    changed = dict(state)
    for place in units.places[name]:
        changed[place.tensor] = placed(changed[place.tensor], place, permutation)
    return changed


def placed(tensor: Tensor, place: Place, permutation: Tensor) -> Tensor:
    """A tensor with the units along one axis permuted, each with its block of entries."""
    blocks = permutation[:, None] * place.block + torch.arange(place.block)
    return torch.index_select(tensor, place.axis, blocks.reshape(-1))


def rescaled(units: Units, state: State, rescaling: Rescaling, factors: Tensor) -> State:
    """The state with units multiplied by factors (H,) > 0 and whatever reads them divided.

    Batch-norms take their epsilon along in the variance, so that in evaluation mode nothing changes except by rounding.
    """
    changed = dict(state)
    for place in rescaling.grows:
        changed[place.tensor] = changed[place.tensor] * along(factors, place, changed[place.tensor])
    for place in rescaling.shrinks:
        changed[place.tensor] = changed[place.tensor] / along(factors, place, changed[place.tensor])
    for norm in rescaling.norms:
        mean, variance = (f"{norm}.{name}" for name in STATISTICS)
        if mean not in changed:
            continue  # a batch-norm without running statistics
        block = len(changed[mean]) // len(factors)
        spread = factors.repeat_interleave(block)
        epsilon = units.epsilon[norm]
        changed[mean] = changed[mean] * spread
        changed[variance] = (changed[variance] + epsilon) * spread.square() - epsilon
    return changed


def along(factors: Tensor, place: Place, tensor: Tensor) -> Tensor:
    """Factors of units (H,) in a shape that broadcasts along an axis of a tensor."""
    shape = [1] * tensor.ndim
    shape[place.axis] = -1
    return factors.repeat_interleave(place.block).reshape(shape)
