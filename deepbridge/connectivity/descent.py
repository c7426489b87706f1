"""Steps of gradient descent for rows of flat points."""

import torch
from torch import Tensor


class Momentum:
    """SGD with momentum, as torch.optim.SGD computes it, on points (T, n) that may change in number."""

    def __init__(self, momentum: float, nesterov: bool = False):
        self._momentum, self._nesterov = momentum, nesterov
        self.velocity: Tensor | None = None

    def step(self, points: Tensor, gradients: Tensor, rate: float) -> None:
        """Move the points in place; uses up the gradients."""
        if not self._momentum:
            points.sub_(gradients, alpha=rate)
            return
        if self.velocity is None:
            self.velocity = gradients.clone()
        else:
            self.velocity.mul_(self._momentum).add_(gradients)
        if self._nesterov:
            gradients.add_(self.velocity, alpha=self._momentum)
        points.sub_(gradients if self._nesterov else self.velocity, alpha=rate)

    def reset(self) -> None:
        """Forget the velocity."""
        self.velocity = None


class Adam:
    """Adam with the usual constants (Kingma and Ba 2015), on points (T, n)."""

    FIRST, SECOND, SMALL = 0.9, 0.999, 1e-8

    def __init__(self) -> None:
        self.mean: Tensor | None = None
        self.square: Tensor | None = None
        self.count = 0

    def step(self, points: Tensor, gradients: Tensor, rate: float) -> None:
        """Move the points in place."""
        if self.mean is None or self.square is None:
            self.mean, self.square = torch.zeros_like(points), torch.zeros_like(points)
        self.count += 1
        self.mean.lerp_(gradients, 1 - self.FIRST)
        self.square.mul_(self.SECOND).addcmul_(gradients, gradients, value=1 - self.SECOND)
        scale = (self.square / (1 - self.SECOND**self.count)).sqrt_().add_(self.SMALL)
        points.addcdiv_(self.mean, scale, value=-rate / (1 - self.FIRST**self.count))
