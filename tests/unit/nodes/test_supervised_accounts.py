"""What the supervisor tells of sources and sensors: counts by cause, transitions, what devices know."""

from sixsense.encoders.track import Ledger
from sixsense.nodes.control import Changed, Produced, RunState, StreamLedger
from sixsense.sensors.liveness import SensorStatus
from sixsense.sensors.sample import NS, StreamInfo
from supervised import BODIES, CAMERA, UNIX, changed, register, report, started, states


def test_it_is_over_when_everything_has_come_through_and_the_counts_are_exact() -> None:
    one, _ = started()
    ledger = Ledger(known=90, received=80, lost=10, windowed=70, skipped={"tail": 10})
    one.take(
        report("ingest", done=True, produced=(Produced(stream="camera", epoch=1, items=90, causes={}),)), 0
    )
    entry = StreamLedger(stream="camera", epoch=1, ledger=ledger)
    one.take(report("encode", done=True, ledgers=(entry,)), 0)
    assert not one.over
    out = one.take(report("fuse", done=True), 0)
    assert all(state.over for state in states(out).values())
    final = one.statuses[-1]
    assert final.final
    camera = final.streams["camera"]
    assert camera.produced == camera.received + sum(camera.lost_in_transport.values()) == 90
    assert camera.received == camera.windowed + sum(camera.skipped.values()) + camera.late + camera.pending


def test_what_a_dead_source_had_produced_and_nobody_received_is_lost_to_the_outage() -> None:
    one, _ = started()
    one.take(report("ingest", produced=(Produced(stream="camera", epoch=1, items=90, causes={}),)), 0)
    one.take(register("ingest", epoch=2), 0)
    second = (Produced(stream="camera", epoch=2, items=5, causes={}),)
    one.take(report("ingest", epoch=2, produced=second), 0)
    ledgers = (
        StreamLedger(stream="camera", epoch=1, ledger=Ledger(known=80, received=80, windowed=80)),
        StreamLedger(stream="camera", epoch=2, ledger=Ledger(known=5, received=5, pending=5)),
    )
    one.take(report("encode", ledgers=ledgers), 0)
    one.tick(100 * NS)
    camera = one.statuses[-1].streams["camera"]
    assert (camera.produced, camera.received, camera.lost_in_transport) == (95, 85, {"outage": 10})


def test_what_a_source_says_of_a_track_outside_the_plan_is_noted() -> None:
    one, _ = started()
    odd = Produced(stream="microphone", epoch=1, items=0, causes={"undecodable": 1})
    one.take(report("ingest", produced=(odd,)), 0)
    one.tick(100 * NS)
    assert "microphone: undecodable 1" in one.statuses[-1].notes


def test_each_transition_of_a_sensor_is_in_one_status_which_is_published_at_once() -> None:
    one, _ = started()
    sensors = {"imu": SensorStatus(state="RUNNING", since_ns=UNIX, rate_hz=100.0)}
    one.take(report("ingest", sensors=sensors), 6 * NS)
    one.take(changed(UNIX + 7 * NS, "STALE", "nothing for 0.4 s"), 7 * NS)
    one.tick(9 * NS)
    one.take(changed(UNIX + 10 * NS, "RUNNING"), 10 * NS)
    told = [(s.stamp_ns - one.offset_ns, [c.state for c in s.changes]) for s in one.statuses]
    assert told == [(7 * NS, ["STALE"]), (9 * NS, []), (10 * NS, ["RUNNING"])]
    assert one.statuses[0].sensors["imu"] == SensorStatus(
        state="STALE", since_ns=UNIX + 7 * NS, reason="nothing for 0.4 s", rate_hz=100.0
    )


def test_what_an_opened_device_knows_better_is_told_to_every_node() -> None:
    one, _ = started()
    known = StreamInfo(**{f: getattr(CAMERA, f) for f in CAMERA.__struct_fields__} | {"fx": 600.0})
    out = one.take(Changed(name="ingest", epoch=1, infos=(known,)), 6 * NS)
    assert {name: wish.infos for name, wish in out if isinstance(wish, RunState)} == dict.fromkeys(
        BODIES, (known,)
    )
    assert one.statuses == []


def test_what_a_source_never_sent_is_lost_by_its_cause() -> None:
    one, _ = started()
    ledger = Ledger(known=100, received=90, lost=10, pending=90)
    one.take(report("encode", ledgers=(StreamLedger(stream="camera", epoch=1, ledger=ledger),)), 6 * NS)
    source = Produced(stream="camera", epoch=1, items=100, causes={}, unsent={"slot": 7, "queue": 0})
    one.take(report("ingest", produced=(source,)), 6 * NS)
    one.tick(8 * NS)
    assert one.statuses[-1].streams["camera"].lost_in_transport == {"slot": 7, "outage": 3}


def test_what_was_received_before_the_receiver_was_started_again_is_not_lost() -> None:
    one, _ = started()

    def produced(epoch: int, items: int) -> None:
        mine = (Produced(stream="camera", epoch=epoch, items=items, causes={}),)
        one.take(report("ingest", epoch=epoch, produced=mine), 6 * NS)

    def received(process: int, **epochs: Ledger) -> None:
        entries = (
            StreamLedger(stream="camera", epoch=int(e.removeprefix("epoch")), ledger=ledger)
            for e, ledger in epochs.items()
        )
        one.take(report("encode", epoch=process, ledgers=tuple(entries)), 6 * NS)

    produced(1, 90)
    received(1, epoch1=Ledger(known=90, received=90, windowed=90))
    one.take(register("ingest", epoch=2), 6 * NS)
    produced(2, 20)
    received(
        1,
        epoch1=Ledger(known=90, received=90, windowed=90),
        epoch2=Ledger(known=20, received=20, windowed=20),
    )
    one.take(register("encode", epoch=2), 6 * NS)
    produced(2, 50)
    received(2, epoch2=Ledger(base=25, known=25, received=25, windowed=25))
    one.tick(8 * NS)
    camera = one.statuses[-1].streams["camera"]
    assert (camera.produced, camera.received, camera.lost_in_transport) == (25, 25, {})
