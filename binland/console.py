"""Where messages go: errors and progress to stderr, tables to stdout, plain text off a terminal."""

from rich.console import Console

errors = Console(stderr=True, highlight=False, soft_wrap=True)
output = Console(highlight=False, soft_wrap=True)
