"""The configuration of a sweep: what a TOML file may say, checked before anything runs."""

import difflib
import json
import re
import tomllib
import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from binland.algorithms import ADV, RSGD, SGD, Algorithm
from binland.errors import InvalidInputError
from binland.sweep.identity import canonical_json

Positive = Annotated[int, Field(ge=1, le=10_000_000)]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f]*$")]
LARGEST_MACHINE = 10**9  # weights, of all replicas
LARGEST_DATA = 10**11  # entries of the train or test inputs, a byte each
LARGEST_SWEEP = 2_000_000  # tasks
LARGEST_RESULT = 10**7  # numbers that a task returns for one variable
ALGORITHMS: dict[str, type[SGD]] = {"RSGD": RSGD, "SGD": SGD, "ADV": ADV}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DataSpec(_Section):
    """Hidden Manifold data: D, P, number of test patterns, kinds of teacher and features."""

    latent_dim: Positive = 501
    n_patterns: Positive = 1503
    n_test: Positive = 10_000
    teacher_kind: Literal["binary", "gaussian"] = "binary"
    feature_kind: Literal["gaussian", "binary"] = "gaussian"


class ModelSpec(_Section):
    """The machine: its kind, H, output weights all +1 or drawn; `allow_ties` silences the warning on even sizes."""

    kind: Literal["perceptron", "committee"]
    n_hidden: Positive | None = None
    output_weights: Literal["ones", "random"] = "ones"
    allow_ties: bool = False

    @model_validator(mode="after")
    def _sizes_match_kind(self) -> "ModelSpec":
        if self.kind == "committee" and self.n_hidden is None:
            raise ValueError('kind = "committee" needs n_hidden, an integer of at least 1')
        if self.kind == "perceptron" and (self.n_hidden not in (None, 1) or self.output_weights != "ones"):
            raise ValueError('kind = "perceptron" has neither n_hidden nor output_weights; remove them')
        if self.kind == "perceptron":
            object.__setattr__(self, "n_hidden", None)  # 1 says the same
        return self


class GridSpec(_Section):
    """What is repeated: values of N, disorder samples, solutions per algorithm."""

    n_inputs: Annotated[list[Positive], Field(min_length=1)]
    disorder_samples: Positive = 1
    solutions: Positive = 3

    @field_validator("n_inputs")
    @classmethod
    def _distinct(cls, values: list[int]) -> list[int]:
        if len(set(values)) < len(values):
            raise ValueError("each N may occur once")
        return values


