"""`sixsense watch`, `queries` and `teach`: what each is called and takes."""

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from inspect import Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import CONTROL, RESULTS, Control, Endpoint, Json, Timeout, print_lines

if TYPE_CHECKING:
    from ..fusion.query import Query

queries = typer.Typer(help="Standing queries of a running service: list, add, remove.")

Asked = Annotated[
    str | None,
    typer.Argument(metavar="QUERY", help='A text, a file, or a sum: \'"a stork" + waves.wav - "people"\'.'),
]
Name = Annotated[str | None, typer.Option(help="What its events are called.")]
Moment = Annotated[
    str | None, typer.Option(metavar="INPUT@SECONDS", help="This moment instead: microphone@12.5s.")
]
AtMost = Annotated[
    str | None, typer.Option(metavar="6/h", help="As many false alarms, whatever the score is then.")
]
On = Annotated[float | None, typer.Option(help="The score at which an event begins (4).")]
Off = Annotated[float | None, typer.Option(help="The score above which it goes on (2.5).")]
MinS = Annotated[float | None, typer.Option(help="Seconds that an event must last (0).")]
HoldS = Annotated[float | None, typer.Option(help="Events closer than so many seconds are one (0.5).")]
CoolS = Annotated[float | None, typer.Option(help="Seconds after an event without another (0).")]
Novelty = Annotated[
    bool, typer.Option("--novelty", help="Anything unlike what was sensed in the last --hours, instead.")
]
Hours = Annotated[float | None, typer.Option(help="How far back --novelty looks (1).")]
Disagree = Annotated[
    str,
    typer.Option(metavar="audio,vision", help="Where the first senses it, and the others should and do not."),
]
Modalities = Annotated[str, typer.Option(help="Where to look: audio,vision,fused; by default everywhere.")]
Inputs = Annotated[
    str, typer.Option(metavar="front,rear", help="At which streams or groups of them; by default all.")
]


def _query(
    query: Asked = None,
    moment: Moment = None,
    name: Name = None,
    at_most: AtMost = None,
    on: On = None,
    off: Off = None,
    min_s: MinS = None,
    hold_s: HoldS = None,
    cool_s: CoolS = None,
    modalities: Modalities = "",
    inputs: Inputs = "",
    novelty: Novelty = False,
    hours: Hours = None,
    disagree: Disagree = "",
) -> "Query":
    return _asking().asked(
        query,
        moment,
        at_most=at_most,
        name=name,
        on=on,
        off=off,
        min_s=min_s,
        hold_s=hold_s,
        cool_s=cool_s,
        modalities=_listed(modalities),
        inputs=_listed(inputs),
        novelty=novelty,
        hours=hours,
        disagree=_listed(disagree),
    )


def _asks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that make a query; what they make is its first argument."""
    asked, own = signature(_query).parameters, list(signature(command).parameters.values())[1:]

    @wraps(command)
    def called(**given: Any) -> None:
        command(_query(**{name: given.pop(name) for name in asked}), **given)

    parameters = [*asked.values(), *own]
    # Typer reads both.
    called.__signature__ = Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


@_asks
def watch(
    standing: "Query",
    endpoint: Endpoint = RESULTS,
    control: Control = CONTROL,
    json: Json = False,
    timeout: Timeout = None,
) -> None:
    """Add a standing query to a running service, print its events, remove it at the end."""
    typer.echo(f"asking {control}", err=True)
    following = import_module(".following", __package__)
    print_lines(following.watch(endpoint, control, standing, json=json, timeout=timeout))


@queries.callback(invoke_without_command=True)
def list_queries(context: typer.Context, control: Control = CONTROL, json: Json = False) -> None:
    """Which queries are standing, where they look, and how far their background is known."""
    if context.invoked_subcommand is None:
        print_lines(_asking().list_queries(control, json=json))


@queries.command()
@_asks
def add(standing: "Query", control: Control = CONTROL, json: Json = False) -> None:
    """Add a query that stands until it is removed, in later runs too."""
    print_lines(_asking().add_query(control, standing, json=json))


@queries.command()
def load(
    index: Annotated[
        Path, typer.Argument(help="FILE.npz or FILE.parquet with vectors and ids, or FILE.npy with FILE.txt.")
    ],
    alias: Annotated[str, typer.Option("--as", metavar="clip", help="Of which model its vectors are.")],
    check: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=FILE", help="What a vector was made of, to check the space; repeatable."),
    ] = None,
    only: Annotated[str, typer.Option(metavar="PATTERN", help="Only ids such as 'dogs/*'.")] = "*",
    modality: Annotated[str, typer.Option(help="Of what the vectors are: vision or text.")] = "vision",
    model: Annotated[str, typer.Option(help="The service's model.")] = "imagebind-huge",
    at_most: AtMost = None,
    on: On = None,
    off: Off = None,
    modalities: Modalities = "",
    control: Control = CONTROL,
) -> None:
    """Add a query for each vector of another model's index, to be matched by a sound or a motion too."""
    given = {
        "at_most_per_h": None if at_most is None else _asking().parse_rate(at_most),
        "on": on,
        "off": off,
        "modalities": _listed(modalities),
    }
    lines = import_module(".query_load", __package__).load_queries(
        control,
        index,
        alias=alias,
        model=model,
        modality=modality,
        only=only,
        checks=check or [],
        **{key: value for key, value in given.items() if value not in (None, ())},
    )
    print_lines(lines)


@queries.command()
def remove(name: str, control: Control = CONTROL) -> None:
    """Remove a standing query, from later runs too."""
    print_lines(_asking().remove_query(control, name))


def teach(
    name: Annotated[str, typer.Argument(help="What the class is called: 'my kettle'.")],
    files: Annotated[list[Path] | None, typer.Argument(help="1 to 8 sounds, pictures or clips.")] = None,
    moment: Annotated[
        list[str] | None, typer.Option(metavar="INPUT@SECONDS", help="A moment of the stream; repeatable.")
    ] = None,
    words: Annotated[
        float | None, typer.Option(min=0.0, max=0.9, help="How much the name counts beside them (0.5).")
    ] = None,
    at_most: AtMost = None,
    on: On = None,
    off: Off = None,
    modalities: Modalities = "",
    inputs: Inputs = "",
    control: Control = CONTROL,
    json: Json = False,
) -> None:
    """Teach a running service a class by a few examples; it stands as a query, in later runs too."""
    asking = _asking()
    rate = None if at_most is None else asking.parse_rate(at_most)
    standing = asking.taught(
        name,
        files or [],
        moment or [],
        words,
        at_most_per_h=rate,
        on=on,
        off=off,
        modalities=_listed(modalities),
        inputs=_listed(inputs),
    )
    print_lines(asking.add_query(control, standing, json=json))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (one.strip() for one in text.split(","))))


def _asking() -> Any:
    return import_module(".asking", __package__)
