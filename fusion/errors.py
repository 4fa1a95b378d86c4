"""What fusion refuses, as errors a person can act on."""

from ..sensors.errors import SixsenseError


class FusionError(SixsenseError):
    """An input, an embedding or a model card that fusion cannot work with."""


class QueryError(FusionError):
    """A standing query that this space cannot match."""
