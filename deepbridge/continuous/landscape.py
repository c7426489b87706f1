"""The loss of a continuous network as a landscape: what `deepbridge.connectivity` works on."""

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from binland.checks import one_of
from binland.errors import InvalidInputError, reason, shown
from binland.rng import Seed
from deepbridge.common.augmentation import flipped_and_cropped
from deepbridge.common.devices import Device, as_device, full_precision, usual
from deepbridge.common.runs import checked_dtype, hashed
from deepbridge.connectivity.geometry import Geometry, Piece, Toroid
from deepbridge.connectivity.landscape import Landscape, Values, joined_parts, mean_gradients
from deepbridge.continuous.alignment import Method, align
from deepbridge.continuous.curvature import Curvature
from deepbridge.continuous.dense import Dense
from deepbridge.continuous.evaluation import Row, restated, scores
from deepbridge.continuous.examples import Data, Examples, as_examples
from deepbridge.continuous.geodesics import spheres
from deepbridge.continuous.networks import Network, cast, check_network
from deepbridge.continuous.normalisation import normalize
from deepbridge.continuous.solutions import ContinuousSolution, check_solution
from deepbridge.continuous.units import BATCH_NORMS, LAYERS, State, owner

LARGEST = 2**26  # entries of a layer's output for all points and patterns that are computed together
PART = 2000  # patterns whose gradients are computed together, when the gradient of all is asked for
KEPT = 2**26  # entries of the largest layer's output for all patterns, up to which graphs of gradients are kept
FEW = 3  # corners of rows of networks that are evaluated together
SLOW = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.RNNBase, nn.MultiheadAttention)  # for several networks at once


