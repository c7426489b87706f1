"""The architecture of a module of the user's own; every claim about it is tried."""

import copy
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from binland.errors import InvalidInputError, reason, shown
from deepbridge.common.data import as_array
from deepbridge.continuous.chains import chain_symmetry
from deepbridge.continuous.networks import CHECKED, EXACT, Network, drawn
from deepbridge.continuous.units import BATCH_NORMS, LAYERS, State, Symmetry, Units, permuted, rescaled


class Custom(Network):
    """The architecture of a module of the user's own.

    module: copied; only its structure counts, and the values of parameters that do not require gradients, which
    training leaves as they are. example_input: a batch of inputs. symmetry: None for chains, whose symmetry is found.
    Permuting and rescaling units at random must leave the outputs unchanged, which is tried. Raises InvalidInputError
    with the name of what is not understood or changes the outputs.
    """

    def __init__(self, module: nn.Module, example_input: Tensor, symmetry: Symmetry | None = None):
        if not isinstance(module, nn.Module):
            raise InvalidInputError(f"module={shown(module)} is not a torch.nn.Module")
        if symmetry is not None and not isinstance(symmetry, Symmetry):
            raise InvalidInputError(f"symmetry={shown(symmetry)} is not a db.Symmetry, nor None")
        _check_kinds(module)
        self._constants = {
            name: tensor.detach().cpu().clone()
            for name, tensor in module.named_parameters()
            if not tensor.requires_grad
        }
        self._module = _own(module)
        batch = _as_batch(example_input)
        outputs = _outputs(self._module, batch)
        self.input_shape, self.n_outputs = tuple(batch.shape[1:]), outputs.shape[1]
        self._given = symmetry
        check_symmetry(self, batch)

    @cached_property
    def symmetry(self) -> Symmetry:  # type: ignore[override]
        """The symmetry given, or that of the chain."""
        return chain_symmetry(self.copied(), self.example) if self._given is None else self._given

    @property
    def template(self) -> nn.Module:  # type: ignore[override]
        """The module itself."""
        return self._module

    def module(self) -> nn.Module:
        """A copy."""
        made = copy.deepcopy(self._module)
        for name, tensor in made.named_parameters():
            tensor.requires_grad_(name not in self._constants)
        return made

    @property
    def constants(self) -> State:
        """Parameters that do not require gradients, by name."""
        return self._constants

    def fresh(self) -> nn.Module:
        """A copy with newly drawn weights, except those that are not trained.

        Raises InvalidInputError if a module with trained parameters has no ``reset_parameters``.
        """
        made = self.module()
        for name, module in made.named_modules():
            if any(tensor.requires_grad for tensor in module.parameters(recurse=False)):
                reset = getattr(module, "reset_parameters", None)
                if reset is None:
                    raise InvalidInputError(f"{name} ({type(module).__name__}) has no reset_parameters; give a start")
                reset()
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
        """Outputs of random weights on random inputs: modules with equal names and shapes may compute differently."""
        module, state, inputs = drawn(self)
        return torch.func.functional_call(module, state, (inputs,)).clone()  # not what it may write to again

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


def check_symmetry(network: Network, batch: Tensor) -> None:
    """Raise InvalidInputError unless outputs stay the same when units are permuted and rescaled at random, in float64.

    Tried with random weights, on the given batch and on random inputs. Each kind of units and each rescaling is tried
    by itself, so that the message can name it.
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
    except Exception as error:  # a user's forward may fail in any way
        raise InvalidInputError(f"{name} does not take real inputs in float64 ({reason(error)})") from None
    if not torch.isfinite(outputs).all():
        raise InvalidInputError(f"{name} gives outputs that are not finite for real inputs of either sign")
    return outputs.clone()  # a forward may write to the same memory each time


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
        except Exception:  # a user's forward may fail in any way
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
    for kind, named in (("parameter", module.named_parameters), ("buffer", module.named_buffers)):
        every = [id(tensor) for _, tensor in named(remove_duplicate=False)]
        if len(set(every)) < len(every):
            raise InvalidInputError(f"two modules share a {kind}; give each its own: copy.deepcopy(module)")
    for name, tensor in module.named_parameters():
        if not tensor.is_floating_point():
            raise InvalidInputError(f"{name} is a parameter of type {tensor.dtype}; make it a buffer, or real numbers")
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
    except Exception as error:  # a user's forward may fail in any way
        raise InvalidInputError(f"{type(module).__name__} does not take example_input ({reason(error)})") from None
    if not isinstance(outputs, Tensor) or outputs.ndim != 2 or len(outputs) != len(batch):
        raise InvalidInputError(f"{type(module).__name__} gives {shown(outputs)}, not outputs (P, classes)")
    if not torch.equal(given, batch):
        raise InvalidInputError(f"{type(module).__name__} changes its inputs in place; say inplace=False, or copy them")
    return outputs
