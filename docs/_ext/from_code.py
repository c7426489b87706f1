"""What pages say that only the code knows: tables of a configuration, and the help of commands.

    ```{configuration} measure
    ```

shows every table of that name with every key, as `binland.sweep.reference` reads them off the code, and

    ```{command-help}
    ```

what each command of `binland` answers to --help.
"""

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from pygments.lexers.shell import BashLexer
from sphinx.util.docutils import SphinxDirective
from typer.testing import CliRunner

from binland.cli import app as commands
from binland.sweep.reference import REQUIRED, Key, Table, tables

NARROW = {"COLUMNS": "72", "TERMINAL_WIDTH": "72"}  # terminals
NAMED = ("model", "data", "algorithms", "symmetry")  # facts whose values are words of a configuration
HEAD = ["| key | value | meaning |", "|---|---|---|"]


class Configuration(SphinxDirective):
    """All tables of one name, a section each where there are several kinds."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Markdown, parsed where it stands."""
        found = tables()[self.arguments[0]]
        return self.parse_text_to_nodes("\n".join(_all(found)), allow_section_headings=True)


class CommandHelp(SphinxDirective):
    """Help of every command."""

    def run(self) -> list[nodes.Node]:
        """A section for each."""
        return self.parse_text_to_nodes("\n".join(_commands()), allow_section_headings=True)


def _all(found: list[Table]) -> Iterator[str]:
    for table in found:
        if len(found) > 1 or table.name.startswith(("measure.", "figure.")):
            yield from ("", f"({_anchor(table)})=", f"## {_headline(table)}", "")
        if table.meaning:
            yield from (_plain(table.meaning), "")
        for name, value in table.facts:
            yield f"- {name}: {_words(name, value)}"
        if table.keys:
            yield from ("", *HEAD, *map(_row, table.keys), "")
        else:
            yield from ("", "It has no keys.", "")


def _anchor(table: Table) -> str:
    where = table.facts[0][1] if table.name == "algorithms" else ""
    return "toml-" + re.sub(r"\W+", "-", f"{table.name}-{table.kind}-{where}").strip("-").lower()


def _headline(table: Table) -> str:
    if table.name == "algorithms":
        models = table.facts[0][1].split(", ")
        return f"`{table.kind}` of {' and '.join((', '.join(models[:-1]), models[-1])) if models[1:] else models[0]}"
    kinds = " or ".join(f'"{kind}"' for kind in table.kind.split(", ")) if table.kind else ""
    return (
        f"`[{table.name}]`"
        + (f" with `kind = {kinds}`" if kinds and table.name != "compute" else "")
        + (f" of {kinds}" if table.name == "compute" else "")
    )


def _words(name: str, value: str) -> str:
    return ", ".join(f"`{word}`" for word in value.split(", ")) if name.startswith(NAMED) else value


def _row(key: Key) -> str:
    mark = " \N{LEFT RIGHT ARROW}" if key.sweepable else ""
    default = "; **required**" if key.default == REQUIRED else f"; default `{key.default}`" if key.default else ""
    allowed = re.sub(r'("[^"]*")', r"`\1`", key.allowed)
    meaning = key.meaning.rstrip(".")
    if re.match("[a-z]{2}", meaning):
        meaning = meaning[0].upper() + meaning[1:]
    cells = f"`{key.name}`{mark}", allowed + default, meaning
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    return _plain(text).replace("|", r"\|")


def _plain(text: str) -> str:
    """Text in which nothing but code is markup."""
    parts = re.split(r"(`[^`]*`|\*\*required\*\*)", text)
    return "".join(part if part.startswith(("`", "**")) else re.sub(r"([*_\[\]<>$])", r"\\\1", part) for part in parts)


def _commands() -> Iterator[str]:
    runner = CliRunner()
    for command in commands.registered_commands:
        name = command.name or command.callback.__name__.replace("_", "-")  # type: ignore[union-attr]
        text = runner.invoke(commands, [name, "--help"], prog_name="binland", env=NARROW).output
        yield from ("", f"## `binland {name}`", "", "```text", text.strip("\n"), "```")


def _as_meant(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """In the text of a docstring |x| is a norm, (P, *shape) a shape, and `.errors` code."""
    if not any(".. math::" in line for line in lines):
        lines[:] = [line if line.lstrip().startswith((">>>", "*")) else _escaped(line) for line in lines]


def _escaped(line: str) -> str:
    parts = re.split(r"(``[^`]*``|:\w+:`[^`]*`|`[^`]*`)", line)
    return "".join(_code(part) if "`" in part else _text(part) for part in parts)


def _code(part: str) -> str:
    return f"`{part}`" if part.startswith("`.") else part


def _text(part: str) -> str:
    part = re.sub(r"(?<!\\)\|", r"\\|", part)
    return re.sub(r"(?<=[(\s,\[])(\*{1,2})(?=\w)(?![^*]*\w\*)", lambda found: "\\" + "\\".join(found[1]), part)


def setup(app: Any) -> dict[str, bool]:
    """Both directives, and docstrings as they are meant."""
    app.add_directive("configuration", Configuration)
    app.add_directive("command-help", CommandHelp)
    app.add_lexer("console", BashLexer)  # there are no prompts, so that commands can be copied
    app.connect("autodoc-process-docstring", _as_meant, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
