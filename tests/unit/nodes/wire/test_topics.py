"""Topic names, patterns and the table of kinds."""

import pytest
from sixsense.nodes.wire.errors import WireError
from sixsense.nodes.wire.topics import (
    KINDS,
    RESULTS_HWM,
    Topic,
    parse_pattern,
    parse_topic,
    topic_name,
)


@pytest.mark.parametrize(
    ("pattern", "topic", "is_match"),
    [
        ("embedding", "embedding/r1/camera/", True),
        ("embedding/r1", "embedding/r1/camera/", True),
        ("embedding/r1", "embedding/r10/camera/", False),
        ("embedding/r1/camera", "embedding/r1/camera/", True),
        ("embedding/r1/camera/", "embedding/r1/camera2/", False),
        ("match", "embedding/r1/camera/", False),
    ],
)
def test_a_pattern_matches_name_by_name(pattern: str, topic: str, is_match: bool) -> None:
    wanted, name = parse_pattern(pattern), topic.encode()
    assert wanted.matches(parse_topic(name)) is is_match
    assert name.startswith(wanted.prefix) is is_match


def test_robot_narrows_a_pattern() -> None:
    assert parse_pattern("match", "r1") == Topic("match", "r1") == parse_pattern("match/r1", "r1")
    with pytest.raises(WireError, match="another robot"):
        parse_pattern("match/r2", "r1")


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("mtach", "did you mean 'match'"),
        ("", "there are sample"),
        ("match/r1/fused/x", "expected <kind>"),
        ("match//fused", "robot '' cannot"),
        ("match/r 1", "robot 'r 1' cannot"),
    ],
)
def test_a_bad_pattern_says_what_is_wrong(pattern: str, says: str) -> None:
    with pytest.raises(WireError, match=says):
        parse_pattern(pattern)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"match",
        b"match/r1/fused",
        b"match/r1//",
        b"nope/r1/a/",
        b"match/r1/\xff/",
        b"hello/r1/x/",
        b"match/r1/" + b"a" * 300 + b"/",
        b"match/r1/fused/\n",
    ],
)
def test_a_bad_topic_is_refused(frame: bytes) -> None:
    with pytest.raises(WireError):
        parse_topic(frame)


def test_hello_has_no_stream() -> None:
    assert topic_name("hello", "r1", "") == b"hello/r1/"
    assert parse_topic(b"hello/r1/") == Topic("hello", "r1", "")


def test_queues_are_bounded_in_bytes() -> None:
    for row in KINDS.values():
        assert row.hwm * row.message_bytes <= row.queue_bytes
    assert min(KINDS[kind].hwm for kind in ("fused", "embedding", "status")) >= RESULTS_HWM
