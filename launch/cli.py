"""The command line: what each command is called and takes. Heavy imports wait for the command's own file."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from ..sensors.errors import SixsenseError
from .keys import keys
from .learning_commands import bind, evaluate
from .model_commands import models
from .options import CONTROL, RESULTS, Control, Endpoint, Json, Timeout, print_lines
from .query_commands import queries, teach, watch
from .topic_commands import topic


class _Group(TyperGroup):
    """Turns the errors that a person can act on into one message and exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SixsenseError as error:
            typer.echo(f"sixsense: {error}", err=True)
            raise typer.Exit(1) from error
        except ModuleNotFoundError as error:
            if not error.name or error.name.startswith("sixsense"):
                raise
            typer.echo(
                f"sixsense: this needs {error.name}; `pip install sixsense` adds what is missing", err=True
            )
            raise typer.Exit(1) from error
        except BrokenPipeError:
            # The reader of a pipe has gone: nobody is left to tell, and Python would complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            typer.echo("sixsense: stopped", err=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Streaming sensor fusion in one shared embedding space. Start with `sixsense demo`.",
)

Local = Annotated[bool, typer.Option("--local", help="In this process, without Ray.")]
RunFor = Annotated[float | None, typer.Option(min=0.1, help="Stop after this many seconds of sensing.")]
Watch = Annotated[
    list[str] | None,
    typer.Option(metavar="QUERY", help="A text, or the path of a sound, picture or clip; repeatable."),
]
ServerKey = Annotated[
    str | None, typer.Option(metavar="KEY", help="The robot's public key: `sixsense keys list` there.")
]
Files = Annotated[
    list[str],
    typer.Argument(help="Pictures, videos, sounds, IMU tables, texts; depth:FILE says which modality it is."),
]
LogFile = Annotated[
    Path,
    typer.Argument(
        help="MCAP, rosbag2, action-camera MP4, video, audio, a folder of pictures, a Sensor Logger export."
    ),
]
LogTime = Annotated[
    str | None, typer.Option(help="Seconds from the log's start, or a stamp (Unix seconds or nanoseconds).")
]
ModelName = Annotated[str, typer.Option("--model", help="A model's name, weights file or folder.")]
Modality = Annotated[str | None, typer.Option(help="What all files are; by default judged by their content.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"sixsense {__version__}")
        raise typer.Exit


@app.callback()
def sixsense(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    """Camera, microphone, depth, thermal and IMU as one stream of vectors, live."""


@app.command()
def demo(
    seconds: RunFor = None,
    json: Json = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Another robot in another room.")] = None,
    local: Local = False,
    publish: Annotated[str, typer.Option(metavar="ENDPOINT", help="Where to publish results.")] = RESULTS,
    control: Annotated[str, typer.Option(metavar="ENDPOINT", help="Where to answer requests.")] = CONTROL,
) -> None:
    """A small simulated robot: what it senses, fused and matched, until Ctrl-C."""
    running, schema = _load("running"), _load("schema")
    endpoints = schema.Endpoints(results=publish, control=control)
    running.demo(seed, seconds, endpoints, running.Shown(json=json, local=local))


@app.command()
def run(
    config: Annotated[str, typer.Argument(help="A TOML file, or a packaged configuration such as `demo`.")],
    watch: Watch = None,
    seconds: RunFor = None,
    json: Json = False,
    local: Local = False,
) -> None:
    """Run the sensors of a configuration, until Ctrl-C."""
    running = _load("running")
    running.run(config, watch or [], seconds, running.Shown(json=json, local=local))


@app.command()
def replay(
    file: LogFile,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Event seconds a second (1).")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="As fast as it can be encoded.")] = False,
    as_recorded: Annotated[
        bool, typer.Option("--as-recorded", help="Compute a log's ticks and vectors again, and compare.")
    ] = False,
    json: Json = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Save the vectors with their provenance.")
    ] = None,
    watch: Watch = None,
    local: Local = False,
    config: Annotated[str, typer.Option(help="Windows, weights, model: a TOML file.")] = "replay",
    publish: Annotated[
        bool | None, typer.Option("--publish/--no-publish", help="By default on, except with --fast.")
    ] = None,
    start: LogTime = None,
    end: LogTime = None,
    loop: Annotated[bool, typer.Option("--loop", help="Again and again, until Ctrl-C.")] = False,
) -> None:
    """Recompute everything from a recording: the same bytes at any speed. The space key pauses.

    FILE.npz holds numpy arrays, without pickle: fused_vectors, fused_stamps_ns, fused_coverage,
    fused_closed; by tick and input weights, shares, ages_ns, parts; inputs, modalities, space_id;
    embedding_vectors with _input, _epoch, _seq, _index, _start_ns, _end_ns, _quality; range_embedding,
    _stream, _epoch, _first, _last (the samples of each embedding); none_input, _index, _cause.
    """
    if as_recorded:
        _exit(_load("as_recorded").replay_as_recorded(file, json=json))
    if fast and rate is not None:
        raise typer.BadParameter("--fast and --rate exclude each other; give one of them")
    number = _load("log_info").number
    running = _load("running")
    speed = None if fast else rate or 1.0
    publishing = publish if publish is not None else not fast
    shown = running.Shown(json=json, local=local, out=out)
    part = running.LogPart(start=number(start), end=number(end), loop=loop)
    running.replay(file, speed, config, watch or [], publishing, shown, part)


@app.command()
def record(
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE.mcap", help="The log; nothing is overwritten.")
    ],
    config: Annotated[
        str | None, typer.Option(help="Run these sensors; without it, record the service that is running.")
    ] = None,
    seconds: RunFor = None,
    topics: Annotated[str, typer.Option(help="Streams to record: camera,imu; by default all.")] = "",
    split: Annotated[str, typer.Option(metavar="1GB|10min", help="Go on in FILE.1.mcap, FILE.2 ...")] = "",
    keep_free: Annotated[int, typer.Option(min=0, metavar="MB", help="End before the disk has less.")] = 500,
    watch: Watch = None,
    json: Json = False,
    local: Local = False,
    control: Control = CONTROL,
) -> None:
    """Record everything that is sensed, embedded, fused and matched, until Ctrl-C."""
    recording = _load("recording")
    split_bytes, split_s = recording.parse_split(split) if split else (0, 0.0)
    asked = recording.Recording(
        path=out,
        topics=tuple(filter(None, (one.strip() for one in topics.split(",")))),
        split_bytes=split_bytes,
        split_s=split_s,
        keep_free_bytes=keep_free * 1_000_000,
    )
    if config is None:
        if watch or local or json:
            raise typer.BadParameter("--watch, --local and --json are for a run of its own: add --config")
        recording.attach(control, asked, seconds, lambda text: typer.echo(text, err=True))
        return
    running = _load("running")
    running.record(config, watch or [], seconds, asked, running.Shown(json=json, local=local))


@app.command()
def info(
    log: LogFile,
    json: Json = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only what its headers say.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Close a log of ours that was cut off, for other readers.")
    ] = False,
    config: Annotated[str, typer.Option(help="Whose [topics] table says what topics are.")] = "replay",
) -> None:
    """What is in a recording: streams, rates, gaps, damage, and what is ignored and why."""
    print_lines(_load("log_info").info(log, config, json=json, quick=quick, repair=repair))


