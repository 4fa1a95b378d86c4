"""What can be wrong on the wire, and between a client and a service."""

from ...sensors.errors import SixsenseError


class WireError(SixsenseError):
    """A message, topic or endpoint breaks the wire's rules; the text says which, where, and the value."""


class ControlError(SixsenseError):
    """The service refused a request, or did not answer it."""


class SubscriberTimeoutError(SixsenseError, TimeoutError):
    """Nothing that was asked for arrived in time."""
