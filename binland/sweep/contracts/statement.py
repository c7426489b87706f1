"""A statement about the results of a sweep that can be checked, `[[figure.statements]]`."""

from typing import Annotated

from pydantic import Field, model_validator

from binland.sweep.contracts.section import Section, Text

CLAIMS = ("ranks", "falls", "rises", "below")
Labels = Annotated[list[Text], Field(min_length=1)]


class Statement(Section):
    """A statement in words, with the claim that is checked and the panel that shows it.

    text: the statement. panel: name of a panel, such as "test_error". symmetry: the symmetry state to look at, by
    default the last one. Exactly one claim: ranks: at every point the values increase from each of these algorithms to
    the next; falls, rises: the values of these algorithms decrease or increase along the swept setting; below: all
    values of the panel are less than this number.
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
        """Check that there is exactly one claim; raises ValueError."""
        if sum(getattr(self, name) is not None for name in CLAIMS) != 1:
            raise ValueError(f"a statement has one of {', '.join(CLAIMS)}")
        return self
