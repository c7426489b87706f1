"""The command line `binland`. Bad input gives one line on stderr and exit code 2; `sweep` lists the other codes."""

import errno
import os
import signal
import sys
import warnings
from typing import Annotated, Any

import typer

from binland.commands.figures import plot, report
from binland.commands.files import export, merge
from binland.commands.info import info, show_config
from binland.commands.status import status
from binland.commands.sweep import sweep
from binland.console import complain, say
from binland.errors import BinlandError
from binland.extras import missing
from binland.interrupts import ENDING, leave
from binland.version import version

app = typer.Typer(
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
EXTRAS = {"plot": "plot", "report": "report"}  # extra of the installation by command; all other commands need "sweep"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)  # errors of writing to stdout


def _version(asked: bool) -> None:
    if asked:
        say(f"binland {version()}")
        raise typer.Exit


@app.callback()
def _binland(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Sweeps over binary neural networks: train, measure, store, plot."""


for command in (sweep, status, plot, report, export, merge, info, show_config):
    app.command()(command)


def run() -> None:
    """Run the command line; errors of binland and of the arguments give one line and exit code 2."""
    warnings.showwarning = _show_warning
    signal.signal(signal.SIGINT, leave)
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="binland", standalone_mode=False) or 0
        if code == 130:  # how typer reports Ctrl-C in a command that does not handle it
            raise KeyboardInterrupt
        sys.exit(code)
    except BinlandError as error:
        message = str(error)
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted; nothing is lost")
        sys.exit(130)
    except OSError as error:
        if error.filename is not None or error.errno not in NO_ROOM:
            raise
        _drop_output()
        message = f"the output cannot be written ({error.strerror}); free space, or write it elsewhere"
    except ModuleNotFoundError as error:
        message = _missing(error)
        if not message:
            raise
    except Exception as error:
        if not hasattr(error, "format_message"):  # errors of the argument parser have it
            raise
        message = f"{error.format_message().rstrip('.')}; see `binland --help`"
    complain(f"error: {message}")
    sys.exit(2)


def _missing(error: ModuleNotFoundError) -> str:
    """A line that says which extra to install for the command; "" if none has the missing module."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return missing(f"binland {command}", error, EXTRAS.get(command, "sweep"))


def _drop_output() -> None:
    """Throw away output that cannot be written, which Python would try to write again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Run the command line inside another program, and restore its signal handlers afterwards."""
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    complain(f"warning: {message}")