@app.command()
def sensor(
    config: Annotated[str, typer.Argument(help="A TOML file with this machine's sensors.")],
    to: Annotated[str | None, typer.Option(metavar="ENDPOINT", help="The robot's: tcp://robot:5555.")] = None,
    server_key: ServerKey = None,
    json: Json = False,
    toml: Annotated[bool, typer.Option("--toml", help="Print what the robot's file declares of it.")] = False,
) -> None:
    """Send this machine's sensors to a robot elsewhere, until Ctrl-C. Needs neither torch nor Ray."""
    sending = _load("sensor")
    if toml:
        typer.echo(sending.robot_table(config))
        return
    print_lines(sending.main(config, to, server_key, json=json))


@app.command()
def listen(
    kind: Annotated[
        list[str] | None, typer.Argument(help="match, fused, embedding, status ...; none means all.")
    ] = None,
    endpoint: Endpoint = RESULTS,
    json: Json = False,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after this many messages.")] = None,
    timeout: Timeout = None,
) -> None:
    """Print what a running service publishes."""
    typer.echo(f"listening at {endpoint}", err=True)
    following = _load("following")
    print_lines(following.listen(endpoint, kind or [], json=json, count=count, timeout=timeout))


@app.command()
def embed(
    files: Files,
    model: ModelName = "mini",
    modality: Modality = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Save vectors, files, modalities and space_id.")
    ] = None,
    alias: Annotated[
        str | None,
        typer.Option("--as", metavar="clip", help="For CLIP's consumers: FILE.npz (vectors, ids) or .npy."),
    ] = None,
    json: Json = False,
) -> None:
    """Files to unit vectors in the model's space."""
    _exit(_load("embed").embed(files, model, modality, out, json=json, alias=alias))


