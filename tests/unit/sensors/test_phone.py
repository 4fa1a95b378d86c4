"""A phone's pushes over HTTP on loopback: units, signs, order, and who may push."""

import http.client
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.device import DeviceError, DeviceFailedError, Reading
from sixsense.sensors.phone import MAX_BODY, Phone
from sixsense.sensors.phone_push import Motion, PushError, parse
from sixsense.sensors.sample import NS

MS = NS // 1000
START = 1_700_000_000 * NS
PHONE = START - 3600 * NS
"""What the phone's clock says at START."""


def entry(name: str, time_ns: int, x: float, y: float, z: float) -> dict:
    return {"name": name, "time": time_ns, "values": {"z": z, "y": y, "x": x}}


def body(*entries: object, device: str = "d1") -> bytes:
    return json.dumps({"messageId": 1, "sessionId": "s", "deviceId": device, "payload": entries}).encode()


def still(since_ns: int, count: int = 10, sign: float = 1.0) -> list[dict]:
    """A phone that lies on its back: nothing but gravity, and a turn about z."""
    times = [since_ns + k * 10 * MS for k in range(count)]
    return [
        one
        for t in times
        for one in (
            entry("gyroscope", t, 0, 0, 0.5),
            entry("accelerometer", t, 0.25 * sign, 0, 0),
            entry("gravity", t, 0, 0, 9.75 * sign),
        )
    ]


@pytest.fixture
def phone():
    made: list[Phone] = []

    def make(**options: object) -> Phone:
        made.append(Phone(**{"clock": ManualClock(START), "port": 0, **options}))  # type: ignore[arg-type]
        made[-1].open()
        return made[-1]

    yield make
    for one in made:
        one.close()


