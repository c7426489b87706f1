"""A statement about the results of a sweep that can be checked, `[[figure.statements]]`."""

from typing import Annotated

from pydantic import Field, model_validator

from binland.sweep.contracts.section import Section, Text

CLAIMS = ("ranks", "falls", "rises", "below")
Labels = Annotated[list[Text], Field(min_length=1)]


class Statement(Section):
    """text: what is stated, in words. panel: the panel of a figure that shows it, such as "test_error". symmetry: the
    symmetry state, by default the last one. One of these claims: ranks: algorithms with rising values at every point;
    falls, rises: algorithms whose values do along what is swept; below: a value above all those of the panel.
    """

    text: Text
    panel: Text
    symmetry: Text | None = None
    ranks: Annotated[list[Text], Field(min_length=2)] | None = None
    falls: Labels | None = None
    rises: Labels | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_claim(self) -> "Statement":
        """Exactly one claim."""
        if sum(getattr(self, name) is not None for name in CLAIMS) != 1:
            raise ValueError(f"a statement has one of {', '.join(CLAIMS)}")
        return self
