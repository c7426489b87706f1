"""The configuration of a sweep: what a TOML file may say, checked before anything runs."""

import difflib
import json
import re
import tomllib
import warnings
from collections.abc import Mapping
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from binland.algorithms import ADV, RSGD, SGD
from binland.checks import checked_path
from binland.errors import InvalidInputError, one_line, shown
from binland.sweep.family import BUILT_IN, GROUP, Family, find_family, kinds
from binland.sweep.identity import canonical_json

Positive = Annotated[int, Field(ge=1, le=10_000_000)]
Sizes = Annotated[list[Positive], Field(min_length=1)]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f]*$")]
PROFILES = ("smoke", "cpu")  # tables that override the rest: seconds, or a small computer
LARGEST_SWEEP = 2_000_000  # tasks
LARGEST_RESULT = 10**7  # numbers that a task returns for one variable
LONGEST_TEXT = 1000  # letters of a title or a label
LONGEST_KEY = 200  # letters of a key in a message
ALGORITHMS: dict[str, type[SGD]] = {"RSGD": RSGD, "SGD": SGD, "ADV": ADV}


def distinct(what: str) -> AfterValidator:
    """Refuses a list in which one `what` occurs twice."""

    def check(values: list[Any]) -> list[Any]:
        if len(set(values)) < len(values):
            raise ValueError(f"each {what} may occur once")
        return values

    return AfterValidator(check)


