"""The loss of a binary network as a function of its latents: what `deepbridge.connectivity` works on."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.nn import functional

from binland.bits import as_signs
from binland.checks import one_of, positive
from binland.data import Patterns
from binland.errors import InvalidInputError, shown
from binland.rng import Seed
from deepbridge.binary.counting import Walk, no_ties
from deepbridge.binary.evaluation import error_counts
from deepbridge.binary.networks import Conv, Layer, Network, check_fit, check_network
from deepbridge.binary.solutions import Solution
from deepbridge.binary.symmetry import Method, align
from deepbridge.common.data import Dataset
from deepbridge.common.devices import Device, as_device, full_precision, usual
from deepbridge.common.runs import checked_dtype, hashed
from deepbridge.connectivity.landscape import Landscape, Values, joined_parts, mean_gradients

LARGEST = 2**26  # entries of a layer's output for all points and patterns that are computed together
PART = 2000  # patterns that are computed together


class LatentLandscape(Landscape):
    """The loss of a binary network on its train data, as a function of all latents in one row.

    `deepbridge.landscape` makes it. The network at a point has the signs of the latents as weights: errors are exact
    counts, and the loss is the cross-entropy of its outputs. Both are constant where no sign changes; gradients are
    straight-through ones, as in BinaryNet: a sign has slope 1 where what it is taken of is between -1 and 1.

    Parameters
    ----------
    network : BinaryMLP or BinaryConvNet
        The architecture.
    data : Dataset or Patterns
        Train data.
    test : Dataset or Patterns, optional
        Test data, on which results are measured, too.
    geometry : {"flat"}, default "flat"
        Latents have no spheres.
    window : float, default 1.0
        Where signs of hidden units have a gradient, in units of the pre-activation, as in `deepbridge.SGD`.
    device : str or torch.device, default "cpu"
        Where it is computed.
    dtype : {"float32", "float64"}, default "float32"
        Type of the latents.

    Raises
    ------
    InvalidInputError
        If network and data do not fit.
    """

    smooth = False

    def __init__(
        self,
        network: Network,
        data: Dataset | Patterns,
        test: Dataset | Patterns | None = None,
        *,
        geometry: str = "flat",
        window: float = 1.0,
        device: Device = "cpu",
        dtype: str = "float32",
    ):
        check_network(network)
        one_of("geometry", geometry, ("flat",))  # latents have no norm to keep
        self.network, self.device, self.dtype = network, as_device(device), checked_dtype(dtype)
        self._window = positive("window", window)
        self.train = check_fit(network, data)
        self.test = None if test is None else check_fit(network, test)
        self.size, self.n_patterns, self.has_test = network.n_weights, self.train.n_patterns, test is not None
        self._tensors: dict[bool, tuple[Tensor, Tensor]] = {}

    @property
    def filters(self) -> Tensor:
        """Incoming weights of each unit, numbered."""
        parts, count = [], 0
        for layer in self.network.free_layers:
            parts.append(count + torch.arange(layer.n_units).repeat_interleave(layer.fan_in))
            count += layer.n_units
        return torch.cat(parts)

    @property
    def layers(self) -> Tensor:
        """Weights of each layer, numbered."""
        sizes = torch.tensor([layer.n_units * layer.fan_in for layer in self.network.free_layers])
        return torch.arange(len(sizes)).repeat_interleave(sizes)

    def flat(self, solution: Any) -> Tensor:
        """Latents of a solution, or its weights if it has none; or numbers as they are. Ties are taken to be +1."""
        if not isinstance(solution, Solution):
            return super().flat(solution)
        if solution.network != self.network:
            raise InvalidInputError(f"{shown(solution.network)} is not the landscape's network {shown(self.network)}")
        layers = solution.weights if solution.latents is None else solution.latents
        flat = np.concatenate([layer.reshape(-1) for layer in layers])
        return torch.from_numpy(flat).to(self.device, self.dtype)

    def solution(self, point: Tensor) -> Solution:
        """The network whose latents are the point."""
        latents = self.network.split(point.cpu().float().numpy())
        return Solution(self.network, tuple(as_signs(layer) for layer in latents), latents)

    def aligned(self, solution: Any, to: Any, method: str, seed: Seed) -> Solution:
        """A solution aligned to another by `deepbridge.align`."""
        moved, fixed = (one if isinstance(one, Solution) else self.solution(self.flat(one)) for one in (solution, to))
        chosen: Method = method  # type: ignore[assignment]
        return align(moved, fixed, chosen, self.train, seed=seed).solution

    def values(self, corners: Tensor, shares: Tensor | None = None, test: bool = False) -> Values:
        """Losses, and exact errors, of the signs at sums of a few points."""
        data = self.test if test else self.train
        if data is None:
            raise InvalidInputError("the landscape has no test data; give test to db.landscape")
        count = len(corners) if shares is None else len(shares)

        def point(i: int) -> Tensor:
            return corners[i] if shares is None else shares[i].to(corners) @ corners

        walk = Walk.through((as_signs(point(i).cpu().numpy()) for i in range(count)), no_ties(self.network))
        errors = error_counts(self.network, data, walk, self.device)
        with torch.no_grad(), full_precision():
            losses = [self._mean_loss(point(i), *self._on_device(test)) for i in range(count)]
        return Values(np.array(losses), errors, data.n_patterns)

    def _on_device(self, test: bool) -> tuple[Tensor, Tensor]:
        """Inputs and classes, kept."""
        data = self.test if test else self.train
        assert data is not None
        if test not in self._tensors:
            inputs = torch.from_numpy(data.inputs.astype(np.int16)).to(self.device, self.dtype)
            classes = torch.from_numpy(data.classes.astype(np.int64)).to(self.device)
            self._tensors[test] = inputs.reshape(len(inputs), *self.network.input_shape), classes
        return self._tensors[test]

    def _mean_loss(self, point: Tensor, inputs: Tensor, classes: Tensor) -> float:
        parts = zip(inputs.split(PART), classes.split(PART), strict=True)
        return sum(float(self._loss(point, *part)) * len(part[1]) for part in parts) / len(classes)

    @usual()
    def gradients(self, points: Tensor, batch: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Losses and straight-through gradients on a mini-batch, common or one for each point; or on all data."""
        inputs, classes = self._on_device(False)
        if batch is None:
            return mean_gradients(self, points, torch.arange(self.n_patterns).split(PART))
        batch = batch.to(self.device)
        own = batch.ndim == 2
        rows = max(1, LARGEST // (batch.shape[-1] * max(math.prod(x.field_shape) * x.n_units for x in self._layers)))
        run = vmap(grad_and_value(self._loss), in_dims=(0, 0, 0) if own else (0, None, None))
        parts = []
        with full_precision():
            for k in range(0, len(points), rows):
                here = batch[k : k + rows] if own else batch
                slopes, losses = run(points[k : k + rows].detach(), inputs[here], classes[here])
                parts.append((losses.detach(), slopes.detach()))
        return joined_parts(parts)

    @property
    def _layers(self) -> tuple[Layer, ...]:
        return self.network.layers

    def _loss(self, point: Tensor, inputs: Tensor, classes: Tensor) -> Tensor:
        """Mean cross-entropy of the network with the signs of the latents."""
        sizes = [layer.n_units * layer.fan_in for layer in self.network.free_layers]
        weights = [
            _signs(part.view(layer.weight_shape), math.inf)
            for part, layer in zip(point.split(sizes), self.network.free_layers, strict=True)
        ]
        if self.network.fixed_output:
            weights.append(torch.ones(self._layers[-1].weight_shape, dtype=point.dtype, device=point.device))
        x = inputs
        for k, (layer, w) in enumerate(zip(self._layers, weights, strict=True)):
            factor = (self.train.scale if k == 0 else 1.0) / math.sqrt(layer.fan_in)
            if isinstance(layer, Conv):
                delta = functional.max_pool2d(functional.conv2d(x, w), layer.pool) * factor
            else:
                delta = functional.linear(x.flatten(1), w) * factor
            x = _signs(delta, self._window) if k < len(weights) - 1 else delta
        if x.shape[-1] == 1:
            return functional.binary_cross_entropy_with_logits(x[..., 0], classes.to(x.dtype))
        return functional.cross_entropy(x, classes)

    def curvature(self, point: Tensor) -> Callable[[Tensor], Tensor]:
        """There is none."""
        raise InvalidInputError(
            "a binary network is a step function of its latents and has no Hessian; its flatness is measured by"
            " db.local_energy or db.hamming_volume"
        )

    def identity(self) -> dict[str, str]:
        """Network and train data; test data change no path."""
        data = hashed([self.train.inputs, self.train.classes, np.array(self.train.scale)])
        return {"network": f"{self.network!r} window {self._window:g}", "data": data}


def _signs(delta: Tensor, window: float) -> Tensor:
    """sign(delta), sign(0) = +1, exactly, with slope 1 where delta is at most `window` in size and else 0.

    Written with operations that can be batched; the sum of a number and its negative is exactly 0.
    """
    inside = delta.clamp(-window, window)
    signs = torch.where(delta.detach() >= 0, 1.0, -1.0).to(delta.dtype)
    return signs + (inside - inside.detach())
