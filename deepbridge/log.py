"""The package's logger: it tells nobody anything until a program configures `logging`."""

import logging

logger = logging.getLogger("deepbridge")
logger.addHandler(logging.NullHandler())  # else Python would print warnings of a logger that nobody configured
