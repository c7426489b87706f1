"""One mini-batch of BinaryNet for many networks of one kind at once (paper, section 3.2 and appendix B).

Latents are (R, *weight_shape): run by run, the replicas of a run together. Every network has its own mini-batch. The
fully connected part is differentiated by hand into buffers that are reused, because fresh pages would cost more than
the arithmetic. Convolutions are left to autograd.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from deepbridge.binary.algorithms import ADV, RSGD, Algorithm
from deepbridge.binary.int8 import narrowed
from deepbridge.binary.networks import Conv, Dense, Network
from deepbridge.binary.straight_through import signs_into, straight_through
from deepbridge.common.checkpoints import checked, part
from deepbridge.common.data import Dataset

MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # torch's names of Adam's state of a layer


class Descent:
    """Latents of R networks and the optimiser that moves them."""

    def __init__(self, network: Network, latents: list[Tensor], algorithm: Algorithm, replicas: int, data: Dataset):
        self.latents = latents
        self._algorithm, self._replicas = algorithm, replicas
        self._form = algorithm.coupling_form if isinstance(algorithm, RSGD) else ""
        self._convs = [layer for layer in network.layers if isinstance(layer, Conv)]
        self._factors = [1 / math.sqrt(layer.fan_in) for layer in network.layers]  # from sums to pre-activations
        self._factors[0] *= data.scale  # inputs stay integers, so that the sums of the first layer are exact
        count = len(self._convs)
        inputs = torch.tensor(data.inputs, device=latents[0].device).to(latents[0].dtype)
        self._inputs = inputs if count else inputs.flatten(1)
        self._chain = _Chain(network, algorithm, latents[count:], self._factors[count:], None if count else data)
        self._filters = [torch.empty_like(layer) for layer in latents[:count]]
        coupled = latents if self._form else []
        self._means = [layer.new_empty(len(layer) // replicas, 1, *layer.shape[1:]) for layer in coupled]
        self._adam: torch.optim.Adam | None = None
        self._rate = self._pull = 0.0

    def begin_epoch(self, epoch: int, pretrained: int) -> None:
        """Set rate, optimiser and coupling of an epoch; the first `pretrained` epochs are on random labels."""
        algorithm, phase = self._algorithm, epoch - pretrained
        if phase < 0:
            assert isinstance(algorithm, ADV)
            self._rate = algorithm.pretrain_learning_rate
            optimizer = algorithm.pretrain_optimizer
        else:
            self._rate, optimizer = algorithm.rate(phase), algorithm.optimizer
        if epoch in (0, pretrained) or (optimizer == "adam") != (self._adam is not None):
            self._adam = torch.optim.Adam(self.latents, fused=True) if optimizer == "adam" else None
        if self._adam is not None:
            self._adam.param_groups[0]["lr"] = self._rate
        self._pull = algorithm.pull(phase) if isinstance(algorithm, RSGD) and phase >= 0 else 0.0

    @torch.no_grad()
    def step(self, classes: Tensor, batch: Tensor) -> None:
        """One mini-batch: rows batch (R, B) of the inputs, with classes (R, B)."""
        count = len(self._convs)
        for layer, weights in zip(self.latents[:count], self._filters, strict=True):
            signs_into(layer, weights)
        self._chain.set_weights()
        if self._form == "in_gradient" and self._adam is None:
            self._couple(self._rate * self._pull)
        buffers = self._chain.buffers(batch.shape[1])
        if count:
            with torch.enable_grad():
                leaves = [layer.detach().requires_grad_() for layer in self._filters]
                features = self._features(batch, leaves)
            buffers.inputs[0].copy_(features)
        else:
            rows = buffers.inputs[0].view(-1, self._inputs.shape[1])
            torch.index_select(self._inputs, 0, batch.reshape(-1), out=rows)
        backs = self._chain.backwards(classes, batch, buffers)
        into = torch.autograd.grad(features, leaves, backs[0]) if count else ()
        if self._adam is None:
            for layer, gradient in zip(self.latents, into, strict=False):
                layer.sub_(gradient, alpha=self._rate)
            for k in reversed(range(len(self.latents) - count)):  # the last first: it is still in the cache
                layer = self.latents[count + k]
                layer.baddbmm_(backs[k + 1].transpose(1, 2), buffers.inputs[k], alpha=-self._rate)
        else:
            # Fused Adam ignores strides: gradients need the memory layout of the latents.
            gradients = [*(gradient.contiguous() for gradient in into), *self._chain.gradients(backs, buffers)]
            if self._form == "in_gradient" and self._pull > 0:
                for layer, gradient, mean in zip(self.latents, gradients, self._means, strict=True):
                    gradient.add_(self._deviation(layer, mean), alpha=self._pull)
            for layer, gradient in zip(self.latents, gradients, strict=True):
                layer.grad = gradient
            self._adam.step()
        for layer in self.latents:
            layer.clamp_(-self._algorithm.clip, self._algorithm.clip)
        if self._form == "after_batch":
            self._couple(self._rate * self._pull)

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Pull the replicas if the coupling is applied once an epoch."""
        if self._form == "after_epoch":
            self._couple(self._rate * self._pull)

    def _couple(self, pull: float) -> None:
        """w_a <- w_a - pull (w_a - mean_b w_b)"""
        if pull > 0:
            for layer, mean in zip(self.latents, self._means, strict=True):
                by_run = layer.view(-1, self._replicas, *layer.shape[1:])
                by_run.lerp_(torch.mean(by_run, dim=1, keepdim=True, out=mean), pull)

    def _deviation(self, layer: Tensor, mean: Tensor) -> Tensor:
        by_run = layer.view(-1, self._replicas, *layer.shape[1:])
        return (by_run - torch.mean(by_run, dim=1, keepdim=True, out=mean)).view_as(layer)

    def _features(self, batch: Tensor, weights: list[Tensor]) -> Tensor:
        """Outputs of the convolutions, (R, B, n); networks are groups of channels of one convolution.

        Channels are innermost in memory, which makes convolutions and max-pools on a CPU up to twice as fast.
        """
        networks, size = batch.shape
        x = self._inputs.permute(0, 2, 3, 1)[batch.T].permute(0, 2, 3, 1, 4).flatten(3).permute(0, 3, 1, 2)
        for layer, w, factor in zip(self._convs, weights, self._factors, strict=False):
            filters = w.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            fields = functional.conv2d(x, filters, groups=networks)
            pooled = functional.max_pool2d(fields, layer.pool) * factor
            x = straight_through(pooled, self._algorithm.ste_window)
        return x.reshape(size, networks, -1).transpose(0, 1)

    def state(self) -> dict[str, Any]:
        """Latents and, for each layer, Adam's step count and moments."""
        adam = self._adam and [[self._adam.state[layer][name] for name in MOMENTS] for layer in self.latents]
        return {"latents": self.latents, "adam": adam}

    def restore(self, state: dict[str, Any], epoch: int, pretrained: int) -> None:
        """The inverse of `state`; epoch: the next one. Raises KeyError, TypeError or ValueError on anything else."""
        for layer, kept in zip(self.latents, part(state, "latents", list), strict=True):
            layer.copy_(checked("latents", kept, layer))
        self.begin_epoch(max(epoch - 1, 0), pretrained)
        if epoch == 0 or self._adam is None:
            part(state, "adam", type(None))
            return
        for layer, (steps, first, second) in zip(self.latents, part(state, "adam", list), strict=True):
            count = checked("steps of Adam", steps, torch.zeros((), device=layer.device), low=1)
            moments = checked("moments", first, layer), checked("moments", second, layer, low=0)
            # Fused Adam ignores strides: moments need the memory layout of the latents.
            copies = (torch.empty_like(layer).copy_(moment) for moment in moments)
            self._adam.state[layer] = dict(zip(MOMENTS, (count.clone(), *copies), strict=True))


