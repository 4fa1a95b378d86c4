"""`sixsense topic`: the commands about what a running service publishes, what each is called and takes."""

from importlib import import_module
from typing import Annotated, Any

import typer

from .options import RESULTS, Endpoint, Json, Timeout, print_lines

topic = typer.Typer(no_args_is_help=True, help="Topics of a running service: which, what, how often.")

Count = Annotated[int | None, typer.Option(min=1, help="Stop after this many lines.")]
Topic = Annotated[str, typer.Argument(help="embedding, embedding/ROBOT or embedding/ROBOT/camera.")]


@topic.command("list")
def list_topics(
    endpoint: Endpoint = RESULTS,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to listen for rates.")] = 2.0,
    json: Json = False,
) -> None:
    """Every topic with its kind, messages a second, and the age of its newest data."""
    print_lines(_load().list_topics(endpoint, seconds=seconds, json=json))


@topic.command()
def echo(
    topic: Topic,
    endpoint: Endpoint = RESULTS,
    json: Json = False,
    count: Count = None,
    timeout: Timeout = None,
) -> None:
    """A topic's messages, one a line."""
    typer.echo(f"listening at {endpoint}", err=True)
    print_lines(_load().echo(endpoint, topic, json=json, count=count, timeout=timeout))


@topic.command()
def hz(
    topic: Topic,
    endpoint: Endpoint = RESULTS,
    json: Json = False,
    count: Count = None,
    timeout: Timeout = None,
) -> None:
    """Each second: a topic's messages a second, how unevenly they come, and how many were lost on the way."""
    typer.echo(f"listening at {endpoint}", err=True)
    print_lines(_load().hz(endpoint, topic, json=json, count=count, timeout=timeout))


def _load() -> Any:
    return import_module(".topics", __package__)
