"""Whatever a configuration file holds: a sweep, or one line of error and exit code 2, and no file left behind."""

import contextlib
import io
import json
import math
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from binland import cli
from binland.sweep import run
from tests.sweep import small


class Accepted(Exception):
    """The configuration is a sweep after all."""


def outcome(content):
    """Exit code and stderr of `binland sweep` on a file with this content, and the files that are there afterwards."""

    def accept(*_):
        raise Accepted

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        config = Path(folder) / "x.toml"
        config.write_bytes(content)
        patch.setattr(run, "writing", accept)
        patch.setattr("binland.checks.memory", lambda: 2**32)  # everywhere the same
        patch.setattr(sys, "argv", ["binland", "sweep", str(config), "--out", f"{folder}/out.h5"])
        errors = io.StringIO()
        patch.setattr("warnings.showwarning", None)
        with contextlib.redirect_stderr(errors), pytest.raises((SystemExit, Accepted)) as caught:
            cli.main()
        if caught.type is Accepted:
            return "accepted", "", []
        return caught.value.code, errors.getvalue(), [p.name for p in Path(folder).iterdir()]


def check(content):
    code, text, files = outcome(content)
    event("accepted" if code == "accepted" else "refused")
    assume(code != "accepted")
    assert code == 2, text
    lines = [line for line in text.split("\n") if line and not line.startswith("warning: ")]
    assert len(lines) == 1, text
    assert lines[0].startswith("error: "), text
    assert len(lines[0]) < 2000
    assert files == ["x.toml"]


def toml(value):
    """TOML text of plain data, tables inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.one_of(
    st.integers(-(10**30), 10**30),
    st.sampled_from([0, -1, 2**31, 2**63, 10**7, 10**400, 1e308, math.nan, math.inf, -math.inf, -0.0, 5e-324]),
    st.floats(),
    st.booleans(),
    texts,
)
follows = st.sampled_from(["0.5 * data.n_inputs", "1e308 * data.n_inputs", "data.n_inputs / 0", "nan * data.n_inputs"])
scalars = scalars | follows
rubbish = st.recursive(scalars, lambda x: st.lists(x, max_size=3) | st.dictionaries(texts, x, max_size=3), max_leaves=8)
SECTIONS = [
    *("data", "model", "grid", "algorithms", "measure", "store", "smoke", "cpu", "title", "seed"),
    *("plugins", "compute", "figure"),
]
KEYS = {
    "grid": ["data.n_patterns", "data", "n_patterns", "algorithms.*.epochs", "algorithms.SGD.learning_rate"],
    "data": ["kind", "alpha", "n_inputs"],
    "measure": ["errors", "local_energy", "pair", "bend", "plane", "pairs", "midpoints", "plane_points"],
    "figure": ["local_energy", "pair"],
}
INNER = ["epochs", "kind", "pairs", "orders", "midpoints", "fractions", "points", "inset_fraction", "n_patterns"]


@st.composite
def changed(draw):
    """A good configuration in which some value, key or section is something else."""
    plain = small.settings()
    for _ in range(draw(st.integers(1, 3))):
        section = draw(st.sampled_from(SECTIONS) | texts)
        value = plain.get(section, {})
        if isinstance(value, dict) and draw(st.booleans()):
            key = draw(st.sampled_from([*sorted(value), *KEYS.get(section, []), "x"]) | texts)
            inner = value.get(key, {})
            if isinstance(inner, dict) and draw(st.booleans()):
                plain[section] = value | {key: inner | {draw(st.sampled_from(INNER) | texts): draw(rubbish)}}
            else:
                plain[section] = value | {key: draw(rubbish)}
        else:
            plain[section] = draw(rubbish)
    return plain


@pytest.mark.slow
@settings(max_examples=120)
@given(changed())
@example(small.settings(grid={"n_inputs": [3], "disorder_samples": 10**7, "solutions": 10**7}))
@example(small.settings(grid={"n_inputs": list(range(1, 10**5, 2))}))
@example(small.settings(data={"n_patterns": 10**7}, grid={"n_inputs": [10**7]}))
@example(small.settings(measure={"realizations": 10**7, "fractions": [0.1, 0.2]}))
@example(small.settings(measure={"profile_points": 10**12}))
@example(small.settings(algorithms={"SGD": {"epochs": 2**31 - 1}}))
@example(small.settings(algorithms={"RSGD": {"replicas": 2**31 - 1}}))
@example(small.settings(algorithms={"\u2028\x85\x0b": {"kind": "SGD"}, "SGD": 3}))
@example(small.settings(algorithms={}))
@example(small.settings(algorithms={"SGD": {"learning_rate": 10**400}}))
@example(small.settings(data={"n_patterns": 9 * 10**6}, grid={"n_inputs": [10_001]}))
@example(small.settings(title="x" * 10**6))
@example(small.settings(algorithms={"x" * 10**6: {"kind": "SGD"}}))
@example({"x" * 10**6: 1, **small.settings()})
@example(small.settings(model={"kind": "comittee"}))
@example(small.settings(algorithms={"": {"kind": ["SGD"]}}))
@example(small.settings(grid={"data.n_patterns": list(range(1, 10**5))}))
@example(small.settings(grid={"data.n_patterns": "1e308 * data.n_inputs"}))
@example(small.settings(grid={"data.n_patterns": "x" * 10**6}))
@example(small.settings(grid={"x" * 10**6: [1]}))
@example(small.settings(grid={"algorithms.SGD." + "x" * 10**6: [1]}))
@example(small.settings(grid={"algorithms." + "x" * 10**6 + ".epochs": [1]}))
@example(small.settings(grid={"data.n_patterns": "data." + "x" * 10**6}))
@example(small.settings(grid={"data.n_patterns": "9" * 10**5 + "* data.n_inputs"}))
@example(small.settings(grid={"algorithms.SGD.learning_rate": [1e300, 1.0]}))
@example(small.settings(measure={"x" * 10**6: True}))
@example(small.settings(measure={"local_energy": False, "errors": "no"}))
@example(small.settings(measure={"pair": {"pairs": "some"}}))
@example(small.settings(measure={"bend": {"midpoints": 10**7}}))
@example(small.settings(measure={"bend": {"midpoint_algorithm": "x" * 10**6}}))
@example(small.settings(figure={"x" * 10**6: 3}))
@example(small.settings(figure={"local_energy": {"inset_fraction": 0.3}}))
@example(small.settings(data={"kind": "x" * 10**6}))
@example(small.settings(data={"alpha": 1e6, "n_inputs": 10**7}))
@example(small.settings(plugins=["x" * 10**6]))
@example(small.settings(plugins=["no.such.module"]))
def test_a_changed_configuration(plain):
    check("\n".join(f"{toml(key)} = {toml(value)}" for key, value in plain.items()).encode())


@settings(max_examples=100)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"")
@example(b"\xff\xfe")
@example(b"x = " + b"[" * 100_000)
@example(b"x = " + b"{a=" * 5_000)
@example(b".".join([b"a"] * 5_000) + b" = 1")
@example(b"[model]\nkind = 1979-05-27T07:32:00Z\n[grid]\nn_inputs = [1]")
@example(b"seed = " + b"9" * 10_000)
def test_any_bytes(content):
    check(content)


@settings(max_examples=60)
@given(st.integers(0, len(small.TEXT) - 1), st.integers(1, 20), texts)
def test_a_good_file_with_a_stretch_overwritten(place, length, text):
    check((small.TEXT[:place] + text + small.TEXT[place + length :]).encode())


def test_a_good_file_is_accepted():
    assert outcome(small.TEXT.encode())[0] == "accepted"
