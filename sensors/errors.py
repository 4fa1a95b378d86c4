"""The errors a person can act on: what happened, where, which value, what to do next."""


class SixsenseError(Exception):
    """Base of every error that sixsense raises on purpose; the CLI prints it without a traceback."""


class SourceError(SixsenseError):
    """A device or a recording cannot be opened or read."""
