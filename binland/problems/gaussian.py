"""Gaussian patterns: i.i.d. standard normal inputs, all of label +1 (other labels are absorbed), `[data] kind =
"gaussian"`."""

from pydantic import Field, model_validator

from binland.checks import checked_memory
from binland.problems.sizes import PatternSettings, SignProblem, n_patterns
from binland.spherical.instances import Instance, patterns
from binland.sweep.contracts.problem import Inputs, SeedFor
from binland.sweep.contracts.section import Positive

BYTES = 16  # of memory for each input, while it is drawn


class GaussianSettings(PatternSettings):
    """[data] kind = "gaussian"; one of n_patterns and alpha must be given. Nothing can be learned of test ones."""

    n_inputs: Positive = Field(title="N", description="number of inputs N")
    n_test: Positive = Field(1000, title="P test", description="number of test patterns")

    @model_validator(mode="after")
    def _one_number(self) -> "GaussianSettings":
        return n_patterns(self, None)


class Gaussian(SignProblem[GaussianSettings]):
    """Gaussian patterns, the problem of the spherical perceptron."""

    name = "gaussian"
    Settings = GaussianSettings

    def inputs(self, settings: GaussianSettings) -> Inputs:
        """N real numbers, two classes."""
        return Inputs((settings.n_inputs,), values="reals")

    def train(self, settings: GaussianSettings, seed: SeedFor) -> Instance:
        """P random patterns."""
        return patterns(settings.n_patterns or 1, settings.n_inputs, seed("train"))

    def test(self, settings: GaussianSettings, seed: SeedFor) -> Instance:
        """Other random patterns."""
        return patterns(settings.n_test, settings.n_inputs, seed("test"))

    def check_ready(self, settings: GaussianSettings) -> None:
        """Raise InvalidInputError if the patterns do not fit into memory."""
        count = (settings.n_patterns or 0) + settings.n_test
        checked_memory(f"{count} patterns of {settings.n_inputs} inputs", BYTES * count * settings.n_inputs)


GAUSSIAN = Gaussian()
