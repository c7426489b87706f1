"""The storage problem: i.i.d. uniform inputs with independent uniform labels, `[data] kind = "random-labels"`."""

from pydantic import Field, model_validator

from binland.data import Patterns
from binland.problems.sizes import PatternSettings, SignProblem, n_patterns
from binland.sweep.contracts.problem import SeedFor
from binland.sweep.contracts.section import Positive


class StorageSettings(PatternSettings):
    """[data] kind = "random-labels"; one of n_patterns and alpha must be given. Nothing can be learned of test ones."""

    n_inputs: Positive = Field(title="N", description="number of inputs N")
    n_test: Positive = Field(1000, title="P test", description="number of test patterns")

    @model_validator(mode="after")
    def _one_number(self) -> "StorageSettings":
        return n_patterns(self, None)


class RandomLabels(SignProblem[StorageSettings]):
    """The storage problem: random labels."""

    name = "random-labels"
    Settings = StorageSettings

    def train(self, settings: StorageSettings, seed: SeedFor) -> Patterns:
        """P random patterns."""
        return Patterns.random(settings.n_patterns or 1, settings.n_inputs, seed("train"))

    def test(self, settings: StorageSettings, seed: SeedFor) -> Patterns:
        """Other random patterns."""
        return Patterns.random(settings.n_test, settings.n_inputs, seed("test"))


RANDOM_LABELS = RandomLabels()
