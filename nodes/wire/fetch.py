"""The snapshot that a greeting offers, asked for without waiting."""

from collections.abc import Sequence

from .control import ControlClient, split_messages
from .errors import ControlError
from .hello import Hello
from .verbs import Snapshot


class Fetch:
    """One snapshot of `topics` on its way, waited for until `until_ns`; the client is closed with it.

    Raises SixsenseError when the greeting's endpoint takes no request.
    """

    def __init__(
        self, client: ControlClient, hello: Hello, topics: tuple[str, ...], *, until_ns: int
    ) -> None:
        self.until_ns, self._positions = until_ns, hello.positions
        self._client = client
        self.socket = self._client.socket
        self._request_id = self._client.send(Snapshot(topics=topics))

    def has(self, name: str, epoch: int, seq: int) -> bool:
        """Whether a numbered message is the greeting's; what was published after it arrives by itself."""
        return self._positions.get(name) == (epoch, seq)

    def take(self, now_ns: int) -> list[Sequence[bytes]] | None:
        """The messages, each as its frames; None while they are on their way.

        Raises SixsenseError when they will not come.
        """
        if reply := self._client.receive(self._request_id):
            return split_messages(reply)
        if now_ns < self.until_ns:
            return None
        raise ControlError(f"{self._client.endpoint} did not answer in time")

    def close(self) -> None:
        """Forget it."""
        self._client.close()