def push(phone: Phone, data: bytes, path: str = "/", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", phone.port, timeout=5)
    try:
        connection.request("POST", path, data, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def settled(phone: Phone) -> dict[str, Reading]:
    phone._clock.advance(50 * MS)  # type: ignore[attr-defined]
    return {reading.stream: reading for reading in phone.read(0)}


@pytest.mark.parametrize(("platform", "sign"), [("android", 1.0), ("ios", -1.0)])
def test_acceleration_is_with_gravity_upwards_on_both_platforms(phone, platform: str, sign: float) -> None:
    one = phone(platform=platform)
    assert push(one, body(*still(PHONE, sign=sign))) == (200, "ok\n")
    got = settled(one)
    assert set(got) == {"accelerometer", "gyroscope"}
    assert got["accelerometer"].data == pytest.approx(np.tile([0.25, 0, 9.75], (10, 1)))
    assert got["gyroscope"].data == pytest.approx(np.tile([0, 0, 0.5], (10, 1)))


def test_its_clock_is_taken_as_it_is_seen_from_here(phone) -> None:
    one = phone()
    push(one, body(*still(PHONE)))
    stamps = settled(one)["gyroscope"].stamps
    assert stamps is not None
    assert stamps.tolist() == [START - (9 - k) * 10 * MS for k in range(10)]


def test_a_batch_that_was_overtaken_comes_in_its_place(phone) -> None:
    one = phone()
    push(one, body(*still(PHONE + 100 * MS)))
    assert one.read(0) == []
    push(one, body(*still(PHONE)))
    reading = settled(one)["gyroscope"]
    assert reading.stamps is not None
    assert len(reading.stamps) == 20
    assert (np.diff(reading.stamps) == 10 * MS).all()


def test_total_acceleration_needs_no_gravity_and_acceleration_without_is_counted(phone) -> None:
    one = phone(name="wrist")
    push(one, body(entry("accelerometer", PHONE, 1, 2, 3)))
    assert settled(one) == {}
    assert one.counts() == {"wrist.accelerometer": {"no gravity": 1}}
    push(one, body(entry("TotalAcceleration", PHONE + MS, 1, 2, 12)))
    assert settled(one)["wrist.accelerometer"].data.tolist() == [[1, 2, 12]]


def test_other_sensors_are_passed_over_and_malformed_entries_counted(phone) -> None:
    one = phone()
    bad = [
        {"name": "gyroscope"},
        {"name": "gyroscope", "time": -1, "values": {"x": 1, "y": 1, "z": 1}},
        {"name": "gyroscope", "time": PHONE, "values": {"x": "1", "y": 1, "z": 1}},
        {"name": "gyroscope", "time": PHONE, "values": {"x": 1e30, "y": 1, "z": 1}},
        {"name": "gyroscope", "time": PHONE, "values": [1, 2, 3]},
        7,
    ]
    light = {"name": "light", "time": PHONE, "values": {"lux": 3}}
    assert push(one, body(*bad, light, entry("gyroscope", PHONE, 1, 2, 3)))[0] == 200
    assert settled(one)["gyroscope"].data.tolist() == [[1, 2, 3]]
    assert one.counts() == {"accelerometer": {"malformed": 6}}


@pytest.mark.parametrize("data", [b"", b"{}", b"[", b'{"payload": 3}', b"\xff\xfe", b"[" * 10_000])
def test_what_is_no_push_is_refused_with_the_reason(phone, data: bytes) -> None:
    one = phone()
    status, text = push(one, data)
    assert (status, "no push of Sensor Logger" in text) == (400, True)
    assert one.counts()["accelerometer"] == {"malformed": 1}


def test_only_who_knows_the_token_may_push_and_no_web_page(phone) -> None:
    one = phone(token="secret", id="d1")
    good = body(*still(PHONE))
    assert push(one, good, "/secret")[0] == 200
    assert push(one, good, "/")[0] == 403
    assert push(one, good, "/secreT")[0] == 403
    assert push(one, good, "/secret", Origin="http://evil.example")[0] == 403
    assert "only 'd1'" in push(one, body(device="d2"), "/secret")[1]
    assert one.counts()["accelerometer"] == {"refused": 4}


def test_a_push_without_or_beyond_a_size_is_refused_unread(phone) -> None:
    one = phone()
    assert push(one, b"", **{"Content-Length": str(MAX_BODY + 1)})[0] == 413
    assert push(one, b"", **{"Content-Length": "-5"})[0] == 413


def test_beyond_this_machine_it_needs_a_token() -> None:
    with pytest.raises(DeviceFailedError, match="add `token`"):
        Phone(clock=ManualClock(), host="0.0.0.0")
    assert Phone(clock=ManualClock(), host="0.0.0.0", token="secret").streams
    with pytest.raises(DeviceFailedError, match="android, ios"):
        Phone(clock=ManualClock(), platform="windows")


def test_an_address_in_use_says_so_and_a_closed_one_is_free_again(phone) -> None:
    one = phone()
    port = one.port
    with pytest.raises(DeviceError, match="choose another"):
        phone(port=port)
    one.close()
    assert phone(port=port).port == port


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)
ENTRIES = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["gyroscope", "gravity", "Accelerometer", "x"]),
        "time": JSON | st.integers(0, 99),
    },
    optional={"values": JSON | st.fixed_dictionaries(dict.fromkeys("xyz", JSON))},
)


@given(
    st.binary(max_size=200)
    | st.builds(lambda p: json.dumps({"payload": p}).encode(), st.lists(ENTRIES | JSON))
)
def test_whatever_is_pushed_gives_rows_or_a_reason(data: bytes) -> None:
    motion = Motion("ios", 0)
    try:
        motion.add(parse(data), 0)
    except PushError:
        return
    for times, rows in motion.release(0).values():
        assert (np.diff(times) >= 0).all()
        assert np.isfinite(rows).all()


@given(st.permutations(range(12)), st.integers(1, 4))
def test_the_order_of_batches_within_the_lateness_does_not_matter(order: list[int], size: int) -> None:
    motion = Motion("android", 40 * MS)
    for at in range(0, 12, size):
        entries = [one for k in order[at : at + size] for one in still(PHONE + k * 100 * MS)]
        motion.add(parse(body(*entries)), at * MS)
    released = motion.release(60 * MS)
    for times, rows in released.values():
        assert times.tolist() == [PHONE + k * 10 * MS for k in range(120)]
        assert (rows == rows[0]).all()
