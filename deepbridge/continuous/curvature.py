"""Products of vectors with the Hessian of a mean loss, from gradients whose graphs are kept between products."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from deepbridge.common.devices import full_precision, usual
from deepbridge.continuous.examples import Examples

Loss = Callable[[Tensor, Examples], Tensor]  # mean over the examples, for parameters (n,)


class Curvature:
    """Multiplies vectors (K, n) with the Hessian at a point (n,): the derivative of gradient times vector.

    keep: whether graphs are made once for all products, which halves the time and takes the memory of all activations.
    """

    def __init__(self, loss: Loss, point: Tensor, parts: Sequence[Examples], keep: bool):
        self._loss, self._parts, self._point = loss, parts, point.detach().clone()
        self._total = sum(len(part) for part in parts)
        self._kept = list(self._made()) if keep else None

    def __call__(self, vectors: Tensor) -> Tensor:
        """Products (K, n), summed over the parts of the data."""
        products = torch.zeros_like(vectors)
        for leaf, gradient, share in self._made() if self._kept is None else self._kept:
            if not gradient.requires_grad:  # it is the same everywhere, as where nothing is trained
                continue
            for vector, product in zip(vectors, products, strict=True):
                with usual(), full_precision():
                    (here,) = torch.autograd.grad(gradient, leaf, vector, retain_graph=True)
                product.add_(here, alpha=share)
        return products

    def _made(self) -> Iterator[tuple[Tensor, Tensor, float]]:
        """For each part the parameters, the gradient with its graph, and the share of the patterns."""
        for part in self._parts:
            with usual(), full_precision():
                leaf = self._point.clone().requires_grad_()
                loss, gradient = self._loss(leaf, part), torch.zeros_like(self._point)
                if loss.requires_grad:
                    (gradient,) = torch.autograd.grad(loss, leaf, create_graph=True)
            yield leaf, gradient, len(part) / self._total
