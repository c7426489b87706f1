"""A statement about the results of a sweep that can be checked, `[[figure.statements]]`."""

from typing import Annotated

from pydantic import Field, model_validator

from binland.sweep.contracts.section import Section, Text

CLAIMS = ("ranks", "falls", "rises", "below")
Labels = Annotated[list[Text], Field(min_length=1)]


class Statement(Section):
    """A statement in words, the panel that shows it, and one claim that is checked against the panel."""

    text: Text = Field(description="the statement in words")
    panel: Text = Field(description='name of a panel, such as "test_error"; `binland plot --panel ?` lists them')
    symmetry: Text | None = Field(None, description="symmetry state that is looked at, by default the last one")
    ranks: Annotated[list[Text], Field(min_length=2)] | None = Field(
        None, description="claim: at every point values rise from each of these algorithms to the next"
    )
    falls: Labels | None = Field(None, description="claim: values of these algorithms fall along what is swept")
    rises: Labels | None = Field(None, description="claim: values of these algorithms rise along what is swept")
    below: float | None = Field(None, description="claim: all values of the panel are below this one, in its unit")

    @model_validator(mode="after")
    def _one_claim(self) -> "Statement":
        """Check that there is exactly one claim; raises ValueError."""
        if sum(getattr(self, name) is not None for name in CLAIMS) != 1:
            raise ValueError(f"a statement has one of {', '.join(CLAIMS)}")
        return self
