"""What goes wrong in encoders: a model that cannot be loaded, an input that cannot be embedded."""

from ..sensors.errors import SixsenseError


class ModelError(SixsenseError):
    """A model's files are missing, do not belong together, or do not hold what they should."""


class InputError(SixsenseError):
    """An array that is no usable input of its modality: wrong shape, type or units, or nothing in it."""


class DownloadError(SixsenseError):
    """A file cannot be fetched, or what came is not what was expected; what did come is kept."""
