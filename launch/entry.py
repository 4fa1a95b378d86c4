"""The `sixsense` command: starts the command line, or says what a light install lacks for it."""

import sys


def main() -> None:
    """Run the command line; exit status 1 where typer and rich are not installed."""
    try:
        from .cli import main as command_line
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        print(f"sixsense: the command line needs {error.name}: pip install typer rich", file=sys.stderr)
        raise SystemExit(1) from error
    command_line()
