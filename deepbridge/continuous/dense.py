"""Fully connected ReLU networks on a CPU, many of one architecture at once, differentiated by hand.

What a general module costs beside its matrix products, for every network and every call, is here paid once for all. The
weights are read where they stand in the flat points, and gradients are written where they belong.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from deepbridge.continuous.networks import Network
from deepbridge.continuous.probe import is_plain

TOGETHER = 2**20  # entries of a layer's output for all networks that are computed together
PATTERNS = 2**17  # the same for one network


class Layer(NamedTuple):
    """Where a layer stands in a flat point: first entry of its weights (outputs, inputs) and of its biases, or None."""

    weight: int
    bias: int | None
    outputs: int
    inputs: int

    def weights_of(self, points: Tensor) -> Tensor:
        """The weights (T, outputs, inputs), a view."""
        end = self.weight + self.outputs * self.inputs
        return points[:, self.weight : end].unflatten(1, (self.outputs, self.inputs))

    def biases_of(self, points: Tensor) -> Tensor | None:
        """The biases (T, outputs), a view, or None."""
        return None if self.bias is None else points[:, self.bias : self.bias + self.outputs]


class Dense:
    """Networks with these layers, in flat points (T, n)."""

    def __init__(self, layers: list[Layer]):
        self._layers = layers

    @classmethod
    def of(cls, network: Network) -> "Dense | None":
        """For an architecture; None unless it is a plain chain of linear layers with ReLU in between."""
        modules = _chain(network.template)
        if modules is None or network.constants or (len(network.input_shape) > 1 and not _flattens(network.template)):
            return None
        layers, place = [], 0
        for module in modules:
            size = module.weight.numel()
            bias = None if module.bias is None else place + size
            layers.append(Layer(place, bias, *module.weight.shape))
            place += size + (0 if module.bias is None else module.weight.shape[0])
        fits = all(a.outputs == b.inputs for a, b in pairwise(layers)) and place == network.n_weights
        return cls(layers) if fits else None

    @torch.no_grad()
    def slopes(self, points: Tensor, inputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropies (T,), gradients (T, n). inputs: (B, ...), classes: (B,); or (T, B, ...) and (T, B)."""
        own = classes.ndim == 2
        x = inputs.flatten(2) if own else inputs.flatten(1)
        seen: list[Tensor] = [x if own else x.expand(len(points), *x.shape)]
        for layer in self._layers:
            seen.append(_linear(layer, points, seen[-1]))
            if layer is not self._layers[-1]:
                seen[-1].relu_()
        losses, back = _cross_entropies(seen.pop(), classes)
        gradients = torch.empty_like(points)
        for layer, before in zip(reversed(self._layers), reversed(seen), strict=True):
            for delta, x, into in zip(back, before, layer.weights_of(gradients), strict=True):
                torch.mm(delta.T, x, out=into)
            biases = layer.biases_of(gradients)
            if biases is not None:
                biases.copy_(back.sum(1))
            if layer is not self._layers[0]:
                onward = torch.empty_like(before)
                for delta, w, into in zip(back, layer.weights_of(points), onward, strict=True):
                    torch.mm(delta, w, out=into)
                back = onward.mul_(before > 0)
        return losses, gradients

    @torch.no_grad()
    def scores(self, corners: Tensor, shares: Tensor | None, inputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of cross-entropies (T,) float64 and numbers of wrong labels (T,) of the networks ``shares @ corners``.

        The first layer, which is most of the work, is run on the data for every corner only. Rows of shares that follow
        one another best use neighbouring corners, as on a polygon: others are left out of their sums.
        """
        mixing = None if shares is None or len(shares) <= len(corners) else shares.to(corners)
        points = corners if shares is None else shares.to(corners) @ corners
        known = points if mixing is None else corners  # networks whose first layers are run
        losses = torch.zeros(len(points), dtype=torch.float64)
        wrong = torch.zeros(len(points), dtype=torch.int64)
        size = max(layer.outputs for layer in self._layers)
        patterns = max(1, PATTERNS // size)
        if mixing is not None:
            patterns = max(64, min(patterns, 32 * PATTERNS // (size * len(corners))))
        rows = max(1, TOGETHER // (min(patterns, len(classes)) * size))
        for x, labels in zip(inputs.flatten(1).split(patterns), classes.split(patterns), strict=True):
            if mixing is not None:
                sums = torch.stack([x @ w.T for w in self._layers[0].weights_of(known)])  # (C, b, H)
            for first in range(0, len(points), rows):
                here = points[first : first + rows]
                if mixing is None:
                    fields = _linear(self._layers[0], here, x.expand(len(here), *x.shape))
                else:
                    some = mixing[first : first + rows]
                    used = some.any(0).nonzero().flatten().tolist() or [0]
                    low, high = used[0], used[-1]
                    few = sums[low : high + 1]
                    fields = (some[:, low : high + 1] @ few.flatten(1)).view(len(here), *sums.shape[1:])
                    biases = self._layers[0].biases_of(here)
                    if biases is not None:
                        fields += biases[:, None]
                for layer in self._layers[1:]:
                    fields = _linear(layer, here, fields.relu_())
                loss, missed = _judged(fields, labels)
                losses[first : first + rows] += loss
                wrong[first : first + rows] += missed
        return losses, wrong


def _chain(module: nn.Module) -> list[nn.Linear] | None:
    """The linear layers of a plain chain Flatten, Linear, ReLU, ..., Linear; None for any other module."""
    if not (isinstance(module, nn.Sequential) and is_plain(module, (nn.Sequential,))):
        return None
    parts = [one for one in module if not (isinstance(one, nn.Flatten) and is_plain(one, (nn.Flatten,)))]
    layers, between = parts[::2], parts[1::2]
    plain = all(is_plain(one, (nn.Linear,)) for one in layers) and all(is_plain(one, (nn.ReLU,)) for one in between)
    fits = len(parts) % 2 == 1 and plain and len({id(one) for one in layers}) == len(layers)
    return [one for one in layers if isinstance(one, nn.Linear)] if fits else None


def _flattens(module: nn.Module) -> bool:
    """Whether the first part flattens images as a whole."""
    first = next(iter(module.children()))
    return isinstance(first, nn.Flatten) and (first.start_dim, first.end_dim) == (1, -1)


def _linear(layer: Layer, points: Tensor, inputs: Tensor) -> Tensor:
    """Outputs (T, B, outputs) of a layer of every network for inputs (T, B, inputs)."""
    made = points.new_empty(len(points), inputs.shape[1], layer.outputs)
    biases = layer.biases_of(points)
    for k, (w, x) in enumerate(zip(layer.weights_of(points), inputs, strict=True)):
        if biases is None:
            torch.mm(x, w.T, out=made[k])
        else:
            torch.addmm(biases[k], x, w.T, out=made[k])
    return made


def _cross_entropies(outputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Means over the patterns (T,), and their derivatives with respect to the outputs (T, B, C)."""
    labels = classes.expand(outputs.shape[:2])
    if outputs.shape[2] == 1:
        logits, truth = outputs[..., 0], labels.to(outputs.dtype)
        losses = nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(1)
        return losses, (logits.sigmoid() - truth)[..., None] / outputs.shape[1]
    logs = outputs.log_softmax(2)
    losses = -logs.gather(2, labels[..., None])[..., 0].mean(1)
    slopes = logs.exp_()
    slopes.scatter_add_(2, labels[..., None], slopes.new_full((1, 1, 1), -1.0).expand(*labels.shape, 1))
    return losses, slopes.div_(outputs.shape[1])


def _judged(outputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of cross-entropies (T,) and numbers of wrong labels (T,) of outputs (T, B, C)."""
    labels = classes.expand(outputs.shape[:2])
    if outputs.shape[2] == 1:
        logits = outputs[..., 0]
        losses = nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")
        return losses.sum(1, dtype=torch.float64), ((logits >= 0) != (labels == 1)).sum(1)
    losses = outputs.logsumexp(2) - outputs.gather(2, labels[..., None])[..., 0]
    return losses.sum(1, dtype=torch.float64), (outputs.argmax(2) != labels).sum(1)
