"""`normalize`: remove the rescaling symmetry by bringing every hidden unit to norm 1 (paper, section 3.1.1, Alg. 1)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.func import functional_call

from binland.checks import one_of, true_or_false
from binland.errors import InvalidInputError, shown
from deepbridge.continuous.networks import Network, cast
from deepbridge.continuous.solutions import ContinuousSolution, check_solution
from deepbridge.continuous.units import Place, State, Units, owner, rescaled

Rule = Literal["all", "paper"]
SWEEPS = 1000  # largest number of sweeps for residual networks, whose units rescale each other
CHECKED = 4  # random inputs on which outputs are compared


def normalize(solution: ContinuousSolution, batch_norm: Rule = "all", last_layer: bool = True) -> ContinuousSolution:
    """Remove the rescaling symmetry: incoming weights of every hidden unit get norm 1; predictions stay the same.

    From the input on, incoming weights and bias of a unit are divided by the norm of its weights and its outgoing
    weights are multiplied by it. Biases are not part of the norm. A unit without weights stays as it is.

    Parameters
    ----------
    solution : ContinuousSolution
        The network.
    batch_norm : {"all", "paper"}, default "all"
        What is done where batch-norm makes both the scale of the weights and that of its own parameters free. "all":
        weights at norm 1 and gamma of size 1, with outgoing weights adapted. "paper": weights, bias, gamma and beta are
        divided by the norm of the weights and outgoing weights multiplied by it, which leaves one of the two scales
        free, so that distances depend on it.
    last_layer : bool, default True
        Whether the last layer's weights are scaled to norm sqrt(n_outputs), together with its biases. Labels stay,
        losses change.

    Returns
    -------
    ContinuousSolution
        The normalised network.

    Raises
    ------
    InvalidInputError
        If units cannot be rescaled, outputs on random inputs change, or "paper" is asked of a residual network.

    Notes
    -----
    Outputs stay the same in evaluation mode, since the running variance carries the epsilon of batch-norm along; in
    training mode they change by the size of epsilon over the variances. Where several layers write into the same units,
    as in residual networks, layers in front of batch-norms have norm 1 each and their gammas norm 1 together, as have
    layers that are added without batch-norm.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.1.1, Alg. 1.

    Examples
    --------
    >>> import deepbridge as db, numpy as np
    >>> network = db.MLP(10, (8,), 3)
    >>> unit = db.normalize(db.ContinuousSolution(network, network.initial(0)))
    >>> np.allclose(np.linalg.norm(unit.state["1.weight"], axis=1), 1)
    True
    """
    check_solution(solution)
    units = solution.network.units
    if units.names and len({one.units for one in units.rescalings}) < len(units.names):
        raise InvalidInputError(f"{shown(solution.network)} has units that cannot be rescaled, so that no norm is free")
    one_of("batch_norm", batch_norm, ("all", "paper"))
    precision = torch.finfo(solution.dtype).eps
    state = cast(solution.state, torch.float64)
    state = (_normalized if batch_norm == "all" else _as_in_the_paper)(units, state, precision)
    factor = _last_factor(solution.network, state, precision) if true_or_false("last_layer", last_layer) else 1.0
    state = {name: t * factor if owner(name) == solution.network.last_layer else t for name, t in state.items()}
    made = solution.moved(cast(state, solution.dtype))
    check_equal(solution, made, factor)
    return made


def _normalized(units: Units, state: State, precision: float) -> State:
    """Normalise in sweeps: one for a chain, where a unit changes only norms behind it; more for residual networks."""
    for _ in range(SWEEPS):
        done = True
        for one in units.rescalings:
            norms = norms_of(units, state, one.grows)
            factors = _inverse(norms, precision)
            if not (factors == 1).all():
                state, done = rescaled(units, state, one, factors), False
        if done:
            return state
    raise InvalidInputError(f"the norms do not settle in {SWEEPS} sweeps; is there a circle of units that only grows?")


def _as_in_the_paper(units: Units, state: State, precision: float) -> State:
    for name in units.names:
        of_units = [one for one in units.rescalings if one.units == name]
        weights = [place for one in of_units for place in one.grows if place.tensor in units.writers[name]]
        if len(weights) != 1:
            raise InvalidInputError(
                f'batch_norm="paper" is for chains; units {shown(name)} have several layers: say "all"'
            )
        factors = _inverse(norms_of(units, state, weights), precision)
        for one in of_units:
            state = rescaled(units, state, one, factors)
    return state


def norms_of(units: Units, state: State, places: Sequence[Place]) -> Tensor:
    """Norms of the units, (H,), over weights and gammas; biases do not count."""
    counted = [place for place in places if not place.tensor.endswith(".bias")]
    rows = torch.cat([state[tensor].reshape(len(state[tensor]) // block, -1) for tensor, _, block in counted], 1)
    largest = rows.abs().amax(1, keepdim=True)  # divided out, so that squares neither overflow nor underflow
    return largest[:, 0] * (rows / torch.where(largest > 0, largest, torch.ones_like(largest))).norm(dim=1)


def _inverse(norms: Tensor, precision: float) -> Tensor:
    """1 / norm; 1 where the norm is 0, or 1 up to rounding, so that normalising twice changes nothing."""
    settled = (norms == 0) | ((norms - 1).abs() <= 2 * precision)
    return torch.where(settled, torch.ones_like(norms), 1 / norms)


def _last_factor(network: Network, state: State, precision: float) -> float:
    """The factor that brings the last layer to norm sqrt(n_outputs)."""
    weight = f"{network.last_layer}.weight"
    if not network.last_layer:
        return 1.0
    norm = float(state[weight].norm()) / network.n_outputs**0.5
    return 1.0 if norm == 0 or abs(norm - 1) <= 2 * precision else 1 / norm


def check_equal(before: ContinuousSolution, after: ContinuousSolution, factor: float = 1.0) -> None:
    """Raise InvalidInputError unless outputs are the same up to a factor, to half the digits of their type."""
    network, rng = before.network, torch.Generator().manual_seed(0)
    inputs = torch.randn(CHECKED, *network.input_shape, generator=rng, dtype=torch.float64)
    module = network.copied(torch.float64)
    with torch.no_grad():
        expected = functional_call(module, cast(before.state, torch.float64), (inputs,)).clone()
        found = functional_call(module, cast(after.state, torch.float64), (inputs,))
    change = float((found - factor * expected).abs().max())
    allowed = torch.finfo(before.dtype).eps ** 0.5 * max(float((factor * expected).abs().max()), 1e-300)
    if not change <= allowed:
        raise InvalidInputError(
            f"{shown(network)}: outputs change by {change:.2g} of {float(expected.abs().max()):.2g}, so this is no"
            " symmetry of the network at these weights; are there numbers near the limits of their type?"
        )
