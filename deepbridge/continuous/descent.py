"""Steps of gradient descent for many networks at once; the first axis of every tensor runs over R networks."""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from binland.errors import InvalidInputError
from deepbridge.common.checkpoints import checked, part
from deepbridge.continuous.algorithms import RSGD, ContinuousAlgorithm, EntropySGD
from deepbridge.continuous.networks import Network
from deepbridge.continuous.units import State

FUSED = torch.__version__ >= "2.4"  # compared by torch entry by entry
PULL = 0.5  # largest rate times 2 gamma, so that no step overshoots


class Descent:
    """R networks and their momenta, of runs x replicas."""

    def __init__(self, network: Network, state: State, algorithm: ContinuousAlgorithm, replicas: int):
        device = next(iter(state.values())).device
        self._module = copy.deepcopy(network.template).to(device).train()
        self.parameters = {name: state[name].contiguous().requires_grad_() for name in network.trained}
        self.buffers = {name: t for name, t in state.items() if name not in self.parameters}
        self.momenta = [torch.zeros_like(tensor) for tensor in self._tensors]
        self.nesterov, self._replicas = algorithm.nesterov, replicas
        self._networks = len(self._tensors[0])
        self._batched = vmap(self._one, randomness="different")
        self._singly = device.type == "cpu" and (self._networks == 1 or network.has_batch_norm)  # where it is faster

    @property
    def _tensors(self) -> list[Tensor]:
        return list(self.parameters.values())

    def _one(self, parameters: State, buffers: State, inputs: Tensor) -> Tensor:
        return functional_call(self._module, (parameters, buffers), (inputs,))

    def _outputs(self, parameters: State, buffers: State, inputs: Tensor) -> Tensor:
        """Outputs, (R, B, n_outputs)."""
        if not self._singly:
            return self._batched(parameters, buffers, inputs)
        each = zip(_apart(parameters, len(inputs)), _apart(buffers, len(inputs)), inputs, strict=True)
        return torch.stack([self._one(p, b, batch) for p, b, batch in each])

    def gradients(self, inputs: Tensor, classes: Tensor) -> tuple[list[Tensor], Tensor]:
        """Gradients of each network's mean loss on its batch (R, B, ...), and number of wrong labels in it, (R,)."""
        outputs = self._outputs(self.parameters, self.buffers, inputs)
        if outputs.shape[-1] == 1:
            logits = outputs[..., 0]
            loss = nn.functional.binary_cross_entropy_with_logits(logits, classes.to(logits.dtype))
            wrong = (logits.detach() >= 0) != (classes == 1)
        else:
            loss = nn.functional.cross_entropy(outputs.flatten(0, 1), classes.flatten())
            wrong = outputs.detach().argmax(-1) != classes
        if not loss.requires_grad:
            raise InvalidInputError("the outputs do not depend on the parameters that require gradients; see forward")
        whole = self._networks * loss  # the sum of the means
        gradients = torch.autograd.grad(whole, self._tensors, materialize_grads=True)
        return [gradient.contiguous() for gradient in gradients], wrong.sum(1)  # those of linear layers are transposed

    @torch.no_grad()
    def try_batch(self, inputs: Tensor) -> None:
        """Run the first network on a batch (B, ...) as in training; its exceptions are raised.

        If networks cannot be computed together (for example because one branches on a number), they are computed one by
        one.
        """
        parameters, buffers = ({n: t[:1].clone() for n, t in x.items()} for x in (self.parameters, self.buffers))
        try:
            self._outputs(parameters, buffers, inputs[None])
        except (RuntimeError, ValueError):
            if self._singly:
                raise
            self._singly = True
            self._outputs(parameters, buffers, inputs[None])

    @torch.no_grad()
    def step(
        self,
        gradients: list[Tensor],
        rate: float,
        momentum: float = 0.0,
        decay: float = 0.0,
        coupling: Tensor | None = None,
    ) -> None:
        """One step of all networks; uses up the gradients. coupling: (runs,) gamma, the pull to the replicas' mean."""
        if coupling is not None:
            self._pull(gradients, 2 * coupling)
        descend(self._tensors, gradients, self.momenta, rate, momentum, decay, self.nesterov)

    def _pull(self, gradients: list[Tensor], strength: Tensor) -> None:
        """Add strength (w_a - mean) to the gradients of each replica; strength: (runs,)."""
        for gradient, tensor in zip(gradients, self._tensors, strict=True):
            factor = strength.reshape(-1, *[1] * tensor.ndim).to(tensor.dtype)
            runs = tensor.unflatten(0, (-1, self._replicas))
            gradient.unflatten(0, (-1, self._replicas)).addcmul_(runs - runs.mean(1, keepdim=True), factor)

    @torch.no_grad()
    def squared_distances(self, of: slice = slice(None)) -> Tensor:
        """Mean over replicas of the squared distance to their mean, over all parameters, (runs,) float64."""
        every = [tensor.unflatten(0, (-1, self._replicas))[of].flatten(2).double() for tensor in self._tensors]
        return sum((runs - runs.mean(1, keepdim=True)).square().sum(2).mean(1) for runs in every)  # type: ignore[return-value]

    def centre(self, run: int) -> State:
        """Mean of a run's replicas; integer counters are those of the first."""
        rows = slice(run * self._replicas, (run + 1) * self._replicas)
        return {name: _mean(tensor.detach()[rows]) for name, tensor in {**self.parameters, **self.buffers}.items()}


