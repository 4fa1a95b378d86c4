"""`doctor`: what of this machine sixsense needs, what is missing, and what to do about it."""

from collections.abc import Callable, Iterable, Iterator

import msgspec
import typer

from .checks import CHECKS, Check

MARKS = {
    "ok": ("ok  ", typer.colors.GREEN),
    "warn": ("warn", typer.colors.YELLOW),
    "fail": ("FAIL", typer.colors.RED),
}


def main(*, json: bool) -> int:
    """Print every check as it is made; the number of failures."""
    failures = 0
    for check in diagnose():
        typer.echo(msgspec.json.encode(check).decode() if json else line(check))
        failures += check.level == "fail"
    if not json:
        typer.echo(f"failures: {failures}" if failures else "all that is needed is here")
    return failures


def diagnose(checks: Iterable[Callable[[], Iterator[Check]]] = CHECKS) -> Iterator[Check]:
    """Make the checks one after the other; one that breaks is a failure itself and stops no other."""
    for check in checks:
        try:
            yield from check()
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            fix = "pip install --force-reinstall sixsense, or report this line"
            yield Check(name=check.__name__.replace("_", " "), level="fail", text=text, fix=fix)


def line(check: Check) -> str:
    """`ok    ray     2.52.0`, and the fix below where there is one."""
    mark, colour = MARKS[check.level]
    first = f"{typer.style(mark, fg=colour)}  {check.name:<18} {check.text}"
    return f"{first}\n{'':25}fix: {check.fix}" if check.fix else first
