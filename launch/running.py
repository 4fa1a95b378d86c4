"""`demo`, `run` and `replay`: plan, start, show, stop."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from ..fusion.query import Query
from ..nodes.wire.status import Status
from ..sensors.errors import SixsenseError
from .board import Message
from .config import load_config
from .export import Export, check_out
from .pausing import pausing
from .present import Presenter, presenter
from .queries import config_queries, parse_query
from .remaining import Remaining
from .schema import Config, Endpoints, SimulatedSensor
from .signals import on_ctrl_c, sigterm_as_ctrl_c

if TYPE_CHECKING:
    from ..nodes.spec import Plan
    from ..sensors.looped import Recorded
    from .recording import Recording

IDLE_S = 0.25
NOWHERE = Endpoints(results="", control="")


class Running(Protocol):
    """What `follow` needs of a service."""

    def outputs(self, timeout_s: float | None) -> Iterator[Message]: ...


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is started and shown, whatever it runs."""

    json: bool = False
    local: bool = False
    out: Path | None = None


class LogPart(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a log is replayed, as `open_log` takes it; `loop` again and again."""

    start: float | int | None = None
    end: float | int | None = None
    loop: bool = False

    def options(self) -> dict[str, Any]:
        """What differs from the whole log, once."""
        given = msgspec.structs.asdict(self)
        return {key: value for key, value in given.items() if value is not None and value is not False}


def demo(seed: int | None, seconds: float | None, endpoints: Endpoints | None, shown: Shown) -> None:
    """Run the packaged simulated robot."""
    config = load_config("demo")
    if seed is not None:
        sensors = tuple(msgspec.structs.replace(s, seed=seed) for s in config.sensor if _simulated(s))
        config = msgspec.structs.replace(config, sensor=sensors)
    _run("demo: a small simulated robot", _published(config, endpoints), (), seconds, shown)


def run(name: str, watch: Sequence[str], seconds: float | None, shown: Shown) -> None:
    """Run the sensors of a configuration."""
    config = load_config(name)
    _run(f"run {name}: robot {config.robot}", config, watch, seconds, shown)


def record(
    name: str, watch: Sequence[str], seconds: float | None, recording: "Recording", shown: Shown
) -> None:
    """Run the sensors of a configuration, and record the run. Raises SixsenseError when that had to end."""
    from .recording import NAME, with_recorder

    config = load_config(name)

    def plan(queries: Sequence[Query]) -> "Plan":
        from .plan import plan_run

        return with_recorder(plan_run(config, queries=queries, seconds=seconds), recording)

    final = _present(f"record {name} to {recording.path}", config, watch, plan, shown)
    failed = [outage.cause for outage in final.outages if outage.node == NAME]
    if failed:
        raise SixsenseError(failed[-1])


def replay(
    path: Path,
    rate: float | None,
    config_name: str,
    watch: Sequence[str],
    publish: bool,
    shown: Shown,
    part: "LogPart",
) -> None:
    """Replay a part of a recording at `rate` seconds a second, or as fast as it goes (None)."""
    from ..sensors.logs import open_log

    config = _published(load_config(config_name), None if publish else NOWHERE)
    options = {"topics": msgspec.to_builtins(config.topics), **part.options()}
    log = cache(lambda: open_log(path, **options))

    def plan(queries: Sequence[Query]) -> "Plan":
        from .plan import plan_replay

        return plan_replay(config, str(path), rate=rate, queries=queries, part=part.options(), log=log())

    speed = "as fast as it goes" if rate is None else f"at {rate:g}x"
    _present(f"replay {path.name} {speed}", config, watch, plan, shown, log)


def follow(service: Running, show: Callable[[Message], None], idle: Callable[[], None]) -> Status:
    """Show a service's outputs until it ends; its final status."""
    while True:
        try:
            for message in service.outputs(IDLE_S):
                show(message)
                if isinstance(message, Status) and message.final:
                    return message
        except TimeoutError:
            idle()


def _run(title: str, config: Config, watch: Sequence[str], seconds: float | None, shown: Shown) -> None:
    def plan(queries: Sequence[Query]) -> "Plan":
        from .plan import plan_run

        return plan_run(config, queries=queries, seconds=seconds)

    _present(title, config, watch, plan, shown)


def _present(
    title: str,
    config: Config,
    watch: Sequence[str],
    plan: "Callable[[Sequence[Query]], Plan]",
    shown: Shown,
    recorded: "Callable[[], Recorded] | None" = None,
) -> Status:
    screen = presenter(title, json=shown.json)
    if shown.out:
        check_out(shown.out)
    export = Export() if shown.out else None
    with sigterm_as_ctrl_c(), screen:
        screen.say(f"sixsense {title}: loading ...")
        from .service import Service

        planned = plan(_queries(config, watch))
        log = recorded() if recorded else None
        for topic, why in log.ignored if log else ():
            screen.say(f"ignored: {topic}: {why}")
        remaining = Remaining(log.start_ns, log.duration_ns) if log else None
        # Ray sets a handler of its own when it starts. What is under way still comes through.
        with (
            Service(planned, local=shown.local, say=screen.say) as service,
            on_ctrl_c(service.stop),
            pausing(service.pause),
        ):
            final = follow(service, _shower(screen, export, remaining), screen.idle)
    if export and shown.out:
        export.save(shown.out)
        screen.say(f"wrote {shown.out}")
    screen.finish(final)
    return final


def _shower(
    screen: Presenter, export: Export | None, remaining: Remaining | None
) -> Callable[[Message], None]:
    def show(message: Message) -> None:
        screen.show(message)
        if remaining and (line := remaining.line(message, monotonic())):
            screen.say(line)
        if export:
            export.add(message)

    return show


def _queries(config: Config, watch: Sequence[str]) -> tuple[Query, ...]:
    return (*config_queries(config), *(parse_query(argument) for argument in watch))


def _published(config: Config, endpoints: Endpoints | None) -> Config:
    return msgspec.structs.replace(config, endpoints=endpoints) if endpoints else config


def _simulated(sensor: object) -> bool:
    return isinstance(sensor, SimulatedSensor)
