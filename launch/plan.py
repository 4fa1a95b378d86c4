"""Plan: from a configuration to nodes. Nothing is started; a recording is opened to see its streams."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..encoders.card import IMU_INSTANTS, ImuInput, ModelCard, WindowSpec, read_card
from ..encoders.windower import InputSpec
from ..fusion.query import Query
from ..fusion.rule import InputRule
from ..nodes.kept import background_file, state_folder
from ..nodes.recorded import RunPlan, to_json
from ..nodes.spec import (
    EdgeSpec,
    EncodeSpec,
    FuseSpec,
    IngestSpec,
    InletSpec,
    NodeSpec,
    OutletSpec,
    Plan,
    SourceSpec,
    TrafficClass,
)
from ..sensors.clock import ManualClock
from ..sensors.drivers import make_device, open_source
from ..sensors.errors import SixsenseError
from ..sensors.modalities import GROUPS, MODALITIES
from ..sensors.sample import NS, Source, StreamInfo
from .labels import label_tables
from .schema import (
    Config,
    ImuConfig,
    InputConfig,
    LiveSensor,
    PluginSensor,
    RecordingSensor,
    RemoteSensor,
    Sensor,
    SimulatedSensor,
    WindowConfig,
    WindowModality,
)

RESULTS_KEEP_S = 60.0
SHED_S = 1.0
"""Live, a window that waited longer than this for its turn is shed: hardly a tick, which waits half a second,
could still use its vector."""
CHANNELS = {"accelerometer": 3, "gyroscope": 3, "imu": 6}
"""Columns of rows, where a declaration does not say."""
Options = dict[str, Any]


def plan_run(config: Config, *, queries: Sequence[Query] = (), seconds: float | None = None) -> Plan:
    """The plan of a live run of the configuration's sensors. Raises SixsenseError."""
    if not config.sensor:
        raise SixsenseError('the configuration has no [[sensor]]: add one, such as driver = "simulated"')
    sources = tuple(plan_sensor(sensor, config) for sensor in config.sensor)
    endpoint = config.endpoints.ingest
    ingest = IngestSpec(sources=sources, pace=1.0, live=True, seconds=seconds, endpoint=endpoint)
    return _plan(config, ingest, queries, state=state_folder(config.robot))


def plan_drivers(config: Config) -> IngestSpec:
    """What of a configuration `sixsense sensor` reads here, to send it elsewhere. Raises SixsenseError."""
    if not config.sensor:
        raise SixsenseError("the configuration has no [[sensor]]: add what is plugged in (`sixsense find`)")
    sources = tuple(plan_sensor(sensor, config) for sensor in config.sensor)
    _check_unique([info.stream for source in sources for info in source.streams], "stream")
    return IngestSpec(sources=sources, pace=1.0, live=True, seconds=None)


def plan_source(config: Config, source: SourceSpec, *, seconds: float | None = None) -> Plan:
    """The plan of a live run of one source, whatever its driver. Raises SixsenseError."""
    return _plan(config, IngestSpec(sources=(source,), pace=1.0, live=True, seconds=seconds), ())


def plan_replay(
    config: Config,
    path: str,
    *,
    rate: float | None,
    queries: Sequence[Query] = (),
    part: Mapping[str, Any] | None = None,
    background: Path | None = None,
    log: Source | None = None,
) -> Plan:
    """The plan of a replay at `rate` (None: as fast as the slowest reader); `part` has `start`, `end`, `loop`
    as `open_log` takes them, `log` is what that gave where it is open already. A replay begins with no
    background but that file's. Raises SixsenseError."""
    options = {"path": path, **_topics(config), **(part or {})}
    if log is None:
        source = _opened("recording", options)
    else:
        source = SourceSpec(driver="recording", options=options, streams=log.streams)
    ingest = IngestSpec(sources=(source,), pace=rate, live=False, seconds=None)
    return _plan(config, ingest, queries, background=background)