class NetworkLandscape(Landscape):
    """The loss of a continuous network on its train data, as a function of all parameters in one row.

    `deepbridge.landscape` makes it. Batch-norm statistics are no coordinates: they are estimated on the train data at
    every point, and are those of the mini-batch in gradients. Dropout is off.

    Parameters
    ----------
    network : Network
        The architecture, also ``from_module(...).network`` of a module of your own.
    data : Dataset, Patterns or tuple
        Train data.
    test : Dataset, Patterns or tuple, optional
        Test data, on which results are measured, too.
    geometry : {"flat", "toroid"}, default "flat"
        "toroid": points are normalised networks, and lines are geodesics.
    device : str or torch.device, default "cpu"
        Where it is computed.
    dtype : {"float32", "float64"}, default "float32"
        Type of the parameters.

    Raises
    ------
    InvalidInputError
        If network and data do not fit, or there are no symmetries to make a toroid.
    """

    def __init__(
        self,
        network: Network,
        data: Data,
        test: Data | None = None,
        *,
        geometry: str = "flat",
        device: Device = "cpu",
        dtype: str = "float32",
    ):
        check_network(network)
        self.network, self.device, self.dtype = network, as_device(device), checked_dtype(dtype)
        self.train = as_examples(network, data).to(self.device, self.dtype)
        self.test = None if test is None else as_examples(network, test).to(self.device, self.dtype)
        self.size, self.n_patterns, self.has_test = network.n_weights, len(self.train), test is not None
        self._shapes = [network.shapes[name] for name in network.parameters]
        self._sizes = [math.prod(shape) for shape in self._shapes]
        self.geometry = Geometry()
        if one_of("geometry", geometry, ("flat", "toroid")) == "toroid":
            self.geometry = Toroid(self._spheres())

    def _spheres(self) -> list[tuple[list[Piece], float]]:
        """The spheres of hidden units, and of the last layer, as entries of flat points."""
        first = dict(zip(self.network.parameters, _before(self._sizes), strict=True))
        made = []
        for sphere in spheres(self.network):
            last = sphere.tensors == (f"{self.network.last_layer}.weight",)
            radius = math.sqrt(self.network.n_outputs) if last and sphere.units == 1 else 1.0
            widths = [math.prod(self.network.shapes[name]) // sphere.units for name in sphere.tensors]
            pieces = [Piece(first[n], sphere.units, width) for n, width in zip(sphere.tensors, widths, strict=True)]
            made.append((pieces, radius))
        if not made:
            raise InvalidInputError(f'{shown(self.network)} has no units to normalise; take geometry="flat"')
        return made

    @cached_property
    def filters(self) -> Tensor:
        """Rows of the weights of layers, numbered; -1 for biases, batch-norms and what is not trained."""
        modules = dict(self.network.template.named_modules())
        parts, count = [], 0
        for name, shape in zip(self.network.parameters, self._shapes, strict=True):
            size = math.prod(shape)
            if len(shape) < 2 or not isinstance(modules[owner(name)], LAYERS) or name in self.network.constants:
                parts.append(torch.full((size,), -1))
                continue
            parts.append(count + torch.arange(shape[0]).repeat_interleave(size // shape[0]))
            count += shape[0]
        return torch.cat(parts)

    @property
    def layers(self) -> Tensor:
        """Weights of layers, numbered as tensors; -1 where `filters` are."""
        numbers = torch.arange(len(self._sizes)).repeat_interleave(torch.tensor(self._sizes))
        return torch.where(self.filters < 0, -1, numbers)

    def state(self, point: Tensor) -> State:
        """Parameters of a point by name, and buffers as the module has them at first; parameters are views."""
        named = zip(self.network.parameters, point.split(self._sizes), self._shapes, strict=True)
        return {name: part.view(shape) for name, part, shape in named} | self._buffers

    @cached_property
    def _others(self) -> list[str]:
        """Names of buffers that belong to no batch-norm, and are the same at all points."""
        modules = dict(self.network.template.named_modules())
        return [name for name in self._buffers if not isinstance(modules[owner(name)], BATCH_NORMS)]

    @cached_property
    def _buffers(self) -> State:
        found = {n: t.to(self.device) for n, t in self.network.template.named_buffers() if n in self.network.shapes}
        return cast(found, self.dtype)

    def flat(self, solution: Any) -> Tensor:
        """Parameters of a solution, normalised for a toroid; or numbers as they are."""
        if not isinstance(solution, ContinuousSolution):
            return self._normalised(super().flat(solution))
        check_solution(solution)
        if solution.network != self.network:
            raise InvalidInputError(f"{shown(solution.network)} is not the landscape's network {shown(self.network)}")
        for name in self._others:
            own = self._buffers[name]
            if not torch.equal(solution.state[name].to(own), own):
                raise InvalidInputError(
                    f"buffer {shown(name)} of the solution is not that of the landscape's network; make the landscape"
                    " with the network of this solution"
                )
        one = normalize(solution) if self.geometry.name == "toroid" else solution
        return torch.cat([one.state[name].reshape(-1) for name in self.network.parameters]).to(self.device, self.dtype)

    def _normalised(self, point: Tensor) -> Tensor:
        """The same function up to a factor, as a point of the toroid; what lies on it stays as it is."""
        near = math.sqrt(torch.finfo(self.dtype).eps)
        if self.geometry.name == "flat" or torch.allclose(self.geometry.onto(point[None])[0], point, near, 0.0):
            return point
        return self.flat(self.solution(point))

    def solution(self, point: Tensor) -> ContinuousSolution:
        """The network at a point, with batch-norm statistics of the train data."""
        state = restated(self.network, self.state(point.to(self.device, self.dtype)), self.train)
        return ContinuousSolution(self.network, {name: state[name].detach().cpu().clone() for name in self._ordered})

    @property
    def _ordered(self) -> list[str]:
        return list(self.network.shapes)

    def aligned(self, solution: Any, to: Any, method: str, seed: Seed) -> ContinuousSolution:
        """A solution aligned to another by `deepbridge.align`; both are normalised before on a toroid."""
        moved, fixed = (self._as_solution(one) for one in (solution, to))
        chosen: Method = method  # type: ignore[assignment]
        return align(moved, fixed, chosen, (self.train.inputs, self.train.classes), seed=seed).solution

    def _as_solution(self, one: Any) -> ContinuousSolution:
        return self.solution(self.point(one))

    def values(self, corners: Tensor, shares: Tensor | None = None, test: bool = False) -> Values:
        """Losses and errors at sums of a few points, whose first layers are run on the data only once."""
        examples = self.test if test else self.train
        if examples is None:
            raise InvalidInputError("the landscape has no test data; give test to db.landscape")
        if self._dense is not None:
            with full_precision():
                losses, errors = self._dense.scores(corners, shares, *examples)
            return Values(losses.numpy() / len(examples), errors.numpy(), len(examples))
        parts = [(corners, shares)] if shares is None else few_corners(corners, shares)
        found = [scores(self.network, Sums(self, *part), examples, self.device) for part in parts]
        counts = np.concatenate([one.errors for one in found])
        return Values(np.concatenate([one.losses for one in found]), counts, len(examples))

    @cached_property
    def _dense(self) -> Dense | None:
        """A quicker way for fully connected networks on a CPU, or None."""
        return Dense.of(self.network) if self.device.type == "cpu" else None

    @usual()
    def gradients(self, points: Tensor, batch: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Losses and gradients on a mini-batch, common or one for each point; those of all data in parts."""
        with full_precision():
            if batch is None:
                return self._of_all(points)
            own = batch.ndim == 2
            parts = [
                self._of(points[part], self._examples(batch[part] if own else batch))
                for part in self._together(len(points), batch.shape[-1])
            ]
        return joined_parts(parts)

    def _together(self, count: int, size: int) -> list[slice]:
        """Points whose gradients on batches of a size are computed together."""
        rows = max(1, LARGEST // (size * self.network.widest))
        return [slice(k, k + rows) for k in range(0, count, rows)]

    @usual()
    def gradients_of_views(
        self, points: Tensor, batch: Tensor | None, rngs: Sequence[np.random.Generator]
    ) -> tuple[Tensor, Tensor]:
        """Losses and gradients on images that every point sees flipped and cropped in its own way."""
        if len(self.network.input_shape) != 3:
            raise InvalidInputError(
                f"augmentation is for images (channels, height, width), but {shown(self.network)} reads inputs of shape"
                f" {self.network.input_shape}; leave it out"
            )
        rows = torch.arange(self.n_patterns) if batch is None else batch
        rows = rows.expand(len(points), rows.shape[-1])
        with full_precision():
            parts = [
                self._of(points[part], _views(self._examples(rows[part]), rngs[part]))
                for part in self._together(len(points), rows.shape[1])
            ]
        return joined_parts(parts)

    def decayed(self, points: Tensor, gradients: Tensor, factor: float) -> Tensor:
        """Gradients with weight decay of all parameters but the network's constants."""
        if not self.network.constants:
            return super().decayed(points, gradients, factor)
        return gradients.addcmul_(points, self._trained, value=factor)

    @cached_property
    def _trained(self) -> Tensor:
        """(n,) 1 for entries that are trained, else 0."""
        kept = [name not in self.network.constants for name in self.network.parameters]
        flags = torch.tensor(kept).repeat_interleave(torch.tensor(self._sizes))
        return flags.to(self.device, self.dtype)

    def _of_all(self, points: Tensor) -> tuple[Tensor, Tensor]:
        if self.n_patterns <= PART:
            return self._of(points, self.train)
        parts = torch.arange(self.n_patterns).tensor_split(-(-self.n_patterns // PART))
        return mean_gradients(self, points, parts)

    def _examples(self, batch: Tensor) -> Examples:
        rows = batch.to(self.device).flatten()  # whole images are copied, which indexing by two dimensions is slow at
        return Examples(*(all_of.index_select(0, rows).unflatten(0, batch.shape) for all_of in self.train))

    def _of(self, points: Tensor, examples: Examples) -> tuple[Tensor, Tensor]:
        """Losses and gradients of all points."""
        if self._dense is not None:
            return self._dense.slopes(points.detach(), *examples)
        try:
            return self._differentiated(points, examples)
        except ValueError as error:
            count = examples.classes.shape[-1]
            advice = "; choose batch_size so that the last mini-batch has more" if count == 1 else ""
            raise InvalidInputError(
                f"{shown(self.network)} has no gradient on a mini-batch of {count} ({reason(error)}){advice}"
            ) from None

    def _differentiated(self, points: Tensor, examples: Examples) -> tuple[Tensor, Tensor]:
        """Losses and gradients of all points together, or one after the other where that is faster."""
        own = examples.classes.ndim == 2
        _ = self._training, self._buffers  # made here, since inside of vmap they cannot be
        if self._singly:
            each = [
                self._one(point, Examples(examples.inputs[k], examples.classes[k]) if own else examples)
                for k, point in enumerate(points)
            ]
            return torch.stack([loss for loss, _ in each]), torch.stack([gradient for _, gradient in each])
        where = 0 if own else None
        run = vmap(grad_and_value(self._loss), in_dims=(0, where, where), randomness="different")
        gradients, losses = run(points.detach(), examples.inputs, examples.classes)
        return losses.detach(), gradients.detach()

    def _one(self, point: Tensor, examples: Examples) -> tuple[Tensor, Tensor]:
        leaf = point.detach().requires_grad_()
        loss = self._loss(leaf, *examples)
        (gradient,) = torch.autograd.grad(loss, leaf)
        return loss.detach(), gradient

    def _loss(self, point: Tensor, inputs: Tensor, classes: Tensor) -> Tensor:
        buffers = {name: tensor.clone() for name, tensor in self._buffers.items()}
        return cross_entropy(self._outputs(self._training, buffers, point, inputs), classes)

    def _outputs(self, module: nn.Module, buffers: State, point: Tensor, inputs: Tensor) -> Tensor:
        parts = zip(self.network.parameters, point.split(self._sizes), self._shapes, strict=True)
        state = {name: part.view(shape) for name, part, shape in parts}
        constants = self.network.constants
        state = {name: constants[name].to(part) if name in constants else part for name, part in state.items()}
        outputs: Tensor = functional_call(module, (state, buffers), (inputs,))
        return outputs

    def curvature(self, point: Tensor) -> Callable[[Tensor], Tensor]:
        """Products with the Hessian of the network in evaluation mode.

        Batch-norm statistics are estimated on the train data at the point and then held fixed: the Hessian is that of
        the network as it is deployed, not of the landscape, on which statistics follow the parameters. It is that in
        flat coordinates also on a toroid.
        """
        fixed = self._outputs_near(point)

        def loss(leaf: Tensor, examples: Examples) -> Tensor:
            return cross_entropy(fixed(leaf, examples.inputs), examples.classes)

        return Curvature(loss, point, self._parts(), self.n_patterns * self.network.widest <= KEPT)

    @usual()
    def outputs_along(self, point: Tensor, vector: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs and their derivatives, in evaluation mode with batch-norm statistics as in `curvature`."""
        fixed = self._outputs_near(point)
        with full_precision():
            found = [_along(fixed, part.inputs, point, vector) for part in self._parts()]
        outputs, slopes = (torch.cat(tensors) for tensors in zip(*found, strict=True))
        return outputs, slopes, self.train.classes

    def _outputs_near(self, point: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        """Outputs for parameters and inputs in evaluation mode, with batch-norm statistics estimated at a point."""
        state = restated(self.network, self.state(point.detach()), self.train)
        buffers = {name: state[name] for name in self._buffers}
        return lambda leaf, inputs: self._outputs(self._evaluating, buffers, leaf, inputs)

    def _parts(self) -> list[Examples]:
        """The train data in parts."""
        inputs, classes = self.train
        return [Examples(*part) for part in zip(inputs.split(PART), classes.split(PART), strict=True)]

    @cached_property
    def _evaluating(self) -> nn.Module:
        """The module in evaluation mode."""
        return self.network.copied(self.dtype).to(self.device).eval()

    @cached_property
    def _training(self) -> nn.Module:
        """The module in evaluation mode, without any dropout, but for batch-norms, which use the mini-batch."""
        module = self.network.copied(self.dtype).to(self.device).eval()
        for one in module.modules():
            if isinstance(one, BATCH_NORMS):
                one.train()
            if isinstance(one, nn.RNNBase) and self.device.type != "cpu":  # cuDNN has slopes in training mode only
                one.train()
                one.dropout = 0.0
        return module

    @cached_property
    def _singly(self) -> bool:
        """Whether networks run one after the other: convolutions and batch-norms on a CPU, where it is faster."""
        if self.device.type != "cpu":
            return False
        return self.network.has_batch_norm or any(isinstance(m, SLOW) for m in self.network.template.modules())

    def identity(self) -> dict[str, str]:
        """Network and train data; test data change no path."""
        data = hashed([self.train.inputs.cpu().numpy(), self.train.classes.cpu().numpy()])
        return {"network": f"{self.network!r} {self.network.shapes}", "data": data, "geometry": self.geometry.name}


class Sums(Row):
    """Networks whose parameters are sums of those of a few points, with coefficients shares (T, C).

    With batch-norm, statistics are estimated on the train data at every point, once.
    """

    def __init__(self, landscape: NetworkLandscape, corners: Tensor, shares: Tensor | None):
        self._landscape, self._points, self._shares = landscape, corners, shares
        few = shares is not None and len(corners) < len(shares)
        self.corners = [landscape.state(corner) for corner in corners] if few else ()
        self._statistics: dict[int, State] = {}

    def __len__(self) -> int:
        return len(self._points) if self._shares is None else len(self._shares)

    def state(self, i: int) -> State:
        """Tensors of network i."""
        landscape = self._landscape
        point = self._points[i] if self._shares is None else self._shares[i].to(self._points) @ self._points
        state = landscape.state(point)
        if not landscape.network.has_batch_norm:
            return state
        if i not in self._statistics:
            found = restated(landscape.network, state, landscape.train)
            self._statistics[i] = {name: found[name] for name in found if name not in landscape.network.parameters}
        return state | self._statistics[i]

    def entrance(self, i: int) -> Tensor | None:
        """The coefficients of network i, (C, 1)."""
        return None if self._shares is None else self._shares[i][:, None]


def few_corners(corners: Tensor, shares: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Rows of shares (T, C) in runs that need few of the corners, as those on neighbouring lines of a polygon do."""
    made: list[tuple[Tensor, Tensor]] = []
    used, begin = set[int](), 0
    for row, columns in enumerate([set(one.nonzero().flatten().tolist()) for one in shares]):
        if row > begin and len(used | columns) > FEW and not columns <= used:
            made.append(_run(corners, shares[begin:row], used))
            used, begin = set(), row
        used |= columns
    return [*made, _run(corners, shares[begin:], used)]


def _run(corners: Tensor, shares: Tensor, used: set[int]) -> tuple[Tensor, Tensor]:
    columns = sorted(used) or [0]
    return corners[columns], shares[:, columns]


def _views(examples: Examples, rngs: Sequence[np.random.Generator]) -> Examples:
    """Images (T, B, ...) flipped and cropped, those of every point with its own random numbers."""
    images = [flipped_and_cropped(one, rng) for one, rng in zip(examples.inputs, rngs, strict=True)]
    return Examples(torch.stack(images), examples.classes)


def _along(
    function: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, point: Tensor, vector: Tensor
) -> tuple[Tensor, Tensor]:
    """Values of a function of parameters and inputs at a point, and their derivatives along a vector.

    The gradient of a sum of values with weights u is linear in u; its product with the vector has these as slopes.
    """
    leaf = point.detach().clone().requires_grad_()
    values = function(leaf, inputs)
    weights = torch.zeros_like(values, requires_grad=True)
    (gradient,) = torch.autograd.grad(values, leaf, weights, create_graph=True)
    (slopes,) = torch.autograd.grad(gradient, weights, vector)
    return values.detach(), slopes


def cross_entropy(outputs: Tensor, classes: Tensor) -> Tensor:
    """Mean cross-entropy in nats; of a single output, that of its logistic function."""
    if outputs.shape[-1] == 1:
        logits = outputs[..., 0]
        return nn.functional.binary_cross_entropy_with_logits(logits, classes.to(logits.dtype))
    return nn.functional.cross_entropy(outputs, classes)


def _before(sizes: list[int]) -> list[int]:
    """Sums of all earlier sizes."""
    return [sum(sizes[:k]) for k in range(len(sizes))]
