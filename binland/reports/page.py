"""`report`: one HTML file about one or several sweeps, which needs neither network nor a server."""

import json
import shlex
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from binland.checks import checked_path, true_or_false
from binland.disk import write_new
from binland.errors import InvalidInputError, shown
from binland.extras import needed_by
from binland.plots.chart import Entry
from binland.plots.charts import charts_of, panels_of
from binland.plots.formulas import in_unicode
from binland.plots.results import Results, read
from binland.plots.statements import verdicts
from binland.plots.style import style
from binland.plots.text import headline, of_sweep, short
from binland.reports.sections import averages, paths_of, progress, sections_of
from binland.reports.swatches import swatch
from binland.sweep.contracts.statement import Statement
from binland.sweep.info import configuration_text, facts
from binland.version import version

MOST_FILES = 4
SHOWN = ("created", "host", "processor", "platform", "python", "command", "git", "code")


def report(
    paths: str | Path | Sequence[str | Path],
    out: str | Path,
    theory: bool = False,
    statements: Sequence[Statement] | None = None,
) -> Path:
    """Write an HTML page about a sweep, or about several side by side, that opens in any browser without network.

    It shows the configuration, versions and progress of each sweep; all figures, interactive: numbers appear under the
    mouse, algorithms, symmetry states and sizes can be switched on and off; errors along every single path; tables with
    error bars; whether the statements of the configuration (``[[figure.statements]]``) hold; and how to cite and repeat
    the sweep.

    Parameters
    ----------
    paths : str, pathlib.Path or a sequence of 1 to 4 of them
        HDF5 files of sweeps, finished or not.
    out : str or pathlib.Path
        The HTML file, which must not exist yet.
    theory : bool, default False
        Whether to add curves of theory and closed forms.
    statements : sequence of Statement, optional
        Statements to check instead of those in the configurations of the files.

    Returns
    -------
    pathlib.Path
        The HTML file.

    Raises
    ------
    StoreError
        If a file is missing, not a file of binland's results or without a finished task, or `out` exists already or
        cannot be written.
    InvalidInputError
        If there are no files or too many, or an argument is not allowed.

    Examples
    --------
    >>> import binland as bl
    >>> bl.report("fig6.h5", "fig6.html")  # doctest: +SKIP
    >>> bl.report(["fig6.h5", "fig18.h5"], "both.html", theory=True)  # doctest: +SKIP
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if not 1 <= len(given) <= MOST_FILES:
        raise InvalidInputError(f"{len(given)} files: give 1 to {MOST_FILES}")
    if statements is not None and not all(isinstance(one, Statement) for one in _listed(statements)):
        raise InvalidInputError(f"statements={shown(statements)}: give a list of binland.sweep.contracts Statements")
    target = checked_path("out", out)
    sweeps = [read(path, true_or_false("theory", theory)) for path in given]
    write_new(target, page(sweeps, statements).encode())
    return target


def _listed(given: Any) -> Sequence[Any]:
    """A list or a tuple as it is; something that holds no statement instead of anything else."""
    return given if isinstance(given, list | tuple) else (given,)


def page(sweeps: Sequence[Results], statements: Sequence[Statement] | None = None) -> str:
    """The HTML text of the page."""
    with needed_by("binland.report", "report"):
        from jinja2 import Environment
        from plotly.offline import get_plotlyjs

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    parts = [_sweep(results, statements) for results in sweeps]
    return environment.from_string(_resource("page.html")).render(
        sweeps=parts,
        names=list(dict.fromkeys(section["name"] for sweep in parts for section in sweep["sections"])),
        switches=_switches(sweeps),
        differences=_differences(sweeps),
        style=_resource("page.css"),
        script=_resource("page.js"),
        plotly=get_plotlyjs(),
        data=_json([_data(sweep) for sweep in parts]),
        version=version("binland"),
    )


def _resource(name: str) -> str:
    return files("binland.reports").joinpath(name).read_text(encoding="utf-8")


def _json(data: Any) -> str:
    """JSON that is safe inside a script element of HTML."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _sweep(results: Results, statements: Sequence[Statement] | None) -> dict[str, Any]:
    """Everything that the template needs about one file."""
    made = facts(results.path)
    charts = charts_of(results)
    panels = {name: panel for name, (_, panel) in panels_of(results, charts).items()}
    title, about = headline(results, of_sweep(results).rstrip(";") + ".")
    return {
        "file": results.path.name,
        "quoted": shlex.quote(results.path.name),
        "title": in_unicode(title),
        "about": about,
        "facts": [(name, made[name]) for name in SHOWN if name in made],
        "versions": [(name.removeprefix("version_"), made[name]) for name in made if name.startswith("version_")],
        "seed": results.settings.get("seed", ""),
        "runs": _runs(made.get("runs", "[]")),
        "progress": progress(results),
        "toml": configuration_text(results.path),
        "verdicts": verdicts(results, panels, statements),
        "averages": averages(results),
        "sections": sections_of(results, charts),
        "paths": paths_of(results),
    }


def _runs(text: str) -> list[Mapping[str, Any]]:
    """The runs that made a file, the newest last, read from JSON text; empty if it cannot be read."""
    try:
        runs = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []


def _data(sweep: Mapping[str, Any]) -> dict[str, Any]:
    """Figures and paths of one file for the script of the page."""
    figures = {section["name"]: [view["panels"] for view in section["views"]] for section in sweep["sections"]}
    return {"figures": figures, "paths": sweep["paths"]}


def _switches(sweeps: Sequence[Results]) -> dict[str, Any]:
    """What can be switched on and off: algorithms and symmetry states."""
    labels = dict.fromkeys(label for results in sweeps for label in results.labels)
    states = list(dict.fromkeys(state for results in sweeps for state in results.states))
    return {"algorithm": [_switch(sweeps, label) for label in labels], "symmetry": states if len(states) > 1 else []}


def _switch(sweeps: Sequence[Results], label: str) -> dict[str, str]:
    """The switch of an algorithm; with its look, unless it has another one in each file."""
    looks = {style(results, label) for results in sweeps if label in results.labels}
    shown = swatch(Entry(label, looks.pop())) if len(looks) == 1 else ""
    return {"label": label, "name": in_unicode(short(label)), "swatch": shown}


def _differences(sweeps: Sequence[Results]) -> list[list[str]]:
    """Settings in which the files differ: rows of a key and its value in every file."""
    tables = [_flat(results.settings) for results in sweeps]
    keys = dict.fromkeys(key for table in tables for key in table)
    rows = [[key, *(table.get(key, "") for table in tables)] for key in keys]
    return [row for row in rows if len({*row[1:]}) > 1]


def _flat(table: Any, before: str = "") -> dict[str, str]:
    if not isinstance(table, Mapping):
        return {before.rstrip("."): json.dumps(table, default=str)}
    return {key: text for name, inner in table.items() for key, text in _flat(inner, f"{before}{name}.").items()}
