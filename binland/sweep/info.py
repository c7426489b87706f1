"""How a result file was made, and its configuration as a TOML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from binland.sweep import registry
from binland.sweep.store.layout import SCHEMA
from binland.sweep.store.opening import attribute, attributes, opened
from binland.sweep.store.store import Store

NOT_SHOWN = ("config", "layout", "file_id")
FIRST = ("title", "schema", "created", "git", "command", "host", "python")


def facts(path: str | Path) -> dict[str, str]:
    """Provenance of a file of results: attributes by name, most important first. Raises StoreError on a bad file."""
    store = Store.open(path)
    with opened(store.path) as file:
        found = attributes(store.path, file)
    order = [*(name for name in FIRST if name in found), *sorted(found.keys() - {*FIRST})]
    return {name: found[name] for name in order if name not in NOT_SHOWN}


def file_id(path: str | Path) -> str:
    """What tells a result file from every other, and stays when it grows or is renamed; StoreError on a bad file."""
    store = Store.open(path)
    with opened(store.path) as file:
        return attribute(store.path, file, "file_id") or ""


def configuration_text(path: str | Path) -> str:
    """The configuration of a file of results as TOML with every setting; it describes the same sweep."""
    store = Store.open(path)
    settings = dict(store.settings)
    measured = settings.get("measure")
    if isinstance(measured, Mapping) and store.schema == SCHEMA:  # older ones name only some
        off = {name: False for name, measure in registry.measures().items() if measure.by_default}
        settings["measure"] = off | dict(measured)
    return tomli_w.dumps(_without_none(settings))


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table without values that are None and without empty tables, since TOML has no null."""
    kept = {key: _plain(value) for key, value in table.items()}
    return {key: value for key, value in kept.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return _without_none(value) if isinstance(value, Mapping) else value
