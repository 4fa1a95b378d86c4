"""Options that several commands share, and the printing of lines."""

from typing import Annotated, Any

import typer

from .signals import sigterm_as_ctrl_c

# As in nodes.wire.endpoints, which would cost `--help` an import of ZeroMQ.
RESULTS = "tcp://127.0.0.1:5556"
CONTROL = "tcp://127.0.0.1:5557"

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]
Endpoint = Annotated[str, typer.Option(help="Where the service publishes its results.")]
Control = Annotated[str, typer.Option(help="Where the service answers requests.")]
Timeout = Annotated[float | None, typer.Option(min=0.0, help="Give up after this many seconds of silence.")]


def print_lines(lines: Any) -> None:
    """Print lines until they end, or until Ctrl-C or SIGTERM, which is how these commands normally end."""
    with sigterm_as_ctrl_c():
        try:
            for line in lines:
                typer.echo(line)
        except KeyboardInterrupt:
            pass
        finally:
            lines.close()