@app.command()
def classify(
    files: Files,
    labels: Annotated[str, typer.Option(help='"a dog,a car", or a text file with one label a line.')],
    model: ModelName = "mini",
    modality: Modality = None,
    json: Json = False,
) -> None:
    """Which of the labels each file resembles most, without training for them."""
    commands = _load("embed")
    _exit(commands.classify(files, commands.parse_labels(labels), model, modality, json=json))


@app.command()
def compare(files: Files, model: ModelName = "mini", modality: Modality = None, json: Json = False) -> None:
    """How much files resemble each other: the cosine of every two."""
    _exit(_load("embed").compare(files, model, modality, json=json))


@app.command()
def find(
    json: Json = False,
    toml: Annotated[bool, typer.Option("--toml", help="A configuration of all of it: > robot.toml")] = False,
) -> None:
    """Which sensors are there, with their ids, modes and the table that configures each."""
    _load("find").main(as_json=json, as_toml=toml)


@app.command()
def check(config: Annotated[str, typer.Argument(help="A TOML file, or a packaged configuration.")]) -> None:
    """Every mistake in a configuration, and the devices in it that are not there now."""
    _exit(_load("check").main(config))


@app.command("sync-check")
def sync_check(
    config: Annotated[str, typer.Argument(help="A TOML file with live sensors.")],
    seconds: Annotated[float, typer.Option(min=3.0, help="How long to listen for three claps.")] = 15.0,
    recording: Annotated[
        Path | None, typer.Option(metavar="LOG", help="Look for the claps in a recording of these sensors.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show; write nothing.")] = False,
    json: Json = False,
) -> None:
    """Clap, flash or tap three times: how late each sensor is stamped, written into CONFIG as delay_ms.

    A lamp that flashes with a click, a tap on the device, a clap before the camera (within half a metre:
    sound takes 3 ms a metre): what every sensor notices, with uneven pauses of 1 to 3 s. A flash is told to
    a part of a frame, a clap to half a frame.
    """
    _load("sync_check").main(config, seconds, recording, dry_run=dry_run, json=json)


@app.command()
def doctor(json: Json = False) -> None:
    """Check this machine; a fix for each bad line. The exit status is the number of failures."""
    raise typer.Exit(_load("doctor").main(json=json))


app.command()(bind)
app.command("eval")(evaluate)
app.command()(watch)
app.command()(teach)
app.add_typer(queries, name="queries")
app.add_typer(models, name="models")
app.add_typer(keys, name="keys")
app.add_typer(topic, name="topic")


def _exit(everything: bool) -> None:
    """Exit status 1 where a file was left out."""
    raise typer.Exit(0 if everything else 1)


def _load(module: str) -> Any:
    return import_module(f".{module}", __package__)


def main() -> None:
    """The `sixsense` command."""
    app()
