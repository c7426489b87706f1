"""Fully connected ReLU networks on a CPU, many of one architecture at once, differentiated by hand.

What a general module costs beside its matrix products, for every network and every call, is here paid once for all. The
weights are read where they stand in the flat points, and gradients are written where they belong. Outputs of layers are
(T, outputs, B), patterns last: sums over a few classes are then taken for many patterns at once.
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
        return points[:, self.weight : end].view(len(points), self.outputs, self.inputs)

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
        x = inputs.flatten(classes.ndim)
        seen = [_first(self._layers[0], points, x)]
        for layer in self._layers[1:]:
            seen.append(_linear(layer, points, seen[-1].relu_()))
        losses, back = _cross_entropies(seen.pop(), classes)
        gradients = torch.empty_like(points)
        for layer, before in zip(reversed(self._layers[1:]), reversed(seen), strict=True):
            layer.weights_of(gradients).copy_(torch.bmm(back, before.mT))
            _sum_into(layer, gradients, back)
            back = torch.bmm(layer.weights_of(points).mT, back).mul_(before > 0)
        first = self._layers[0]
        into = first.weights_of(gradients)
        if x.ndim == 2 and len(points) > 1:  # a single product, for all networks
            into.copy_((back.flatten(0, 1) @ x).view_as(into))
        else:
            torch.bmm(back, x.expand(len(points), *x.shape[-2:]), out=into)
        _sum_into(first, gradients, back)
        return losses, gradients

    @torch.no_grad()
    def scores(self, corners: Tensor, shares: Tensor | None, inputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of cross-entropies (T,) float64 and numbers of wrong labels (T,) of the networks ``shares @ corners``.

        The first layer, which is most of the work, is run on the data for every corner only. Rows of shares that follow
        one another best use neighbouring corners, as on a polygon: others are left out of their sums.
        """
        mixing = None if shares is None or len(shares) <= len(corners) else shares.to(corners)
        points = corners if shares is None else shares.to(corners) @ corners
        losses = torch.zeros(len(points), dtype=torch.float64)
        wrong = torch.zeros(len(points), dtype=torch.int64)
        size = max(layer.outputs for layer in self._layers)
        patterns = max(1, PATTERNS // size)
        if mixing is not None:
            patterns = max(64, min(patterns, 32 * PATTERNS // (size * len(corners))))
        rows = max(1, TOGETHER // (min(patterns, len(classes)) * size))
        first = self._layers[0]
        for x, labels in zip(inputs.flatten(1).split(patterns), classes.split(patterns), strict=True):
            sums = None if mixing is None else first.weights_of(corners).flatten(0, 1) @ x.T
            for k in range(0, len(points), rows):
                here = points[k : k + rows]
                if sums is None or mixing is None:
                    fields = _first(first, here, x)
                else:
                    fields = _mixed(mixing[k : k + rows], sums.view(len(corners), first.outputs, len(x)))
                    biases = first.biases_of(here)
                    if biases is not None:
                        fields += biases[..., None]
                for layer in self._layers[1:]:
                    fields = _linear(layer, here, fields.relu_())
                loss, missed = _judged(fields, labels)
                losses[k : k + rows] += loss
                wrong[k : k + rows] += missed
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


def _first(layer: Layer, points: Tensor, x: Tensor) -> Tensor:
    """Outputs (T, outputs, B) of the first layer of every network, for inputs (B, inputs) or (T, B, inputs)."""
    weights, biases = layer.weights_of(points), layer.biases_of(points)
    if x.ndim == 3:
        return _with_biases(weights, x.mT, biases)
    flat = weights.flatten(0, 1)  # of all networks, one below the other: a single product
    made = flat @ x.T if biases is None else torch.addmm(biases.reshape(-1, 1), flat, x.T)
    return made.view(len(points), layer.outputs, len(x))


def _linear(layer: Layer, points: Tensor, fields: Tensor) -> Tensor:
    """Outputs (T, outputs, B) of another layer of every network."""
    return _with_biases(layer.weights_of(points), fields, layer.biases_of(points))


def _with_biases(weights: Tensor, fields: Tensor, biases: Tensor | None) -> Tensor:
    return torch.bmm(weights, fields) if biases is None else torch.baddbmm(biases[..., None], weights, fields)


def _mixed(shares: Tensor, sums: Tensor) -> Tensor:
    """Sums (T, outputs, B) of the corners' (C, outputs, B), of which those in between the first and last used count."""
    used = shares.any(0).nonzero().flatten().tolist() or [0]
    part = slice(used[0], used[-1] + 1)
    return (shares[:, part] @ sums[part].flatten(1)).view(len(shares), *sums.shape[1:])


def _sum_into(layer: Layer, gradients: Tensor, back: Tensor) -> None:
    """Gradients of biases: sums over the patterns."""
    biases = layer.biases_of(gradients)
    if biases is not None:
        biases.copy_(back.sum(2))


def _cross_entropies(outputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Means over the patterns (T,), and their derivatives with respect to the outputs (T, C, B)."""
    count = outputs.shape[2]
    labels = classes.expand(len(outputs), count)
    if outputs.shape[1] == 1:
        logits, truth = outputs[:, 0], labels.to(outputs.dtype)
        losses = nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(1)
        return losses, (logits.sigmoid() - truth)[:, None] / count
    labels = labels[:, None]
    top = outputs.amax(1, keepdim=True)
    right = outputs.gather(1, labels)
    slopes = outputs.sub_(top).exp_()
    sums = slopes.sum(1, keepdim=True)
    losses = (sums.log() + top - right).mean((1, 2))
    slopes /= sums.mul_(count)
    share = slopes.new_full((1, 1, 1), -1 / count)
    return losses, slopes.scatter_add_(1, labels, share.expand_as(labels))


def _judged(outputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of cross-entropies (T,) and numbers of wrong labels (T,) of outputs (T, C, B)."""
    labels = classes.expand(len(outputs), outputs.shape[2])
    if outputs.shape[1] == 1:
        logits = outputs[:, 0]
        losses = nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")
        return losses.sum(1, dtype=torch.float64), (((logits >= 0) != (labels == 1)) | logits.isnan()).sum(1)
    top, right = outputs.amax(1, keepdim=True), outputs.gather(1, labels[:, None])
    if (outputs == top).sum() != top.numel():  # equal outputs, of which the first one counts, or none that is a number
        return _judged_carefully(outputs, labels)
    losses = (outputs - top).exp_().sum(1).log_().add_((top - right)[:, 0]).sum(1, dtype=torch.float64)
    return losses, (right < top).sum((1, 2))


def _judged_carefully(outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    losses = outputs.logsumexp(1) - outputs.gather(1, labels[:, None])[:, 0]
    return losses.sum(1, dtype=torch.float64), ((outputs.argmax(1) != labels) | outputs.isnan().any(1)).sum(1)
