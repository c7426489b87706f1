"""The Fisher-Rao norm of a network: how much its outputs change when all parameters grow by the same factor."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from binland.checks import one_of
from deepbridge.connectivity.landscape import Landscape, check_landscape


def fisher_rao(landscape: Landscape, solution: Any, labels: str = "model") -> float:
    """The squared Fisher-Rao norm of a network: w F w with the Fisher information F of its outputs on the train data.

    It does not change when units are rescaled or permuted, since it depends on the function and its derivative along w.

    Parameters
    ----------
    landscape : Landscape
        A continuous network's, made by `deepbridge.landscape`.
    solution : ContinuousSolution or array_like of shape (n,)
        The parameters w, all of them: weights, biases, and those of batch-norm.
    labels : {"model", "data"}, default "model"
        F is the mean of g g over the train inputs, g the gradient of a pattern's cross-entropy, with labels drawn from
        the network's own probabilities ("model": the Fisher information, whose mean over labels is exact) or with those
        of the data ("data": the empirical one, with which Liang et al. compute).

    Returns
    -------
    float
        w F w in nats squared.

    Raises
    ------
    InvalidInputError
        If the landscape is of no continuous network, or `labels` is unknown.

    Notes
    -----
    For a network of L layers with ReLUs and no bias, the derivative of the outputs f along w is L f (theorem 3.1 of the
    paper, which counts the layers L + 1), and w F w = L^2 E[(f dl/df)^2]. Of any network, the derivative along w
    is computed by automatic differentiation, in evaluation mode with the batch-norm statistics of the train data fixed.

    References
    ----------
    Liang et al., Fisher-Rao metric, geometry, and complexity of neural networks, AISTATS 2019, definition 2.

    Examples
    --------
    >>> import deepbridge as db, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> data = rng.normal(size=(60, 10)), rng.integers(3, size=60)
    >>> landscape = db.landscape(db.MLP(10, (8,), 3), data)
    >>> db.connectivity.fisher_rao(landscape, np.zeros(landscape.size))
    0.0
    """
    check_landscape(landscape)
    of_model = one_of("labels", labels, ("model", "data")) == "model"
    point = landscape.point(solution)
    outputs, slopes, classes = landscape.outputs_along(point, point)
    outputs, slopes = two_sided(outputs.double()), two_sided(slopes.double())
    shares = outputs.softmax(1)
    if of_model:
        means = (shares * slopes).sum(1, keepdim=True)
        return float((shares * (slopes - means).square()).sum(1).mean())
    wanted = functional.one_hot(classes, outputs.shape[1])
    return float(((shares - wanted) * slopes).sum(1).square().mean())


def two_sided(outputs: Tensor) -> Tensor:
    """A single output (P, 1) as those (P, 2) of two classes, whose softmax is its logistic function."""
    return outputs if outputs.shape[1] > 1 else torch.cat([torch.zeros_like(outputs), outputs], 1)