def _apart(state: State, networks: int) -> list[State]:
    """The tensors of each network."""
    rows = {name: tensor.unbind() for name, tensor in state.items()}
    return [{name: row[k] for name, row in rows.items()} for k in range(networks)]


def _mean(rows: Tensor) -> Tensor:
    """Mean of rows; if all are the same, as for what is not trained, the first one, without rounding."""
    return rows.mean(0) if rows.is_floating_point() and (rows != rows[0]).any() else rows[0].clone()


def descend(
    tensors: list[Tensor],
    gradients: list[Tensor],
    momenta: list[Tensor],
    rate: float,
    momentum: float,
    decay: float,
    nesterov: bool,
) -> None:
    """A step of SGD, as torch.optim.SGD computes it; tensors and momenta change, gradients are used up; all contiguous.

    In one pass over memory, where torch can do that on CPUs; its own optimiser would take seconds to import.
    """
    if FUSED:
        torch._fused_sgd_(
            tensors, gradients, momenta if momentum else [], lr=rate, momentum=momentum, weight_decay=decay,
            nesterov=nesterov, dampening=0.0, maximize=False, is_first_step=False,
        )  # fmt: skip
        return
    if decay:
        torch._foreach_add_(gradients, tensors, alpha=decay)
    if momentum:
        torch._foreach_mul_(momenta, momentum)
        torch._foreach_add_(momenta, gradients)
        if nesterov:
            torch._foreach_add_(gradients, momenta, alpha=momentum)
    torch._foreach_add_(tensors, momenta if momentum and not nesterov else gradients, alpha=-rate)


class Rule:
    """How an algorithm turns gradients into steps; this base class is SGD."""

    def __init__(self, algorithm: Any, descent: Descent):
        self.algorithm, self.descent = algorithm, descent

    def step(self, gradients: list[Tensor], epoch: int, progress: float) -> None:
        """One step, in an epoch and after a fraction `progress` of the run; uses up the gradients."""
        a = self.algorithm
        self.descent.step(gradients, a.rate(progress), a.momentum, a.weight_decay)

    def finish(self) -> None:
        """Called when the run is over."""
        return

    def centre(self, run: int) -> State:
        """Weights of the solution of a run."""
        return self.descent.centre(run)

    def state(self) -> dict[str, Any]:
        """What the rule itself has to remember, for a checkpoint."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`; raises KeyError, TypeError or ValueError on the state of another rule."""
        return


