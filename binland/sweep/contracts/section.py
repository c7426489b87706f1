"""The base of the tables of a configuration."""

from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from binland.checks import LARGEST_FLOAT, SMALLEST_FLOAT

FILES_MAY_BE_READ = ContextVar("FILES_MAY_BE_READ", default=True)  # not those that a stranger's configuration names
Positive = Annotated[int, Field(ge=1, le=10_000_000)]
Constant = Annotated[float, Field(ge=SMALLEST_FLOAT, le=LARGEST_FLOAT, allow_inf_nan=False)]
FILE = "path of a file; where it is not absolute, beside the configuration"  # marks a key: Annotated[str, FILE]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f]*$")]


class Section(BaseModel):
    """A table of a configuration: unknown keys and wrong types are errors. `Field` says what a key means.

    silent: keys that change no numbers (warnings, figures) and so are not part of the identity of a sweep.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    silent: ClassVar[tuple[str, ...]] = ()

    def identity(self) -> dict[str, Any]:
        """Every setting that may change a number, as plain data."""
        return {key: value for key, value in self.model_dump().items() if key not in self.silent}

    def plain(self) -> dict[str, Any]:
        """All settings as plain data, from which an equal table can be made."""
        return self.model_dump()


def with_paths(section: type[Section], table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A table in which the values of keys marked FILE are absolute paths."""
    marked = {name for name, field in section.model_fields.items() if FILE in field.metadata}
    return {
        key: str((folder / value).absolute()) if key in marked and isinstance(value, str) else value
        for key, value in table.items()
    }


class ModelSection(Section):
    """[model]; its kind determines the family."""

    kind: str = Field(description="the model; decides what the other keys are")


def distinct(what: str) -> AfterValidator:
    """A validator that refuses lists with duplicates; `what` names an entry in the message."""

    def check(values: list[Any]) -> list[Any]:
        if len(set(values)) < len(values):
            raise ValueError(f"each {what} may occur once")
        return values

    return AfterValidator(check)
