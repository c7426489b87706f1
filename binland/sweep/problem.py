"""The learning problem at one grid point: machine and manifold of a disorder sample, seeded by what they are."""

from typing import Any

from binland.data import HiddenManifold
from binland.models import CommitteeMachine, Machine, Perceptron
from binland.sweep.identity import identify
from binland.sweep.spec import SweepSpec


def build_machine(spec: SweepSpec, n_inputs: int, disorder: int) -> Machine:
    """The machine at one grid point; drawn output weights belong to the disorder sample."""
    if spec.model.kind == "perceptron":
        return Perceptron(n_inputs)
    assert spec.model.n_hidden is not None
    if spec.model.output_weights == "ones":
        return CommitteeMachine(n_inputs, spec.model.n_hidden)
    key = {"purpose": "output_weights", "seed": spec.seed, "n_inputs": n_inputs, "disorder": disorder}
    key["n_hidden"] = spec.model.n_hidden
    return CommitteeMachine.with_random_outputs(n_inputs, spec.model.n_hidden, identify(key).seed)


def build_manifold(spec: SweepSpec, n_inputs: int, disorder: int) -> HiddenManifold:
    """Features and teacher of one disorder sample."""
    key = disorder_key(spec, n_inputs, disorder) | {"purpose": "manifold"}
    return HiddenManifold(
        n_inputs, spec.data.latent_dim, identify(key).seed, spec.data.teacher_kind, spec.data.feature_kind
    )


def disorder_key(spec: SweepSpec, n_inputs: int, disorder: int) -> dict[str, Any]:
    """What a disorder sample is: the numbers drawn for it depend on this and on nothing else."""
    return {
        "seed": spec.seed,
        "n_inputs": n_inputs,
        "disorder": disorder,
        "latent_dim": spec.data.latent_dim,
        "n_patterns": spec.data.n_patterns,
        "teacher_kind": spec.data.teacher_kind,
        "feature_kind": spec.data.feature_kind,
    }