class Coupled(Rule):
    """The rule of RSGD. first: (runs,) gamma in epoch 0. losses: (runs,) mean initial train loss of the replicas."""

    algorithm: RSGD

    def __init__(self, algorithm: RSGD, descent: Descent, losses: Tensor):
        super().__init__(algorithm, descent)
        if algorithm.coupling is not None or algorithm.replicas == 1:  # a single replica is not pulled
            self.first = torch.full_like(losses, algorithm.coupling or 0.0)
        else:
            apart = descent.squared_distances()
            self.first = torch.where(apart > 0, losses / apart, 0.0)  # 0 of modules that begin with constants

    def step(self, gradients: list[Tensor], epoch: int, progress: float) -> None:
        """A step with the pull of this epoch, at most PULL."""
        a = self.algorithm
        rate = a.rate(progress)
        coupling = (self.first * a.growth(epoch)).clamp(max=PULL / (2 * rate) if rate else math.inf)
        self.descent.step(gradients, rate, a.momentum, a.weight_decay, coupling)

    def state(self) -> dict[str, Any]:
        """gamma in epoch 0."""
        return {"first": self.first}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore gamma."""
        self.first = checked("coupling", state["first"], self.first, low=0)


class Langevin(Rule):
    """The rule of Entropy-SGD. The descent's tensors are the inner weights w'; outer: w; mean: the running mean of w'.

    Momenta of the inner steps start at zero in each loop, those of the outer steps go on; pull and noise have no
    momentum.
    """

    algorithm: EntropySGD

    def __init__(self, algorithm: EntropySGD, descent: Descent, rng: list[torch.Generator]):
        super().__init__(algorithm, descent)
        self._rng = rng
        self.outer = [tensor.detach().clone() for tensor in descent.parameters.values()]
        self.mean = [tensor.clone() for tensor in self.outer]
        self.momenta = [torch.zeros_like(tensor) for tensor in self.outer]
        self.inner_steps = self.outer_steps = 0
        self.rate = 0.0  # of the next outer step

    @torch.no_grad()
    def step(self, gradients: list[Tensor], epoch: int, progress: float) -> None:
        """An inner step and, after the last one of a loop, an outer step."""
        a, inner = self.algorithm, list(self.descent.parameters.values())
        if self.inner_steps == 0:
            self.rate = a.rate(progress)
        aside = self._aside(inner)
        self.descent.step(gradients, a.inner_learning_rate, a.momentum, a.weight_decay)
        torch._foreach_add_(inner, aside, alpha=-a.inner_learning_rate)
        torch._foreach_lerp_(self.mean, inner, 1 - a.averaging)
        self.inner_steps += 1
        if self.inner_steps == a.inner_steps:
            self._move()

    def _aside(self, inner: list[Tensor]) -> list[Tensor]:
        """Pull to the outer weights, and noise, which do not enter the momenta."""
        a = self.algorithm
        found = [tensor - outer for tensor, outer in zip(inner, self.outer, strict=True)]
        torch._foreach_mul_(found, min(a.pull(self.outer_steps), PULL / a.inner_learning_rate))
        if a.noise:
            amplitude = a.noise / math.sqrt(a.inner_learning_rate / 2)
            torch._foreach_add_(found, [self._noise(tensor) for tensor in inner], alpha=amplitude)
        return found

    def _noise(self, tensor: Tensor) -> Tensor:
        """Noise, drawn on the CPU from one stream per network, so that it depends on neither batch nor device."""
        rows = [torch.randn(tensor.shape[1:], generator=rng, dtype=tensor.dtype) for rng in self._rng]
        return torch.stack(rows).to(tensor.device)

    def _move(self) -> None:
        """An outer step; the next loop starts at its end."""
        a = self.algorithm
        away = [outer - mean for outer, mean in zip(self.outer, self.mean, strict=True)]
        descend(self.outer, away, self.momenta, self.rate, a.momentum, a.weight_decay, a.nesterov)
        for tensor, outer, mean in zip(self.descent.parameters.values(), self.outer, self.mean, strict=True):
            tensor.copy_(outer)
            mean.copy_(outer)
        torch._foreach_zero_(self.descent.momenta)
        self.inner_steps, self.outer_steps = 0, self.outer_steps + 1

    @torch.no_grad()
    def finish(self) -> None:
        """End the last loop, which may be shorter."""
        if self.inner_steps:
            self._move()

    def centre(self, run: int) -> State:
        """The outer weights, with the batch-norm statistics of the inner ones."""
        weights = {name: tensor[run].clone() for name, tensor in zip(self.descent.parameters, self.outer, strict=True)}
        return {**self.descent.centre(run), **weights}

    def state(self) -> dict[str, Any]:
        """Outer weights, running mean, momenta, and position in the loop."""
        loops = {"inner_steps": self.inner_steps, "outer_steps": self.outer_steps, "rate": self.rate}
        return {"outer": self.outer, "mean": self.mean, "momenta": self.momenta, **loops}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`; raises ValueError if it does not fit."""
        inner, outer, rate = (
            part(state, "inner_steps", int),
            part(state, "outer_steps", int),
            part(state, "rate", float),
        )
        if not (0 <= inner < self.algorithm.inner_steps and outer >= 0 and 0 <= rate <= self.algorithm.learning_rate):
            raise ValueError(f"{inner} inner and {outer} outer steps at a rate of {rate}")
        for name in ("outer", "mean", "momenta"):
            for tensor, found in zip(getattr(self, name), state[name], strict=True):
                tensor.copy_(checked(name, found, tensor))
        self.inner_steps, self.outer_steps, self.rate = inner, outer, rate
