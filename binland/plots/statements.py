"""Check the statements of a configuration, `[[figure.statements]]`, against the curves of its panels."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from binland.plots.chart import Curve, Float, Panel, floats
from binland.plots.results import Results
from binland.plots.text import digits
from binland.sweep.contracts.statement import Statement


class Verdict(NamedTuple):
    """Whether a statement holds.

    text: the statement in words. holds: "yes" if it is right at all points, "no" if at none, else "partly"; "not known"
    if nothing is finished. how: at how many points it is right, as text.
    """

    text: str
    holds: str
    how: str


def verdicts(results: Results, panels: Mapping[str, Panel], given: Sequence[Statement] | None = None) -> list[Verdict]:
    """Check the given statements, by default those of the configuration, one by one. panels: panels by name.

    A difference is beyond error bars if it is larger than the standard error of a difference of independent numbers,
    the root of the sum of both squared error bars.
    """
    statements = _of(results) if given is None else given
    return [_checked(statement, panels.get(statement.panel)) for statement in statements]


def _of(results: Results) -> list[Statement]:
    """The statements in the configuration of the file; what is no table in it is left out."""
    tables = results.figure.get("statements", [])
    return [Statement.model_validate(table) for table in tables if isinstance(table, Mapping)]


def _checked(statement: Statement, panel: Panel | None) -> Verdict:
    """The verdict on one statement."""
    if panel is None:
        return Verdict(statement.text, "not known", f"there is no panel {statement.panel}")
    groups = _groups(statement, panel)
    named = {name for group in groups.values() for name in group}
    missing = [name for name in _labels(statement) if name not in named]
    if missing or not groups:
        what = ", ".join(missing) or "this symmetry state"
        return Verdict(statement.text, "not known", f"{statement.panel} has no curve of {what}")
    counts = [count for words, curves in groups.items() for count in _counts(statement, curves, words)]
    return _verdict(statement, [count for count in counts if count.of])


def _verdict(statement: Statement, counts: Sequence["Count"]) -> Verdict:
    """All counts together; nothing is known where nothing is finished."""
    known, right = sum(count.of for count in counts), sum(count.right for count in counts)
    if not known:
        return Verdict(statement.text, "not known", "nothing of it is finished")
    holds = "yes" if right == known else "partly" if right else "no"
    return Verdict(statement.text, holds, "; ".join(map(str, counts)))


def _labels(statement: Statement) -> list[str]:
    """The algorithms that a statement names."""
    return [*(statement.ranks or ()), *(statement.falls or ()), *(statement.rises or ())]


def _groups(statement: Statement, panel: Panel) -> dict[str, dict[str, Curve]]:
    """The measured curves in one symmetry state, by algorithm: a group for each other label, in words."""
    curves = [one for one in panel.curves if not one.theory and "algorithm" in one.labels]
    states = [one.labels["symmetry"] for one in curves if "symmetry" in one.labels]
    state = statement.symmetry or (states[-1] if states else None)
    groups: dict[str, dict[str, Curve]] = {}
    for one in curves:
        if one.labels.get("symmetry") == state:
            others = {key: value for key, value in one.labels.items() if key not in ("algorithm", "symmetry")}
            words = ", ".join(f"{key} {value}" for key, value in others.items())
            groups.setdefault(words, {})[one.labels["algorithm"]] = one
    return groups


class Count(NamedTuple):
    """At how many of `of` points or steps a claim is right, and at how many of them by more than the error bars."""

    name: str
    right: int
    clear: int | None
    of: int
    unit: str

    def __str__(self) -> str:
        beyond = "" if self.clear is None else f", {self.clear} beyond error bars"
        return f"{self.name}: at {self.right} of {self.of} {self.unit}{beyond}"


def _counts(statement: Statement, curves: Mapping[str, Curve], words: str) -> Iterator[Count]:
    """The counts of a statement in one group of curves; words: what tells the group from others."""
    where = f" ({words})" if words else ""
    if statement.ranks is not None and curves.keys() >= {*statement.ranks}:
        yield _ranks([curves[name] for name in statement.ranks], f"{' < '.join(statement.ranks)}{where}")
    for word, sign in (("falls", -1), ("rises", 1)):
        for name in getattr(statement, word) or ():
            if name in curves:
                yield _steps(curves[name], sign, f"{name} {word}{where}")
    if statement.below is not None:
        for name, curve in curves.items():
            known = curve.y[np.isfinite(curve.y)]
            right = int((known < statement.below).sum())
            yield Count(f"{name} below {digits(statement.below)}{where}", right, None, len(known), "points")


def _ranks(curves: Sequence[Curve], name: str) -> Count:
    """Values one above the other, at every point."""
    values = np.stack([curve.y for curve in curves])
    return _count(np.diff(values, axis=0), _both([_error(curve) for curve in curves]), name, "points")


def _steps(curve: Curve, sign: int, name: str) -> Count:
    """At how many steps from one point to the next a curve rises (sign 1) or falls (sign -1)."""
    return _count(sign * np.diff(curve.y)[None], _both(list(_error(curve)[:, None]))[:, 0][None], name, "steps")


def _count(differences: Float, errors: Float, name: str, unit: str) -> Count:
    """Count the columns in which all differences are positive, and those in which all are larger than their errors."""
    known = np.isfinite(differences).all(axis=0)
    right = (differences > 0).all(axis=0) & known
    clear = (differences > errors).all(axis=0) & right
    return Count(name, int(right.sum()), int(clear.sum()), int(known.sum()), unit)


def _both(errors: Sequence[Float]) -> Float:
    """Standard errors of the differences of neighbouring rows, taken as independent."""
    squares = np.square(np.stack(errors))
    return floats(np.sqrt(squares[1:] + squares[:-1]))


def _error(curve: Curve) -> Any:
    """Error bars (T,) of a curve; NaN without any, so that no difference is beyond them."""
    return np.full(len(curve.y), np.nan) if curve.error is None else curve.error