class Section(BaseModel):
    """A table of the file: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelSpec(Section):
    """The machine; its kind decides the family."""

    kind: str


class GridSpec(Section):
    """What is repeated: disorder samples, solutions per algorithm; a family adds the sizes, named by its axis."""

    disorder_samples: Positive = 1
    solutions: Positive = 3


class MeasureSpec(Section):
    """What is measured.

    Local energies: fractions of flips, realisations; inset_fraction for the figure. Paths: orders, profile points.
    Paths with one bend: midpoints of each pair, label of the algorithm that trains them (the first SGD). Planes through
    three solutions: points along each side.
    """

    fractions: Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=1)] = [0.01, 0.02, 0.05, 0.1]
    inset_fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    realizations: Positive = 10
    orders: Positive = 5
    profile_points: Annotated[int, Field(ge=2)] = 51
    midpoints: Annotated[int, Field(ge=0, le=10_000)] = 0
    midpoint_algorithm: Text | None = None
    plane_points: Annotated[int, Field(ge=0, le=10_000)] = 0

    @model_validator(mode="after")
    def _fractions_fit(self) -> "MeasureSpec":
        if len(set(self.fractions)) < len(self.fractions):
            raise ValueError("each fraction may occur once")
        if self.inset_fraction is not None and self.inset_fraction not in self.fractions:
            raise ValueError(f"inset_fraction = {self.inset_fraction} is not one of the fractions {self.fractions}")
        return self

    @property
    def samples(self) -> int:
        """Local energies of a solution at one fraction."""
        return self.realizations

    @property
    def shown_fraction(self) -> float:
        """The fraction of the figure's inset: inset_fraction, or the middle one."""
        middle = sorted(self.fractions)[len(self.fractions) // 2]
        return middle if self.inset_fraction is None else self.inset_fraction


class StoreSpec(Section):
    """What is kept besides the measurements: `latents`, the float32 latent weights, 32 times the binary ones."""

    latents: bool = False


class SweepSpec(Section):
    """A whole sweep; families derive theirs from it.

    `algorithms` maps a label to a kind (the label itself, if it is one) and its settings; `kinds` are those there are.
    """

    kinds: ClassVar[Mapping[str, type[SGD]]] = ALGORITHMS

    title: Text = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    data: Section = Section()
    model: ModelSpec
    grid: GridSpec
    algorithms: Annotated[dict[Text, dict[str, Any]], Field(min_length=1)] = {name: {} for name in ALGORITHMS}
    measure: MeasureSpec = MeasureSpec()
    store: StoreSpec = StoreSpec()

    @field_validator("algorithms")
    @classmethod
    def _known_algorithms(cls, tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        known: dict[SGD, str] = {}
        for label, table in tables.items():
            same = known.setdefault(_algorithm(cls.kinds, label, table), label)
            if same != label:
                raise ValueError(
                    f"algorithms.{label} has the settings of {same} and would repeat its numbers; "
                    "remove it, or raise grid.solutions for more runs"
                )
        return tables

    @model_validator(mode="after")
    def _bends_and_planes_have_what_they_need(self) -> "SweepSpec":
        measure, solutions = self.measure, self.grid.solutions
        label = measure.midpoint_algorithm
        if label is not None and label not in self.algorithms:
            labels = ", ".join(self.algorithms)
            raise ValueError(f"measure.midpoint_algorithm = {label!r} is not one of the algorithms {labels}")
        if measure.midpoints and solutions < 2:
            raise ValueError(f"measure.midpoints = {measure.midpoints} needs pairs: set grid.solutions >= 2")
        if measure.midpoints and label is None:
            label = next((name for name in self.algorithms if self._described(name)["kind"] == "SGD"), None)
            if label is None:
                raise ValueError(
                    f"measure.midpoints = {measure.midpoints} needs an algorithm: add one of kind SGD, or name one in"
                    " measure.midpoint_algorithm"
                )
            # By name from here on: another SGD in front of it is another sweep.
            object.__setattr__(self, "measure", measure.model_copy(update={"midpoint_algorithm": label}))
        if measure.plane_points and not (solutions >= 3 and self.store.latents and measure.plane_points >= 2):
            raise ValueError(
                f"measure.plane_points = {measure.plane_points} needs at least 2 points, grid.solutions >= 3 (not"
                f" {solutions}) and store.latents = true (not {str(self.store.latents).lower()})"
            )
        return self

    @model_validator(mode="after")
    def _sizes_are_possible(self) -> "SweepSpec":
        grid, measure = self.grid, self.measure
        epochs = max(self.algorithm(label).epochs for label in self.algorithms)
        cells = len(self.sizes) * grid.disorder_samples * len(self.algorithms)
        pairs = grid.solutions * (grid.solutions - 1)
        tasks = cells * (grid.solutions + pairs * (1 + measure.midpoints) + (measure.plane_points > 0))
        for count, what, keys, limit in (
            *self.family.limits(self),
            (tasks, "tasks", "grid, algorithms and measure.midpoints", LARGEST_SWEEP),
            (len(measure.fractions) * measure.realizations, "local energies", "measure", LARGEST_RESULT),
            (epochs, "train errors of a solution", "epochs", LARGEST_RESULT),
            (measure.profile_points, "points of a path", "measure.profile_points", LARGEST_RESULT),
            (measure.plane_points**2, "points of a plane", "measure.plane_points", LARGEST_RESULT),
        ):
            if count > limit:
                raise ValueError(f"{keys} make {count} {what}; at most {limit}")
        return self

    @property
    def family(self) -> Family[Any]:
        """What the sweep is about."""
        return find_family(self.model.kind)

    @property
    def sizes(self) -> list[int]:
        """The sizes that are swept, in the order of the file."""
        return getattr(self.grid, self.family.axis)

    def algorithm(self, label: str) -> SGD:
        """The settings behind a label, defaults filled in."""
        return _algorithm(self.kinds, label, self.algorithms[label])

    @property
    def midpoint_algorithm(self) -> SGD:
        """What trains the bends of optimised paths."""
        assert self.measure.midpoint_algorithm is not None
        return self.algorithm(self.measure.midpoint_algorithm)

    @cached_property
    def described(self) -> dict[str, dict[str, Any]]:
        """Kind and every setting of each algorithm, as plain data."""
        return {label: self._described(label) for label in self.algorithms}

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

    def bends(self) -> list[tuple[int, int, int]]:
        """Every midpoint of every directed pair: start, end, number of the midpoint."""
        return [(start, end, bend) for start, end in self.pairs() for bend in range(self.measure.midpoints)]

    def _described(self, label: str) -> dict[str, Any]:
        return {"kind": self.algorithms[label].get("kind", label), **vars(self.algorithm(label))}


def _algorithm(kinds: Mapping[str, type[SGD]], label: str, table: Mapping[str, Any]) -> SGD:
    kind = table.get("kind", label)
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"algorithms.{label}: kind = {shown(kind)} is not one of {', '.join(kinds)}")
    settings = {key: value for key, value in table.items() if key != "kind"}
    allowed = list(kinds[kind].__dataclass_fields__)
    for key, value in settings.items():
        if key not in allowed:
            raise ValueError(_unknown(f"algorithms.{label}.{key}", value, [*allowed, "kind"]))
    try:
        return kinds[kind](**settings)
    except InvalidInputError as error:
        raise ValueError(f"algorithms.{label}: {error}") from None


def parse_canonical(text: str) -> SweepSpec:
    """Undo `SweepSpec.canonical`."""
    settings = json.loads(text)
    return find_family(settings["model"]["kind"]).spec.model_validate(settings)


def load_spec(path: str | Path, profile: str | None = None) -> SweepSpec:
    """Read and check a TOML file; see `spec_of`."""
    path = checked_path("config", path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path}: is not UTF-8 text; give the path of a TOML file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(f"{path}: cannot read it ({reason}); give the path of a TOML file") from None
    try:
        settings = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InvalidInputError(f"{path}: not valid TOML: {error}") from None
    return spec_of(settings, str(path), profile)


def spec_of(tables: Mapping[str, Any], source: str, profile: str | None = None) -> SweepSpec:
    """The sweep of the tables of a file; with a profile its table of that name, [smoke] or [cpu], overrides the rest.

    Raises InvalidInputError with one line that names the key, the value and what is allowed; `source` names the file in
    it. Warns about what the family of the model finds unusual.
    """
    settings = {key: value for key, value in tables.items() if key not in PROFILES}
    profiles = {name: tables[name] for name in PROFILES if name in tables}
    for name, overrides in profiles.items():
        if not isinstance(overrides, Mapping):
            raise InvalidInputError(f"{source}: {name} = {shown(overrides)} is not a table of settings to override")
    specs: dict[str | None, SweepSpec] = {None: _new_spec(settings, source)}
    for name, overrides in profiles.items():
        specs[name] = _new_spec(_merged(settings, overrides), f"{source} with [{name}]")
    if not isinstance(profile, str | None) or profile not in specs:
        found = ", ".join(f"[{name}]" for name in profiles) or "none"
        raise InvalidInputError(f"{source}: has no table [{shown_key(profile)}] for that profile; it has {found}")
    spec = specs[profile]
    for message in spec.family.warnings(spec):
        warnings.warn(f"{source}: {message}", stacklevel=2)
    return spec


def _new_spec(settings: Mapping[str, Any], source: str) -> SweepSpec:
    """As `check_settings`, and texts are short; those of result files may be longer."""
    algorithms = settings.get("algorithms")
    labels = [*algorithms] if isinstance(algorithms, Mapping) else []
    for what, text in (("title", settings.get("title")), *(("a label of [algorithms]", label) for label in labels)):
        if isinstance(text, str) and len(text) > LONGEST_TEXT:
            raise InvalidInputError(f"{source}: {what} has {len(text)} letters; at most {LONGEST_TEXT}")
    return check_settings(settings, source)


def check_settings(settings: Mapping[str, Any], source: str) -> SweepSpec:
    """A spec of the family of model.kind from plain data; `source` names it in the error."""
    model = settings.get("model")
    if not isinstance(model, Mapping) or "kind" not in model:
        raise InvalidInputError(f"{source}: model.kind is missing; set it to {kinds()}")
    kind = model["kind"]
    try:
        family = find_family(kind if isinstance(kind, str) else shown(kind))
    except InvalidInputError as error:
        known = [*BUILT_IN, *(entry.name for entry in metadata.entry_points(group=GROUP))]
        hint = _hint(kind, known, "; ") if isinstance(kind, str) and kind not in known else ""
        raise InvalidInputError(f"{source}: {error}{hint}") from None
    try:
        return family.spec.model_validate(dict(settings))
    except ValidationError as error:
        raise InvalidInputError(f"{source}: {_explain(error, family.spec)}") from None


def _merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overrides.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _allowed(spec: type[SweepSpec], place: list[str]) -> list[str]:
    """Keys of the table at a place of the file, those of the family first."""
    table: Any = spec
    for key in place:
        table = table.model_fields[key].annotation
    own = table.__annotations__
    return sorted(table.model_fields, key=lambda key: key not in own) if place else [*table.model_fields, *PROFILES]


def _explain(error: ValidationError, spec: type[SweepSpec]) -> str:
    """One problem as one line: key, value, what is allowed. A mistyped key comes first: others may come from it."""
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    problem, others = problems[0], len(problems) - 1
    more = f" (and {others} more error{'s' if others > 1 else ''})" if others else ""
    place = [str(part) for part in problem["loc"]]
    key, value = shown_key(".".join(place)), problem["input"]
    message = re.sub(r"^(Value error|Assertion failed), ", "", problem["msg"])
    if problem["type"] == "extra_forbidden":
        line = _unknown(key, value, _allowed(spec, place[:-1]))
    elif problem["type"] == "missing":
        line = f"{key} is missing; add it"
    elif problem["type"] == "value_error" and (not key or message.startswith("algorithms.")):
        line = message
    else:
        line = f"{key} = {shown(value)}: {message}"
    return line + more


def _unknown(key: str, value: object, allowed: list[str]) -> str:
    hint = _hint(key.rsplit(".", 1)[-1], allowed)
    return f"unknown key {shown_key(key)} = {shown(value)};{hint} allowed: {', '.join(allowed)}"


def _hint(word: object, known: list[str], before: str = " ") -> str:
    """Which of the known words was meant, if it is like one of them."""
    close = difflib.get_close_matches(word, known, 1) if isinstance(word, str) and len(word) <= LONGEST_KEY else []
    return f"{before}did you mean {close[0]}?" if close else ""


def shown_key(key: object) -> str:
    """A key in a message."""
    return one_line(str(key), LONGEST_KEY)