class MeasureSpec(_Section):
    """Local energies (fractions of flips, realisations, convention, method) and paths (orders, profile points)."""

    fractions: Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=1)] = [0.01, 0.02, 0.05, 0.1]
    inset_fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    realizations: Positive = 10
    flips: Literal["count", "independent"] = "count"
    method: Literal["sampled", "exact"] = "sampled"
    orders: Positive = 5
    profile_points: Annotated[int, Field(ge=2)] = 51

    @model_validator(mode="after")
    def _fractions_fit(self) -> "MeasureSpec":
        if len(set(self.fractions)) < len(self.fractions):
            raise ValueError("each fraction may occur once")
        if self.inset_fraction is not None and self.inset_fraction not in self.fractions:
            raise ValueError(f"inset_fraction = {self.inset_fraction} is not one of the fractions {self.fractions}")
        return self

    @property
    def shown_fraction(self) -> float:
        """The fraction of the figure's inset: inset_fraction, or the middle one."""
        middle = sorted(self.fractions)[len(self.fractions) // 2]
        return middle if self.inset_fraction is None else self.inset_fraction


class StoreSpec(_Section):
    """What is kept besides the measurements: `latents`, the float32 latent weights, 32 times the binary ones."""

    latents: bool = False


class SweepSpec(_Section):
    """A whole sweep. `algorithms` maps a label to a kind (the label itself, if it is one) and its settings."""

    title: Text = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    data: DataSpec = DataSpec()
    model: ModelSpec
    grid: GridSpec
    algorithms: Annotated[dict[Text, dict[str, Any]], Field(min_length=1)] = {name: {} for name in ALGORITHMS}
    measure: MeasureSpec = MeasureSpec()
    store: StoreSpec = StoreSpec()

    @field_validator("algorithms")
    @classmethod
    def _known_algorithms(cls, tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        known: dict[Algorithm, str] = {}
        for label, table in tables.items():
            same = known.setdefault(_algorithm(label, table), label)
            if same != label:
                raise ValueError(
                    f"algorithms.{label} has the settings of {same} and would repeat its numbers; "
                    "remove it, or raise grid.solutions for more runs"
                )
        return tables

    @model_validator(mode="after")
    def _sizes_are_possible(self) -> "SweepSpec":
        units, largest = self.model.n_hidden or 1, max(self.grid.n_inputs)
        grid, data, measure = self.grid, self.data, self.measure
        epochs = max(self.algorithm(label).epochs for label in self.algorithms)
        replicas = max(getattr(self.algorithm(label), "replicas", 1) for label in self.algorithms)
        tasks = len(grid.n_inputs) * grid.disorder_samples * len(self.algorithms) * grid.solutions**2
        for count, what, keys, limit in (
            (largest * units * replicas, "weights", "grid.n_inputs, model.n_hidden, replicas", LARGEST_MACHINE),
            (largest * max(data.n_patterns, data.n_test), "inputs", "grid.n_inputs and data", LARGEST_DATA),
            (tasks, "tasks", "grid and algorithms", LARGEST_SWEEP),
            (len(measure.fractions) * measure.realizations, "local energies", "measure", LARGEST_RESULT),
            (epochs, "train errors of a solution", "epochs", LARGEST_RESULT),
            (measure.profile_points, "points of a path", "measure.profile_points", LARGEST_RESULT),
        ):
            if count > limit:
                raise ValueError(f"{keys} make {count} {what}; at most {limit}")
        return self

    def algorithm(self, label: str) -> Algorithm:
        """The settings behind a label, defaults filled in."""
        return _algorithm(label, self.algorithms[label])

    @cached_property
    def described(self) -> dict[str, dict[str, Any]]:
        """Kind and every setting of each algorithm, as plain data."""
        return {label: _described(self.algorithm(label)) for label in self.algorithms}

    def resolved(self) -> dict[str, Any]:
        """Every setting, defaults included, as plain data; labels in the order of the file."""
        return self.model_dump() | {"algorithms": self.described}

    def canonical(self) -> str:
        """Every setting, defaults included, as JSON with sorted keys: equal specs have equal text."""
        return canonical_json(self.resolved())

    def pairs(self) -> list[tuple[int, int]]:
        """Directed pairs of different solutions: 6 for the paper's 3, none for 1."""
        count = self.grid.solutions
        return [(a, b) for a in range(count) for b in range(count) if a != b]

    def pair_index(self, start: int, end: int) -> int:
        """Place of a pair in `pairs`."""
        return start * (self.grid.solutions - 1) + end - (end > start)


def _algorithm(label: str, table: Mapping[str, Any]) -> Algorithm:
    kind = table.get("kind", label)
    if not isinstance(kind, str) or kind not in ALGORITHMS:
        raise ValueError(f"algorithms.{label}: kind = {kind!r} is not one of {', '.join(ALGORITHMS)}")
    settings = {key: value for key, value in table.items() if key != "kind"}
    allowed = list(ALGORITHMS[kind].__dataclass_fields__)
    for key, value in settings.items():
        if key not in allowed:
            raise ValueError(_unknown(f"algorithms.{label}.{key}", value, [*allowed, "kind"]))
    try:
        return ALGORITHMS[kind](**settings)
    except InvalidInputError as error:
        raise ValueError(f"algorithms.{label}: {error}") from None


def _described(algorithm: Algorithm) -> dict[str, Any]:
    return {"kind": type(algorithm).__name__, **vars(algorithm)}


def parse_canonical(text: str) -> SweepSpec:
    """Undo `SweepSpec.canonical`."""
    return SweepSpec.model_validate(json.loads(text))


def load_spec(path: str | Path, smoke: bool = False) -> SweepSpec:
    """Read and check a TOML file; with smoke=True its [smoke] table overrides the rest.

    Raises InvalidInputError with one line that names the key, the value and what is allowed. Warns about even sizes,
    whose ties (sign(0) = +1) the file does not ask for with allow_ties = true.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot read it ({error.strerror}); give the path of a TOML file") from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path}: is not UTF-8 text; give the path of a TOML file") from None
    try:
        settings = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InvalidInputError(f"{path}: not valid TOML: {_one_line(str(error))}") from None
    overrides = settings.pop("smoke", {})
    if not isinstance(overrides, dict):
        raise InvalidInputError(f"{path}: smoke = {overrides!r} is not a table of settings to override")
    checked = check_settings(settings, str(path))
    smoke_spec = check_settings(_merged(settings, overrides), f"{path} with [smoke]")
    spec = smoke_spec if smoke else checked
    for message in tie_warnings(spec):
        warnings.warn(f"{path}: {message}", stacklevel=2)
    return spec


def check_settings(settings: Mapping[str, Any], source: str) -> SweepSpec:
    """A SweepSpec from plain data; `source` names it in the error."""
    try:
        return SweepSpec.model_validate(dict(settings))
    except ValidationError as error:
        raise InvalidInputError(f"{source}: {_explain(error)}") from None


def tie_warnings(spec: SweepSpec) -> list[str]:
    """One line per even size that makes sign(0) possible, unless ties are asked for."""
    if spec.model.allow_ties:
        return []
    messages = []
    even = [n for n in spec.grid.n_inputs if n % 2 == 0]
    hint = "sign(0) counts as +1; take odd sizes, or set model.allow_ties = true"
    if even:
        messages.append(f"grid.n_inputs = {even}: an even number of inputs has ties, where {hint}")
    if spec.model.n_hidden and spec.model.kind == "committee" and spec.model.n_hidden % 2 == 0:
        messages.append(f"model.n_hidden = {spec.model.n_hidden}: an even number of units has ties, where {hint}")
    return messages


def _merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overrides.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


_ALLOWED = {
    "": [*SweepSpec.model_fields, "smoke"],
    "data": list(DataSpec.model_fields),
    "model": list(ModelSpec.model_fields),
    "grid": list(GridSpec.model_fields),
    "measure": list(MeasureSpec.model_fields),
    "store": list(StoreSpec.model_fields),
}


def _explain(error: ValidationError) -> str:
    """The first problem as one line: key, value, what is allowed."""
    problem = error.errors()[0]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    place = [str(part) for part in problem["loc"]]
    key, value = ".".join(place), problem["input"]
    message = re.sub(r"^(Value error|Assertion failed), ", "", problem["msg"])
    if problem["type"] == "extra_forbidden":
        line = _unknown(key, value, _ALLOWED[".".join(place[:-1])])
    elif problem["type"] == "missing":
        line = f"{key} is missing; add it"
    elif problem["type"] == "value_error" and (not key or message.startswith("algorithms.")):
        line = message
    else:
        line = f"{key} = {_short(value)}: {message}"
    return _one_line(line + more)


def _unknown(key: str, value: object, allowed: list[str]) -> str:
    close = difflib.get_close_matches(key.rsplit(".", 1)[-1], allowed, 1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"unknown key {key} = {_short(value)}; {hint}allowed: {', '.join(allowed)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _one_line(text: str) -> str:
    return " ".join(text.split())