class _Buffers(NamedTuple):
    """Buffers for one size of mini-batch: per layer inputs (R, B, N); pre-activations, windows, gradients (R, B, H)."""

    inputs: list[Tensor]
    deltas: list[Tensor]
    inside: list[Tensor]
    backs: list[Tensor]


class _Chain:
    """The fully connected layers of R networks."""

    def __init__(
        self, network: Network, algorithm: Algorithm, latents: list[Tensor], factors: list[float], data: Dataset | None
    ):
        """data: its inputs are read by the first layer; None if convolutions come before."""
        self._layers = [layer for layer in network.layers if isinstance(layer, Dense)]
        self._algorithm, self._binary, self._like = algorithm, network.n_outputs == 1, latents[0]
        self._factors = factors
        self._latents, self._gradients = latents, list[Tensor]()
        self._buffers: dict[int, _Buffers] = {}
        self._lowest = 0 if data is None else 1  # of the layers whose inputs have a gradient
        self._narrow = [narrowed(layer, data if k == 0 else None) for k, layer in enumerate(latents)]
        self._weights = [torch.empty_like(layer) for layer in latents]
        if network.fixed_output:
            self._narrow.append(None)
            self._weights.append(self._like.new_ones(len(self._like), *network.layers[-1].weight_shape))

    def set_weights(self) -> None:
        """Compute the signs of the latents, as floats where a gradient or a product needs them."""
        for k, (layer, weights) in enumerate(zip(self._latents, self._weights, strict=False)):
            narrow = self._narrow[k]
            if narrow is not None:
                narrow.set_weights()
            if narrow is None or k >= self._lowest:
                signs_into(layer, weights)

    def buffers(self, batch: int) -> _Buffers:
        """Buffers for a size of mini-batch."""
        if batch not in self._buffers:
            rows = len(self._like), batch
            inputs = [self._like.new_empty(*rows, layer.n_inputs) for layer in self._layers]
            units = [[self._like.new_empty(*rows, layer.n_units) for layer in self._layers] for _ in range(3)]
            first = self._like.new_empty(*rows, self._layers[0].n_inputs)
            self._buffers[batch] = _Buffers(inputs, units[0], units[1], [first, *units[2]])
        return self._buffers[batch]

    def backwards(self, classes: Tensor, batch: Tensor, buffers: _Buffers) -> list[Tensor]:
        """Gradients of the summed mean losses in every w . x (R, B, H), and in inputs[0] if convolutions need it.

        The first layer reads buffers.inputs[0], which are rows batch (R, B) of the data if there are no convolutions;
        inputs of the other layers are left there for `gradients`.
        """
        layers, window, factors = self._weights, self._algorithm.ste_window, self._factors
        inputs, deltas, inside, backs = buffers
        for k, narrow in enumerate(self._narrow):
            if narrow is None:
                torch.bmm(inputs[k], layers[k].transpose(1, 2), out=deltas[k])
            else:
                narrow.sums(inputs[k], batch, deltas[k])
            if k < len(layers) - 1:
                signs_into(deltas[k], inputs[k + 1])
                torch.le(deltas[k].abs_(), window / factors[k], out=inside[k])
        scale = self._algorithm.output_scale * factors[-1]
        self._loss_gradient(deltas[-1].mul_(scale), classes, backs[-1]).mul_(scale)
        for k in reversed(range(self._lowest, len(layers))):
            torch.bmm(backs[k + 1], layers[k], out=backs[k])
            if k > 0:
                backs[k].mul_(inside[k - 1]).mul_(factors[k - 1])
        return backs

    def gradients(self, backs: list[Tensor], buffers: _Buffers) -> list[Tensor]:
        """Gradients with respect to the weights, for optimisers that need them."""
        self._gradients = self._gradients or [torch.empty_like(layer) for layer in self._latents]
        for k, gradient in enumerate(self._gradients):
            torch.bmm(backs[k + 1].transpose(1, 2), buffers.inputs[k], out=gradient)
        return self._gradients

    def _loss_gradient(self, logits: Tensor, classes: Tensor, out: Tensor) -> Tensor:
        """Gradient of the mean cross-entropy with respect to the logits (R, B, outputs)."""
        if self._binary:
            torch.sigmoid(logits, out=out).sub_(classes.unsqueeze(2))
        else:
            torch.softmax(logits, dim=2, out=out)
            out.scatter_add_(2, classes.unsqueeze(2), out.new_full((1, 1, 1), -1.0).expand(*classes.shape, 1))
        return out.div_(logits.shape[1])
