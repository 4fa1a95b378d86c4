"""`sixsense keys`: this machine's key, and whose keys may publish or ask what."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

keys = typer.Typer(no_args_is_help=True, help="Who may come in from other machines, and what they may do.")


@keys.command()
def new() -> None:
    """Make this machine's keys, and print the public one."""
    from ..nodes.wire.keys import keys_folder, new_keys

    made = new_keys(keys_folder())
    typer.echo(f"made {keys_folder()}; the public key, for other machines to allow:", err=True)
    typer.echo(made.public)


@keys.command()
def allow(
    name: Annotated[str, typer.Argument(help="What to call whose key it is.")],
    key: Annotated[str, typer.Argument(help="The public key, as `sixsense keys list` prints it there.")],
    streams: Annotated[str, typer.Option(help='Streams it may publish: camera,imu; "*" is all.')] = "",
    verbs: Annotated[str, typer.Option(help='What it may ask: listen,snapshot,watch ...; "*" is all.')] = "",
) -> None:
    """Let a key in, with what it may publish and ask; takes effect at once."""
    from ..nodes.wire.keys import allow as allow_key
    from ..nodes.wire.keys import keys_folder

    grant = allow_key(keys_folder(), name, key, _words(streams), _words(verbs))
    typer.echo(f"{name} may {_may(grant.streams, grant.verbs)}")


@keys.command(name="list")
def list_keys() -> None:
    """This machine's public key, and the keys it allows."""
    for line in _lines():
        typer.echo(line)


def _lines() -> Iterator[str]:
    from ..nodes.wire.keys import grants, keys_folder, own_keys

    own = own_keys(keys_folder())
    yield f"this machine: {own.public}" if own else "this machine has no key: `sixsense keys new`"
    for name, grant in grants(keys_folder()).items():
        yield f"{name}: {grant.key} may {_may(grant.streams, grant.verbs)}"


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (one.strip() for one in text.split(","))))


def _may(streams: Sequence[str], verbs: Sequence[str]) -> str:
    can = [f"{what} {', '.join(names)}" for what, names in (("publish", streams), ("ask", verbs)) if names]
    return " and ".join(can) or "do nothing: add --streams or --verbs"
