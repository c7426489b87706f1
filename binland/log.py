"""The logger of the package, silent until a program configures `logging`."""

import logging

logger = logging.getLogger("binland")
logger.addHandler(logging.NullHandler())  # without it Python prints warnings of loggers that are not configured