def _plan(
    config: Config,
    ingest: IngestSpec,
    queries: Sequence[Query],
    state: Path | None = None,
    background: Path | None = None,
) -> Plan:
    card, live = read_card(config.model), ingest.live
    infos = [info for source in ingest.sources for info in source.streams]
    _check_unique([info.stream for info in infos], "stream")
    inputs = tuple(_inputs(ingest.sources))
    _check_unique([spec.name for spec in inputs], "input")
    _check_known(config, inputs)
    windows = _windows(config.windows, card, inputs)
    encode = EncodeSpec(
        model=config.model,
        inputs=inputs,
        windows=windows,
        shed_s=SHED_S if live else None,
        threads=1,
        batch=config.encode.batch if live else 1,
        wait_s=config.encode.wait_ms / 1000 if live else 0.0,
        unchanged=config.encode.unchanged if live else 0.0,
        imu=_imu(config.imu, card, windows),
        precision=config.encode.precision,
    )
    fuse = FuseSpec(
        card=card,
        rules={spec.name: _rule(config.inputs.get(spec.name, InputConfig()), spec) for spec in inputs},
        hop_s=config.fusion.hop_s,
        deadline_s=config.fusion.deadline_s if live else None,
        background=str(background or (background_file(state, card.space_id) if state else "")),
        labels=label_tables(config, card, {spec.modality for spec in inputs}),
    )
    facts = to_json(RunPlan(config=msgspec.to_builtins(config), encode=encode, fuse=fuse))
    edge = EdgeSpec(
        results=config.endpoints.results, control=config.endpoints.control, infos=tuple(infos), plan=facts
    )
    published = bool(config.endpoints.results)
    readers = ("edge", "output") if published else ("output",)
    classes = _classes(infos)
    nodes = [
        _node(config, "ingest", ingest, [_data_outlet(traffic, infos) for traffic in classes], [], live),
        _node(
            config,
            "encode",
            encode,
            [_results_outlet("fuse", *readers)],
            [InletSpec(node="ingest", traffic=traffic) for traffic in classes],
            live,
        ),
        _node(
            config,
            "fuse",
            fuse,
            [_results_outlet(*readers)],
            [InletSpec(node="encode", traffic="results")],
            live,
        ),
    ]
    taps = (InletSpec(node="encode", traffic="results"), InletSpec(node="fuse", traffic="results"))
    if published:
        nodes.append(_node(config, "edge", edge, [], taps, live))
    return Plan(
        robot=config.robot,
        card=card,
        nodes=tuple(nodes),
        taps=taps,
        queries=tuple(queries),
        whole_minute=any(source.driver == "simulated" for source in ingest.sources),
        notes=tuple(_notes(card, encode.imu)),
        facts=facts,
        state=str(state or ""),
    )


def plan_sensor(sensor: Sensor, config: Config) -> SourceSpec:
    """What one `[[sensor]]` table opens, and the streams that it has. Raises SixsenseError."""
    match sensor:
        case SimulatedSensor():
            options: Options = {"seed": sensor.seed, "split": sensor.split}
            if sensor.streams:
                options["streams"] = tuple(sensor.streams)
            return _opened("simulated", options, start_ns=0)
        case RecordingSensor():
            return _opened("recording", {"path": sensor.path, **_topics(config)})
        case RemoteSensor():
            return _remote(sensor)
        case PluginSensor():
            return _device(sensor.use, {**sensor.options}, sensor.delay_ms)
        case _:
            return _device(str(sensor.__struct_config__.tag), _options(sensor), sensor.delay_ms)


def _remote(sensor: RemoteSensor) -> SourceSpec:
    """A sensor on another machine, with the streams that are declared of it."""
    streams = tuple(
        StreamInfo(
            stream=stream.name,
            modality=stream.modality,
            encoding=stream.encoding or MODALITIES[stream.modality].encodings[0],
            rate_hz=stream.rate_hz,
            clock="estimated",
            channels=stream.channels or CHANNELS.get(stream.modality, 1),
            width=stream.width,
            height=stream.height,
            frame_id=f"{stream.name}_link",
            source=sensor.name,
        )
        for stream in sensor.streams
    )
    return SourceSpec(driver="remote", options={"name": sensor.name, "key": sensor.key}, streams=streams)


def _topics(config: Config) -> Options:
    """The `[topics]` table as an option of a recording, where there is one."""
    return {"topics": msgspec.to_builtins(config.topics)} if config.topics else {}


def _options(sensor: LiveSensor) -> Options:
    """What the driver's class is made with: what the table says but for what is not the class's business."""
    options = msgspec.structs.asdict(sensor)
    return {key: value for key, value in options.items() if key != "delay_ms" and value is not None}


def _device(driver: str, options: Options, delay_ms: float) -> SourceSpec:
    """A live device with the streams that its options promise; it is not opened, and need not be there."""
    streams = make_device(driver, options, ManualClock()).streams
    return SourceSpec(driver=driver, options=options, streams=streams, device=True, delay_ms=delay_ms)


def _opened(driver: str, options: Options, **only_now: int) -> SourceSpec:
    """The source with the streams that it has: what cannot be opened is known before anything starts."""
    source = open_source(driver, {**options, **only_now})
    return SourceSpec(driver=driver, options=options, streams=source.streams)


