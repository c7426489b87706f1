"""Steps of gradient descent for many networks at once: the first axis R of every tensor goes through them."""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from deepbridge.common.checkpoints import checked
from deepbridge.continuous.algorithms import RSGD, ContinuousAlgorithm, EntropySGD
from deepbridge.continuous.networks import Network
from deepbridge.continuous.units import State

PULL = 0.5  # largest rate times 2 gamma


class Descent:
    """R networks and their momenta, of runs x replicas."""

    def __init__(self, network: Network, state: State, algorithm: ContinuousAlgorithm, replicas: int):
        device = next(iter(state.values())).device
        self._module = copy.deepcopy(network.template).to(device).train()
        self.parameters = {name: state[name].requires_grad_() for name in network.parameters}
        self.buffers = {name: t for name, t in state.items() if name not in self.parameters}
        self.momenta = [torch.zeros_like(tensor) for tensor in self._tensors]
        self._algorithm, self._replicas = algorithm, replicas
        self._networks = len(self._tensors[0])
        self._forward = vmap(self._one, randomness="different")

    @property
    def _tensors(self) -> list[Tensor]:
        return list(self.parameters.values())

    def _one(self, parameters: State, buffers: State, inputs: Tensor) -> Tensor:
        return functional_call(self._module, (parameters, buffers), (inputs,))

    def gradients(self, inputs: Tensor, classes: Tensor) -> tuple[list[Tensor], Tensor]:
        """Gradients of each network's mean loss on its batch (R, B, ...), and (R,) wrong labels in it."""
        outputs = self._forward(self.parameters, self.buffers, inputs)
        if outputs.shape[-1] == 1:
            logits = outputs[..., 0]
            loss = nn.functional.binary_cross_entropy_with_logits(logits, classes.to(logits.dtype))
            wrong = (logits.detach() >= 0) != (classes == 1)
        else:
            loss = nn.functional.cross_entropy(outputs.flatten(0, 1), classes.flatten())
            wrong = outputs.detach().argmax(-1) != classes
        gradients = torch.autograd.grad(self._networks * loss, self._tensors)  # of the sum of the means
        return list(gradients), wrong.sum(1)

    @torch.no_grad()
    def step(self, gradients: list[Tensor], rate: float, momentum: float, coupling: Tensor | None = None) -> None:
        """One step of all; coupling: (runs,) gamma of each, the pull to the mean of its replicas."""
        decay, tensors = self._algorithm.weight_decay, self._tensors
        if decay:
            torch._foreach_add_(gradients, tensors, alpha=decay)
        if coupling is not None:
            for gradient, tensor in zip(gradients, tensors, strict=True):
                gradient += self._pull(tensor, 2 * coupling)
        torch._foreach_add_(tensors, self._with_momentum(gradients, momentum), alpha=-rate)

    def _with_momentum(self, gradients: list[Tensor], momentum: float) -> list[Tensor]:
        if momentum == 0:
            return gradients
        torch._foreach_mul_(self.momenta, momentum)
        torch._foreach_add_(self.momenta, gradients)
        if not self._algorithm.nesterov:
            return self.momenta
        torch._foreach_add_(gradients, self.momenta, alpha=momentum)
        return gradients

    def _pull(self, tensor: Tensor, strength: Tensor) -> Tensor:
        """strength (w_a - mean) for each replica."""
        runs = tensor.unflatten(0, (-1, self._replicas))
        factor = strength.reshape(-1, *[1] * (runs.ndim - 1)).to(tensor.dtype)
        return (factor * (runs - runs.mean(1, keepdim=True))).flatten(0, 1)

    def squared_distance(self) -> Tensor:
        """(runs,) mean over the replicas of their squared distance to their mean, of all parameters."""
        total = torch.zeros(self._networks // self._replicas, dtype=torch.float64, device=self._tensors[0].device)
        for tensor in self._tensors:
            runs = tensor.detach().double().unflatten(0, (-1, self._replicas))
            total += (runs - runs.mean(1, keepdim=True)).square().flatten(2).sum(2).mean(1)
        return total

    def forget(self) -> None:
        """Momenta at zero."""
        torch._foreach_zero_(self.momenta)

    def centre(self, run: int) -> State:
        """Mean of a run's replicas; counters are those of the first."""
        rows = slice(run * self._replicas, (run + 1) * self._replicas)
        return {name: _mean(tensor.detach()[rows]) for name, tensor in {**self.parameters, **self.buffers}.items()}


def _mean(rows: Tensor) -> Tensor:
    return rows.mean(0) if rows.is_floating_point() else rows[0].clone()


class Rule:
    """How an algorithm turns gradients into steps; this one is SGD's."""

    def __init__(self, algorithm: Any, descent: Descent):
        self.algorithm, self.descent = algorithm, descent

    def step(self, gradients: list[Tensor], epoch: int, progress: float) -> None:
        """One step, in an epoch, after a fraction of the run."""
        self.descent.step(gradients, self.algorithm.rate(progress), self.algorithm.momentum)

    def centre(self, run: int) -> State:
        """The weights that a run stands for."""
        return self.descent.centre(run)

    def state(self) -> dict[str, Any]:
        """What it keeps besides, for a checkpoint."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Undo `state`; raises KeyError, TypeError or ValueError if it is that of another rule."""
        return


class Coupled(Rule):
    """RSGD. first: (runs,) gamma in epoch 0."""

    algorithm: RSGD

    def __init__(self, algorithm: RSGD, descent: Descent, losses: Tensor):
        super().__init__(algorithm, descent)
        apart = descent.squared_distance()
        automatic = torch.where(apart > 0, losses.to(apart) / apart.clamp(min=1e-300), torch.zeros_like(apart))
        self.first = automatic if algorithm.coupling is None else torch.full_like(apart, algorithm.coupling)

    def step(self, gradients: list[Tensor], epoch: int, progress: float) -> None:
        """With the pull of this epoch, at most PULL."""
        rate = self.algorithm.rate(progress)
        coupling = (self.first * self.algorithm.growth(epoch)).clamp(max=PULL / (2 * rate) if rate else math.inf)
        self.descent.step(gradients, rate, self.algorithm.momentum, coupling)

    def state(self) -> dict[str, Any]:
        """gamma"""
        return {"first": self.first}

    def restore(self, state: dict[str, Any]) -> None:
        """gamma"""
        self.first = checked("coupling", state["first"], self.first, low=0)


class Langevin(Rule):
    """Entropy-SGD: outer weights w, the running mean of the inner ones, and how many inner steps are done."""

    algorithm: EntropySGD

    def __init__(self, algorithm: EntropySGD, descent: Descent, rng: list[torch.Generator]):
        super().__init__(algorithm, descent)
        self._rng = rng
        self.outer = [tensor.detach().clone() for tensor in descent.parameters.values()]
        self.mean = [tensor.clone() for tensor in self.outer]
        self.inner_steps = self.outer_steps = 0

    @torch.no_grad()
    def step(self, gradients: list[Tensor], epoch: int, progress: float) -> None:
        """An inner step, and an outer one behind the last of them."""
        a = self.algorithm
        rate = a.inner_learning_rate * a.factor(progress)
        coupling = a.coupling * (1 + a.coupling_step) ** self.outer_steps
        inner = list(self.descent.parameters.values())
        torch._foreach_add_(gradients, inner, alpha=coupling)
        torch._foreach_add_(gradients, self.outer, alpha=-coupling)
        self.descent.step(gradients, rate, a.momentum)
        if a.noise and rate:
            amplitude = rate * a.noise / math.sqrt(rate / 2)
            for tensor in inner:
                tensor += amplitude * self._noise(tensor)
        torch._foreach_lerp_(self.mean, inner, 1 - a.averaging)
        self.inner_steps += 1
        if self.inner_steps == a.inner_steps:
            self._move(inner)

    def _noise(self, tensor: Tensor) -> Tensor:
        """Drawn on the CPU, a stream for each network, so that neither the batch nor the device matters."""
        rows = [torch.randn(tensor.shape[1:], generator=rng, dtype=tensor.dtype) for rng in self._rng]
        return torch.stack(rows).to(tensor.device)

    def _move(self, inner: list[Tensor]) -> None:
        torch._foreach_lerp_(self.outer, self.mean, self.algorithm.learning_rate)
        for tensor, outer, mean in zip(inner, self.outer, self.mean, strict=True):
            tensor.copy_(outer)
            mean.copy_(outer)
        self.inner_steps, self.outer_steps = 0, self.outer_steps + 1

    def centre(self, run: int) -> State:
        """Where an outer step would lead now."""
        state = self.descent.centre(run)
        share = self.algorithm.learning_rate if self.inner_steps else 0.0
        for name, outer, mean in zip(self.descent.parameters, self.outer, self.mean, strict=True):
            state[name] = torch.lerp(outer[run], mean[run], share)
        return state

    def state(self) -> dict[str, Any]:
        """Weights, and where the loops stand."""
        return {"outer": self.outer, "mean": self.mean, "loops": [self.inner_steps, self.outer_steps]}

    def restore(self, state: dict[str, Any]) -> None:
        """Weights, and where the loops stand."""
        inner, outer = map(int, state["loops"])
        if not (0 <= inner < self.algorithm.inner_steps and outer >= 0):
            raise ValueError(f"{inner} inner and {outer} outer steps")
        for name, mine in (("outer", self.outer), ("mean", self.mean)):
            for tensor, found in zip(mine, state[name], strict=True):
                tensor.copy_(checked(name, found, tensor))
        self.inner_steps, self.outer_steps = inner, outer
