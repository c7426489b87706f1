"""Pages with code: their blocks, and how they are run.

Blocks of a page run in its order, in one namespace and one folder of their own.

- `python` blocks are executed, `console` blocks are run by bash; what a `text` block right behind one shows must be
  what it prints, with `...` for whatever changes.
- A `{code-block}` with a `:caption:` is the file of that name. Other `toml` blocks are parts of a configuration, and
  are checked together with BASE.
- A comment `<!-- not run: reason -->` above a block keeps it from being run; tests/test_docs.py lists them all. A
  comment `<!-- slow -->` in a page makes its test a slow one.
- Blocks between `<!-- hidden` and `-->` are run, and not shown.
"""

import contextlib
import doctest
import io
import logging
import os
import re
import shlex
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from binland.cli import main
from binland.sweep.config import spec_of

BASE = """
[data]
latent_dim = 11
n_test = 50
[model]
kind = "committee"
n_hidden = 5
[grid]
n_inputs = [21, 31]
"""
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<word>\{code-block\} *)?(?P<language>[\w{}-]*)")
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->")
LANGUAGES = ("python", "console", "toml", "text", "yaml", "bash", "bibtex")
SIMPLE = re.compile(r"binland [^|&;<>$*]*(?: > [\w.]+)?")  # commands that need no shell
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A block of a page. caption: the file that it is. reason: why it is not run. printed: what it is to print."""

    line: int
    language: str
    text: str
    caption: str = ""
    reason: str = ""
    printed: str | None = None

    @property
    def runs(self) -> bool:
        return self.language in ("python", "console", "toml") and not self.reason


def blocks(page: Path) -> list[Block]:
    """Of a page, in its order."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    numbers = iter(range(len(lines)))
    last = -1  # the line on which the last block ended
    for number in numbers:
        match = FENCE.match(lines[number])
        if match is None:
            continue
        body, caption = [], ""
        for inner in numbers:
            if lines[inner].strip() == match["ticks"]:
                break
            body.append(lines[inner].removeprefix(match["indent"]))
        while body and (option := re.match(r":(\w+): *(.*)", body[0])):
            caption = option[2] if option[1] == "caption" else caption
            body.pop(0)
        language = match["language"]
        if language.startswith("{") or not language:
            last = inner
            continue
        text = "\n".join(body).strip("\n") + "\n"
        between = [line for line in lines[last + 1 : number] if line.strip()]
        if language == "text" and found and not between and found[-1].runs:
            found[-1] = found[-1]._replace(printed=text)
        else:
            mark = NOT_RUN.search(between[-1]) if between else None
            found.append(Block(number + 1, language, text, caption, mark[1] if mark else ""))
        last = inner
    return found


def is_slow(page: Path) -> bool:
    return "<!-- slow -->" in page.read_text(encoding="utf-8")


def run(page: Path, folder: Path) -> int:
    """Run the blocks of a page in a folder; the number of those that ran."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    count = 0
    with contextlib.chdir(folder), _importing_from(folder), _quiet():
        for block in blocks(page):
            if not block.runs:
                continue
            try:
                printed = _run(block, namespace)
            except Exception as error:
                raise AssertionError(f"{page.name}, line {block.line}: {type(error).__name__}: {error}") from error
            if block.printed is not None and not doctest.OutputChecker().check_output(block.printed, printed, FLAGS):
                raise AssertionError(f"{page.name}, line {block.line} prints\n{printed}\nand not\n{block.printed}")
            count += 1
    return count


def _run(block: Block, namespace: dict[str, object]) -> str:
    if block.caption:
        Path(block.caption).write_text(block.text, encoding="utf-8")
        if not block.caption.endswith(".toml"):
            return ""
        tomllib.loads(block.text)
        return ""
    if block.language == "toml":
        spec_of(_merged(tomllib.loads(BASE), tomllib.loads(block.text)), "the page")
        return ""
    return _python(block, namespace) if block.language == "python" else _console(block.text)


def _python(block: Block, namespace: dict[str, object]) -> str:
    code = compile("\n" * block.line + block.text, f"<page, line {block.line}>", "exec")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, namespace)
    return printed.getvalue()


def _console(text: str) -> str:
    if all(SIMPLE.fullmatch(line) for line in text.splitlines()):
        return "".join(map(_command, text.splitlines()))
    places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": places, "MPLBACKEND": "Agg", "COLUMNS": "100", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _command(line: str) -> str:
    """A command of binland in this process, which has imported everything already."""
    command, _, target = line.partition(" > ")
    code: object = 0
    with (
        mock.patch.object(sys, "argv", shlex.split(command, comments=True)),
        contextlib.redirect_stdout(io.StringIO()) as printed,
        contextlib.redirect_stderr(io.StringIO()) as complaints,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            main()
        except SystemExit as end:
            code = end.code
    if code:
        raise RuntimeError(f"exit code {code}\n{printed.getvalue()}{complaints.getvalue()}")
    if target:
        Path(target).write_text(printed.getvalue(), encoding="utf-8")
    return "" if target else printed.getvalue()


@contextlib.contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Modules of a page are found, and forgotten at its end."""
    before = {*sys.modules}
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in {*sys.modules} - before:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Figures are not shown, and are closed at the end; loggers have their former levels then."""
    import matplotlib.pyplot as plt

    loggers = [logging.getLogger(name) for name in ("binland", "deepbridge")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
        try:
            yield
        finally:
            plt.close("all")
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _merged(base: dict[str, object], more: dict[str, object]) -> dict[str, object]:
    """Tables with others laid over them; another kind of data or model begins with nothing."""
    merged = dict(base)
    for key, value in more.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and "kind" not in value:
            value = _merged(old, value)
        merged[key] = value
    return merged