def _inputs(sources: Sequence[SourceSpec]) -> Iterable[InputSpec]:
    """A stream is an input of its own, unless it is in a group; members come in the group's order."""
    grouped: set[str] = set()
    for source in sources:
        for modality, parts in GROUPS.items():
            members = [info for part in parts for info in source.streams if info.modality == part]
            if len({info.modality for info in members}) == len(parts):
                grouped |= {info.stream for info in members}
                yield InputSpec(
                    name=_group_name(modality, members), modality=modality, members=tuple(members)
                )
    for info in (info for source in sources for info in source.streams):
        if info.stream not in grouped:
            yield InputSpec(name=info.stream, modality=info.modality, members=(info,))


def _group_name(modality: str, members: Sequence[StreamInfo]) -> str:
    """`imu`, or `wrist.imu` for wrist.accelerometer and wrist.gyroscope."""
    prefix, dot, _ = members[0].stream.rpartition(".")
    return f"{prefix}{dot}{modality}"


def _windows(
    configured: Mapping[WindowModality, WindowConfig], card: ModelCard, inputs: Sequence[InputSpec]
) -> dict[str, WindowSpec]:
    """The model's own windows, but for what the configuration says."""
    windows: dict[str, WindowSpec] = {}
    wishes: dict[str, WindowConfig] = {**configured}
    for modality in {spec.modality for spec in inputs}:
        if modality not in card.windows:
            raise SixsenseError(
                f"{card.name} has no {modality}; it has {', '.join(card.modalities)}: leave that stream out"
            )
        own, wanted = card.windows[modality], wishes.get(modality, WindowConfig())
        windows[modality] = WindowSpec(
            length_ns=own.length_ns if wanted.length_s is None else round(wanted.length_s * NS),
            hop_ns=own.hop_ns if wanted.hop_s is None else round(wanted.hop_s * NS),
        )
    return windows


def _imu(configured: ImuConfig, card: ModelCard, windows: Mapping[str, WindowSpec]) -> ImuInput:
    """How the model takes rows, but for what the configuration says."""
    imu = ImuInput(
        order=configured.order or card.imu.order,
        rate_hz=card.imu.rate_hz if configured.rate_hz is None else configured.rate_hz,
    )
    length_s = windows["imu"].length_ns / NS if "imu" in windows else 0.0
    if round(imu.rate_hz * length_s) > IMU_INSTANTS:
        raise SixsenseError(
            f"[imu] rate_hz = {imu.rate_hz:g} over windows of {length_s:g} s is more than the {IMU_INSTANTS}"
            f" instants that a model takes; write at most {IMU_INSTANTS / length_s:g},"
            " or a shorter length_s in [windows.imu]"
        )
    return imu


def _rule(configured: InputConfig, spec: InputSpec) -> InputRule:
    return InputRule(
        modality=spec.modality, weight=configured.weight, limit_ns=round(configured.limit_s * NS)
    )


def _node(
    config: Config,
    name: str,
    body: IngestSpec | EncodeSpec | FuseSpec | EdgeSpec,
    outlets: Iterable[OutletSpec],
    inlets: Iterable[InletSpec],
    live: bool,
) -> NodeSpec:
    return NodeSpec(
        name=name,
        robot=config.robot,
        body=body,
        outlets=tuple(outlets),
        inlets=tuple(inlets),
        lossless=not live,
    )


def _classes(infos: Sequence[StreamInfo]) -> list[TrafficClass]:
    """The traffic classes of these streams, each once."""
    return list(dict.fromkeys(MODALITIES[info.modality].traffic for info in infos))


def _data_outlet(traffic: TrafficClass, infos: Sequence[StreamInfo]) -> OutletSpec:
    rows = [MODALITIES[info.modality] for info in infos]
    keep_s = max(row.ring_s for row in rows if row.traffic == traffic)
    return OutletSpec(traffic=traffic, consumers=("encode",), keep_s=keep_s)


def _results_outlet(*consumers: str) -> OutletSpec:
    return OutletSpec(traffic="results", consumers=consumers, keep_s=RESULTS_KEEP_S)


def _check_unique(names: Sequence[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise SixsenseError(
                f"two sensors have the {what} {name!r}: leave it out of one (`streams = [...]`),"
                " or give one another `name`"
            )


def _check_known(config: Config, inputs: Sequence[InputSpec]) -> None:
    names = [spec.name for spec in inputs]
    for name in config.inputs:
        if name not in names:
            raise SixsenseError(f"[inputs.{name}]: there is no such input; there are {', '.join(names)}")


def _notes(card: ModelCard, imu: ImuInput) -> Iterable[str]:
    if imu != card.imu:
        rate = f"{imu.rate_hz:g} instants a second" if imu.rate_hz else f"{IMU_INSTANTS} instants a window"
        yield f"imu is given to {card.name} as the configuration says: {imu.order}, {rate}"
    if not card.trained:
        yield f"{card.name} is untrained: similarity only (an example matches what senses like it)"
    if not card.means:
        yield f"{card.name} has no modality means: the gap between modalities is not removed"
