"""Merging: one network from several, aligned and averaged (Ainsworth et al. 2022; corrected as Jordan et al. 2022)."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from binland.checks import one_of
from binland.errors import InvalidInputError
from binland.rng import Seed
from deepbridge.common.devices import Device, as_device, full_precision
from deepbridge.continuous.alignment import METHODS, Method, align_many, checked_solutions, deviation, mean_of, samples
from deepbridge.continuous.evaluation import on_device
from deepbridge.continuous.examples import Data, Examples, as_examples
from deepbridge.continuous.geodesics import Kind, spheres, vectors, write
from deepbridge.continuous.networks import Network
from deepbridge.continuous.normalisation import normalize
from deepbridge.continuous.solutions import ContinuousSolution
from deepbridge.continuous.units import State, owner

Correction = Literal["statistics", "repair"]
PATTERNS = 256  # whose pre-activations are looked at together


def merge(
    solutions: Sequence[ContinuousSolution],
    align: Method | None = "coordinate",
    kind: Kind = "linear",
    data: Data | None = None,
    correct: Correction | None = None,
    *,
    seed: Seed = 0,
    device: Device = "cpu",
) -> ContinuousSolution:
    """One network: the mean of several, aligned to their common centre.

    align: how, see `align_many`; None for networks that are aligned. kind: "linear", the mean of all tensors as they
    are; "geodesic", of the normalised networks, each unit's mean brought back to its sphere, of two networks the middle
    of the geodesic. data: for activations and for corrections. correct: by default, batch-norm statistics of the data,
    if there are batch-norms and data; "statistics" the same, asked for; "repair", in networks without batch-norm, each
    hidden unit's pre-activation gets the mean of the parents' means and standard deviations on the data, by its
    weights and bias (REPAIR), from the input on.
    Raises InvalidInputError if networks differ, on fewer than two, and without the data that are needed.
    """
    chosen = checked_solutions(solutions, 2)
    one_of("kind", kind, ("linear", "geodesic"))
    if align is not None:
        one_of("align", align, METHODS)
    if correct is not None:
        one_of("correct", correct, ("statistics", "repair"))
    if data is None and (correct is not None or align == "activations"):
        raise InvalidInputError(f"align={align!r}, correct={correct!r} look at data; give data=")
    if kind == "geodesic":
        chosen = [normalize(one) for one in chosen]
    if align is not None:
        chosen = [one.solution for one in align_many(chosen, None, align, data, seed=seed, device=device)]
    merged = mean_of(chosen)
    if kind == "geodesic":
        merged = _on_spheres(merged, chosen[0])
    if data is None or (correct is None and not merged.network.has_batch_norm):
        return merged
    if correct != "repair":
        return merged.with_statistics(data, device)
    place = as_device(device)
    return repaired(merged, chosen, as_examples(merged.network, data).to(place, merged.dtype), place)


def _on_spheres(merged: ContinuousSolution, like: ContinuousSolution) -> ContinuousSolution:
    """Rows of each sphere at the norm that the parents' have; rows that cancel stay at zero."""
    state = dict(merged.state)
    for sphere in spheres(merged.network):
        rows, wanted = (vectors(sphere, one).double() for one in (state, like.state))
        norms = rows.norm(dim=1)
        factors = torch.where(norms > 0, wanted.norm(dim=1) / norms.clamp(min=1e-300), torch.ones_like(norms))
        write(sphere, state, rows * factors[:, None])
    return merged.at(state)


def repaired(
    merged: ContinuousSolution, parents: Sequence[ContinuousSolution], examples: Examples, device: torch.device
) -> ContinuousSolution:
    """The merged network with pre-activations that vary as the parents' do (REPAIR, Jordan et al. 2022).

    Layer by layer from the input, since a correction changes what the next layer gets. Raises InvalidInputError on
    batch-norms, whose statistics do it, and on layers without bias.
    """
    network = merged.network
    layers = [owner(weight) for name in network.units.names for weight in network.units.writers[name]]
    if network.has_batch_norm or any(f"{layer}.bias" not in network.shapes for layer in layers):
        raise InvalidInputError('correct="repair" is for layers with bias and without batch-norm; say "statistics"')
    state = on_device(merged.state, device)
    with torch.no_grad(), full_precision():
        known = [moments(network, on_device(one.state, device), examples, layers) for one in parents]
        for layer in layers:
            mean, deviation = moments(network, state, examples, [layer])[layer]
            wanted = [sum(one[layer][k] for one in known) / len(known) for k in (0, 1)]
            factor = torch.where(deviation > 0, wanted[1] / deviation.clamp(min=1e-300), torch.ones_like(deviation))
            weight, bias = f"{layer}.weight", f"{layer}.bias"
            shape = (-1, *[1] * (state[weight].ndim - 1))
            new = (state[bias].double() - mean) * factor + wanted[0]
            state[weight] = (state[weight].double() * factor.reshape(shape)).to(merged.dtype)
            state[bias] = new.to(merged.dtype)
    return merged.at({name: tensor.cpu() for name, tensor in state.items()})


def moments(
    network: Network, state: State, examples: Examples, layers: Sequence[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    """(H,) float64 means and standard deviations of what layers give for the data; positions count like patterns."""
    sums: dict[str, list[Tensor]] = {}
    module = network.copied().to(examples.inputs.device)
    for layer in layers:
        size = network.shapes[f"{layer}.weight"][0]
        module.get_submodule(layer).register_forward_hook(partial(_add, sums, layer, size))
    for inputs in examples.inputs.split(PATTERNS):
        functional_call(module, state, (inputs,))
    found = {}
    for layer, (count, total, square) in sums.items():
        mean = total / count
        found[layer] = mean, deviation(mean, square / count)
    return found


def _add(sums: dict[str, list[Tensor]], name: str, size: int, layer: nn.Module, inputs: object, output: Tensor) -> None:
    rows = samples(layer, output, size)
    new = [torch.tensor(float(len(rows)), device=rows.device), rows.sum(0), rows.square().sum(0)]
    sums[name] = [a + b for a, b in zip(sums[name], new, strict=True)] if name in sums else new
