"""Hello: what a service tells everyone who has just subscribed."""

import msgspec


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """Where to ask for a snapshot, and from where on messages arrive by themselves.

    `epoch` is new at every start of the publisher. `positions` has `(epoch, seq)` of the newest message of
    each topic that counts: everything later reaches the new subscriber, so a gap after it is a loss.
    `now_ns` is the service's timeline, the one of every `trace`.
    """

    control: str
    epoch: int
    now_ns: int
    positions: dict[str, tuple[int, int]] = {}
