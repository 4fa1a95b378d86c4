"""A recorded log in others' viewers: Rerun shows every stream, the shipped Foxglove layout what is in it."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from rosbags.typesys import get_types_from_msg
from sixsense.fusion.fused import Fused, Match
from sixsense.launch.config import CONFIGS, load_config
from sixsense.launch.plan import plan_run
from sixsense.nodes.record import RESULTS
from sixsense.nodes.wire.status import Status
from sixsense.sensors.mcap.cdr import definition, type_name
from sixsense.sensors.mcap.head import OWN, Head, put_event, put_head
from sixsense.sensors.mcap.samples import message_type
from sixsense.sensors.mcap.writer import LogWriter

SHOWN = {
    "camera": "EncodedImage:blob",
    "front": "Image:buffer",
    "depth": "DepthImage:buffer",
    "thermal": "DepthImage:buffer",
    "imu": "Scalars:scalars",
    "mic": "RawAudio:message",
}
"""By stream of the made-up sources: what Rerun makes of it. Of sound it has no view: it keeps the message."""


@pytest.mark.skipif(find_spec("rerun") is None, reason="rerun-sdk is not installed")
def test_rerun_shows_every_stream(tmp_path: Path, sources) -> None:
    path, rrd = tmp_path / "a.mcap", tmp_path / "a.rrd"
    log = LogWriter(path)
    put_head(log, Head(run=1, part=0, robot="r", offset_ns=5, streams=sources.infos), sources.start_ns)
    for event in sources.told(2):
        put_event(log, event)
    log.close()
    _rerun("mcap", "convert", str(path), "-o", str(rrd))
    chunks = re.findall(
        r" with (\d+) rows .* - /(\w+) - data columns: \[(.*)\]", _rerun("rrd", "print", str(rrd))
    )
    for stream, component in SHOWN.items():
        rows = sum(int(count) for count, name, columns in chunks if name == stream and component in columns)
        assert rows >= 20, f"{stream} as {component}: {rows} rows"


def test_the_shipped_foxglove_layout_shows_what_a_log_of_the_demo_has() -> None:
    layout = json.loads((CONFIGS / "foxglove.json").read_text())
    sources = [
        source for node in plan_run(load_config("demo")).nodes for source in getattr(node.body, "sources", ())
    ]
    types = {
        f"/{info.stream}": message_type(info.modality, info.encoding)
        for source in sources
        for info in source.streams
    }
    types |= {f"{OWN}{RESULTS[type_][0]}": type_ for type_ in (Fused, Match, Status)}
    paths = list(_topics_of(layout["configById"]))
    assert len(paths) > 10
    for topic, _, field in (path.partition(".") for path in paths):
        assert topic in types, f"{topic} is not in a log"
        assert not field or _has(types[topic], field), f"{type_name(types[topic])} has no {field}"
    assert set(re.findall(r"\w+!\w+", json.dumps(layout["layout"]))) == set(layout["configById"])


def _topics_of(value: object):
    """Every topic, with the field where a panel shows one."""
    if isinstance(value, dict):
        for inside in value.values():
            yield from _topics_of(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _topics_of(inside)
    elif isinstance(value, str) and value.startswith("/"):
        yield value


def _has(type_: type, field: str) -> bool:
    """Whether the message's definition, as a viewer reads it from the file, has a field such as a.b.c."""
    types, name = get_types_from_msg(definition(type_), type_name(type_)), type_name(type_)
    for part in field.split("."):
        found: Any = dict(types[name][1]).get(part)
        if found is None:
            return False
        name = found[1]
    return True


def _rerun(*arguments: str) -> str:
    """Rerun's own command, without a window."""
    done = subprocess.run(
        [Path(sys.executable).with_name("rerun"), *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
