"""The Hidden Manifold Model, `[data] kind = "hidden-manifold"` (paper, section 5.1)."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from binland.data import HiddenManifold, Patterns
from binland.problems.sizes import LARGEST_DATA, PatternSettings, SignProblem, n_patterns
from binland.sweep.contracts.problem import Limit, SeedFor
from binland.sweep.contracts.section import Positive

DEFAULT = 1503  # patterns, as in the paper


class ManifoldSettings(PatternSettings):
    """[data] kind = "hidden-manifold"; P is 1503 if neither n_patterns nor alpha is given."""

    n_inputs: Positive = Field(title="N", description="number of inputs N")
    latent_dim: Positive = Field(501, title="D", description="latent dimension D")
    n_test: Positive = Field(10_000, title="P test", description="number of test patterns")
    teacher_kind: Literal["binary", "gaussian"] = Field("binary", description="weights of the teacher")
    feature_kind: Literal["gaussian", "binary"] = Field("gaussian", description="entries of the feature matrix F")

    @model_validator(mode="after")
    def _one_number(self) -> "ManifoldSettings":
        return n_patterns(self, DEFAULT)


class HiddenManifolds(SignProblem[ManifoldSettings]):
    """The Hidden Manifold Model; features and teacher are drawn for each disorder sample."""

    name = "hidden-manifold"
    Settings = ManifoldSettings

    def train(self, settings: ManifoldSettings, seed: SeedFor) -> Patterns:
        """P patterns of the disorder sample's manifold."""
        return _manifold(settings, seed).sample(settings.n_patterns or DEFAULT, seed("train"))

    def test(self, settings: ManifoldSettings, seed: SeedFor) -> Patterns:
        """Other patterns of the same manifold."""
        return _manifold(settings, seed).sample(settings.n_test, seed("test"))

    def key(self, settings: ManifoldSettings) -> dict[str, Any]:
        """Sizes and kinds of teacher and features."""
        return settings.model_dump(exclude={"n_test", "alpha"})

    def coordinates(self, settings: ManifoldSettings) -> dict[str, tuple[float, str]]:
        """N / D and P / N, to plot against."""
        n = settings.n_inputs
        return {"overparameterization": (n / settings.latent_dim, "N / D"), **super().coordinates(settings)}

    def limits(self, settings: ManifoldSettings) -> list[Limit]:
        """Number of inputs."""
        inputs = settings.n_inputs * max(settings.n_patterns or 0, settings.n_test)
        return [(inputs, "inputs", "grid.n_inputs and data", LARGEST_DATA)]

    def check_ready(self, settings: ManifoldSettings) -> None:
        """Raise InvalidInputError if manifold and patterns do not fit into memory."""
        count = (settings.n_patterns or 0) + settings.n_test
        HiddenManifold.check_room(settings.n_inputs, settings.latent_dim, count)

    def summary(self, settings: ManifoldSettings) -> str:
        """D and P, in words."""
        kinds = ((settings.teacher_kind, "binary", "teacher"), (settings.feature_kind, "gaussian", "features"))
        others = [f"{kind} {what}, " for kind, usual, what in kinds if kind != usual]
        return f"{''.join(others)}D = {settings.latent_dim}, P = {settings.n_patterns}"


def _manifold(settings: ManifoldSettings, seed: SeedFor) -> HiddenManifold:
    sequence = seed("manifold")
    return _drawn(
        settings.n_inputs, settings.latent_dim, sequence.entropy, settings.teacher_kind, settings.feature_kind
    )


@lru_cache(maxsize=2)
def _drawn(n_inputs: int, latent_dim: int, entropy: Any, teacher: Any, features: Any) -> HiddenManifold:
    """The manifold, cached since train and test patterns share it."""
    return HiddenManifold(n_inputs, latent_dim, np.random.SeedSequence(entropy), teacher, features)


HIDDEN_MANIFOLD = HiddenManifolds()
