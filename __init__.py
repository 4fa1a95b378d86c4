"""sixsense: streaming sensor fusion for robots and wearables in ImageBind's shared embedding space."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .encoders.model import load_model as load_model
    from .nodes.wire.subscriber import Subscriber as Subscriber

__version__ = "0.1.0"
__all__ = ["Subscriber", "__version__", "load_model"]

_HOMES = {"Subscriber": ".nodes.wire.subscriber", "load_model": ".encoders.model"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that a subscriber never pays for torch or ray."""
    if name not in _HOMES:
        raise AttributeError(f"module 'sixsense' has no attribute {name!r}; it has {', '.join(__all__)}")
    try:
        return getattr(import_module(_HOMES[name], __name__), name)
    except ModuleNotFoundError as error:
        text = f"sixsense.{name} needs {error.name}: pip install sixsense"
        raise ImportError(text, name=error.name) from error
