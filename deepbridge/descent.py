"""One mini-batch of BinaryNet for many networks of one kind at once (paper, section 3.2 and appendix B).

Latents are (R, *weight_shape): run by run, the replicas of a run together. Every network has its own mini-batch. The
fully connected part is differentiated by hand, in half the time of autograd; the convolutions are left to it.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from binland.algorithms import ADV, RSGD, Algorithm
from deepbridge.algorithms import scaled
from deepbridge.binary import signs, straight_through
from deepbridge.networks import Conv, Dense, Network


class Descent:
    """Latents of R networks and the optimiser that moves them."""

    def __init__(self, network: Network, latents: list[Tensor], algorithm: Algorithm, replicas: int):
        self.latents = latents
        self._algorithm, self._replicas = algorithm, replicas
        self._convs = [layer for layer in network.layers if isinstance(layer, Conv)]
        self._dense = [layer for layer in network.layers if isinstance(layer, Dense)]
        self._binary = network.n_outputs == 1
        ones = latents[0].new_ones(len(latents[0]), *network.layers[-1].weight_shape)
        self._fixed = ones if network.fixed_output else None
        self._adam: torch.optim.Adam | None = None
        self._pull = 0.0

    def begin_epoch(self, epoch: int, pretrained: int) -> None:
        """Set rate, optimiser and coupling of an epoch; the first `pretrained` ones are on random labels."""
        algorithm, phase = self._algorithm, epoch - pretrained
        if phase < 0:
            assert isinstance(algorithm, ADV)
            self._rate = algorithm.pretrain_learning_rate
            optimizer = getattr(algorithm, "pretrain_optimizer", "sgd")
        else:
            self._rate = scaled(algorithm.learning_rate, getattr(algorithm, "learning_rate_steps", ()), phase)
            optimizer = getattr(algorithm, "optimizer", "sgd")
        if epoch in (0, pretrained) or (optimizer == "adam") != (self._adam is not None):
            self._adam = torch.optim.Adam(self.latents, lr=self._rate) if optimizer == "adam" else None
        if self._adam is not None:
            self._adam.param_groups[0]["lr"] = self._rate
        self._pull = algorithm.pull(phase) if isinstance(algorithm, RSGD) and phase >= 0 else 0.0

    def step(self, x: Tensor, classes: Tensor) -> None:
        """One mini-batch: x (R, B, N) or (R, B, C, height, width), classes (R, B)."""
        form = getattr(self._algorithm, "coupling_form", "")
        weights = [signs(layer) for layer in self.latents]
        if form == "in_gradient" and self._adam is None:
            self._couple(self._rate * self._pull)
        gradients = self._gradients(x, classes, weights)
        with torch.no_grad():
            if self._adam is None:
                for layer, gradient in zip(self.latents, gradients, strict=True):
                    layer.add_(gradient, alpha=-self._rate)
            else:
                for layer, gradient in zip(self.latents, gradients, strict=True):
                    pulled = form == "in_gradient" and self._pull > 0
                    layer.grad = gradient + self._pull * self._deviation(layer) if pulled else gradient
                self._adam.step()
            for layer in self.latents:
                layer.clamp_(-self._algorithm.clip, self._algorithm.clip)
        if form == "after_batch":
            self._couple(self._rate * self._pull)

    def end_epoch(self) -> None:
        """Pull once an epoch, if that is the form of the coupling."""
        if getattr(self._algorithm, "coupling_form", "") == "after_epoch":
            self._couple(self._rate * self._pull)

    def _couple(self, pull: float) -> None:
        """w_a <- w_a - pull (w_a - mean_b w_b)"""
        if pull > 0:
            for layer in self.latents:
                layer.sub_(self._deviation(layer), alpha=pull)

    def _deviation(self, layer: Tensor) -> Tensor:
        by_run = layer.view(-1, self._replicas, *layer.shape[1:])
        return (by_run - by_run.mean(dim=1, keepdim=True)).view_as(layer)

    def _gradients(self, x: Tensor, classes: Tensor, weights: list[Tensor]) -> list[Tensor]:
        """Gradient of each network's mean loss with respect to its binary weights."""
        count = len(self._convs)
        if not count:
            return self._dense_gradients(x, classes, weights)[0]
        leaves = [layer.requires_grad_() for layer in weights[:count]]
        features = self._features(x, leaves)
        found, back = self._dense_gradients(features.detach(), classes, weights[count:], backwards=True)
        return [*torch.autograd.grad(features, leaves, back), *found]

    def _features(self, x: Tensor, weights: list[Tensor]) -> Tensor:
        """What the convolutions hand on, (R, B, n): networks are groups of channels of one convolution."""
        networks, batch = x.shape[:2]
        x = x.transpose(0, 1).flatten(1, 2)
        for layer, w in zip(self._convs, weights, strict=True):
            fields = functional.conv2d(x, w.flatten(0, 1), groups=networks)
            pooled = functional.max_pool2d(fields, layer.pool) / math.sqrt(layer.fan_in)
            x = straight_through(pooled, self._algorithm.ste_window)
        return x.view(batch, networks, -1).transpose(0, 1)

    def _dense_gradients(
        self, x: Tensor, classes: Tensor, weights: list[Tensor], backwards: bool = False
    ) -> tuple[list[Tensor], Tensor | None]:
        """Gradients of the fully connected layers, and with `backwards` of their input x (R, B, N)."""
        layers = weights if self._fixed is None else [*weights, self._fixed]
        inputs, inside = [x], []
        for k, (layer, w) in enumerate(zip(self._dense, layers, strict=True)):
            delta = torch.bmm(inputs[-1], w.transpose(1, 2))
            if k < len(layers) - 1:
                inside.append(delta.abs() <= self._algorithm.ste_window * math.sqrt(layer.fan_in))
                inputs.append(signs(delta))
        scale = self._algorithm.output_scale / math.sqrt(self._dense[-1].fan_in)
        back = self._loss_gradient(delta * scale, classes).mul_(scale)
        gradients: list[Tensor] = []
        for k in reversed(range(len(layers))):
            if k < len(weights):
                gradients.append(torch.bmm(back.transpose(1, 2), inputs[k]))
            if k > 0 or backwards:
                back = torch.bmm(back, layers[k])
            if k > 0:
                back.mul_(inside[k - 1]).mul_(1 / math.sqrt(self._dense[k - 1].fan_in))
        return gradients[::-1], back if backwards else None

    def _loss_gradient(self, logits: Tensor, classes: Tensor) -> Tensor:
        """Of the mean cross-entropy with respect to the logits (R, B, outputs)."""
        if self._binary:
            return (torch.sigmoid(logits) - classes.unsqueeze(2)).div_(logits.shape[1])
        wanted = functional.one_hot(classes, logits.shape[2])
        return (torch.softmax(logits, dim=2) - wanted).div_(logits.shape[1])

    def state(self) -> dict[str, Any]:
        """Latents and moments."""
        return {"latents": self.latents, "adam": None if self._adam is None else self._adam.state_dict()}

    def restore(self, state: dict[str, Any], epoch: int, pretrained: int) -> None:
        """Undo `state`; epoch: the next one."""
        for layer, kept in zip(self.latents, state["latents"], strict=True):
            layer.copy_(kept)
        self.begin_epoch(max(epoch - 1, 0), pretrained)
        if self._adam is not None and state["adam"] is not None:
            self._adam.load_state_dict(state["adam"])
