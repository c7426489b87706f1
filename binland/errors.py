"""The package's exceptions: every message says what was given, what is allowed and what to do."""


class BinlandError(Exception):
    """Base of all errors the package raises on purpose; the command line prints its one line and exits 2."""


class InvalidInputError(BinlandError, ValueError):
    """An argument, an array or a configuration value that is not allowed."""


class DataError(BinlandError):
    """Data files that are missing, damaged or cannot be fetched."""


class StoreError(BinlandError):
    """A result file that is missing, foreign, of another configuration or not writable."""


class ClusterError(BinlandError):
    """Workers that cannot be reached, are lost or run another version; what is done is kept."""
