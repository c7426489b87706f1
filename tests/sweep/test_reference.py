"""The reference of the configuration: every key that is declared is in it, with its meaning."""

from dataclasses import dataclass, fields

import pytest

import binland as bl
from binland.sweep import registry
from binland.sweep.config import PROFILES, TABLES
from binland.sweep.reference import REQUIRED, meanings_of, tables

ALL = tables()
KEYS = [(group, table, key) for group, found in ALL.items() for table in found for key in table.keys]


def table(group, kind="", name=None):
    (found,) = (one for one in ALL[group] if one.kind == kind and name in (None, one.name))
    return {key.name: key for key in found.keys}


@pytest.mark.parametrize(("group", "table", "key"), KEYS, ids=lambda thing: getattr(thing, "name", thing) or "head")
def test_every_key_has_a_meaning(group, table, key):
    assert len(key.meaning) > 2, f"[{table.name}] {table.kind}: {key.name} has no Field(description=...) or docstring"
    assert key.allowed not in ("", "value")


def test_every_declared_thing_is_there():
    now = tables()  # other tests have registered things of their own
    kinds = {group: {one for found in now[group] for one in found.kind.split(", ")} for group in now}
    assert kinds["data"] == {*registry.known("problems")}
    assert kinds["model"] == {*registry.known("families")}
    assert {found.name for found in now["measure"]} == {f"measure.{name}" for name in registry.known("measures")}
    for kind in registry.known("families"):
        assert {*registry.algorithms(registry.find_family(kind))} <= kinds["algorithms"]
    assert {*TABLES} - {"title", "seed", "plugins"} == {*ALL} - {"head"}
    assert PROFILES == ("smoke", "cpu")  # which the page names


def test_types_defaults_and_ranges_are_those_of_the_code():
    energy = table("measure", name="measure.local_energy")
    assert energy["realizations"].allowed == "integer from 1 to 10 000 000"
    assert energy["fractions"].default == "[0.01, 0.02, 0.05, 0.1]"
    assert energy["method"].allowed == '"sampled" or "exact"'
    manifold = table("data", "hidden-manifold")
    assert (manifold["n_inputs"].default, manifold["latent_dim"].default) == (REQUIRED, "501")
    assert manifold["alpha"].sweepable
    assert not manifold["teacher_kind"].sweepable
    sgd = next(one for one in ALL["algorithms"] if one.kind == "SGD" and "perceptron" in one.facts[0][1])
    keys = {key.name: key for key in sgd.keys}
    assert keys["ste_window"].allowed == "number from 1e-12 to 1e+12 or inf"
    assert keys["epochs"].allowed == "integer of at least 0"
    assert not keys["stop_at_zero_error"].sweepable


def test_meanings_are_read_from_sentences_too():
    @dataclass(frozen=True, kw_only=True)
    class Mine(bl.SGD):
        """Mine. tries, rate: two of them. kept: x.y.; as it is.

        Raises InvalidInputError on values out of range.
        """

        tries: int = 1
        rate: float = 1.0
        kept: bool = True

    found = meanings_of(Mine)
    assert found["tries"] == found["rate"] == "two of them"
    assert found["kept"] == "x.y.; as it is"
    assert found["epochs"] == "Passes over the patterns, 0 or more."
    assert {*found} == {field.name for field in fields(Mine)}
