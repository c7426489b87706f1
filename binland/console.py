"""Where messages go: errors and progress to stderr, tables to stdout, plain text off a terminal."""

from rich.console import Console

from binland.errors import one_line, printable

errors = Console(stderr=True, highlight=False, soft_wrap=True)
output = Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print a text on stdout; what a stranger wrote into it does nothing to the terminal."""
    output.print(printable(text), markup=False)


def complain(text: str) -> None:
    """Print one line on stderr."""
    errors.print(one_line(text), markup=False)
