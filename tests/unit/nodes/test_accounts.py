"""A stream's equation over its epochs: sources that die, loops without end, receivers that are new."""

from hypothesis import given
from hypothesis import strategies as st
from sixsense.encoders.card import WindowSpec
from sixsense.encoders.track import Ledger
from sixsense.encoders.windower import InputSpec, Windower
from sixsense.nodes.accounts import OPEN_EPOCHS, Accounts
from sixsense.nodes.control import Produced, Report, StreamLedger, pack, unpack
from sixsense.sensors.sample import NS, End, StreamInfo

CAMERA = StreamInfo(stream="camera", modality="vision", encoding="jpeg", rate_hz=30, clock="host")


def source(epoch: int, items: int) -> Report:
    mine = (Produced(stream="camera", epoch=epoch, items=items, causes={}, unsent={"slot": 1}),)
    return Report(name="ingest", epoch=1, done=False, cpu_s=0, since_ns=0, produced=mine)


def receiver(ledgers: dict[int, Ledger]) -> Report:
    entries = tuple(StreamLedger(stream="camera", epoch=e, ledger=ledger) for e, ledger in ledgers.items())
    return Report(name="encode", epoch=1, done=False, cpu_s=0, since_ns=0, ledgers=entries)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=3 * OPEN_EPOCHS))
def test_however_many_epochs_a_source_had_nothing_that_it_produced_is_forgotten(
    epochs: list[tuple[int, int]],
) -> None:
    accounts, newest = Accounts([CAMERA]), dict[int, Ledger]()
    for epoch, (produced, missed) in enumerate(epochs):
        got = max(0, produced - missed)
        newest[epoch] = Ledger(known=got, received=got, windowed=got)
        newest = dict(list(newest.items())[-64:])
        accounts.note(source(epoch, produced))
        accounts.note(receiver(newest))
    camera = accounts.streams([])["camera"]
    received = sum(max(0, produced - missed) for produced, missed in epochs)
    lost = sum(min(produced, missed) for produced, missed in epochs[:-1])
    assert camera.received == camera.windowed == received
    assert sum(camera.lost_in_transport.values()) == lost
    assert camera.produced == received + lost + min(epochs[-1])


def test_a_loop_s_report_stays_small() -> None:
    spec = InputSpec(name="camera", modality="vision", members=(CAMERA,))
    windower = Windower(spec, WindowSpec(length_ns=NS, hop_ns=NS))
    for epoch in range(5000):
        windower.feed(End(stream="camera", epoch=epoch, items=3))
    report = receiver({epoch: ledger for (_, epoch), ledger in windower.ledgers().items()})
    assert max(entry.epoch for entry in report.ledgers) == 4999
    assert isinstance(unpack(pack(report)), Report)
