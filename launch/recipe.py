"""Reading a recipe of `bind`, and prompt templates: checked, every mistake located."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from ..encoders.architecture import TRUNKS
from ..encoders.bind.settings import Settings
from .config import CONFIGS, ConfigError, find_config
from .mistakes import located, mistakes
from .toml_lines import key_lines, line_of, syntax_line

TEMPLATES = CONFIGS / "labels" / "templates.toml"


def load_recipe(name: str) -> Settings:
    """The settings of a TOML file (a path or a packaged name); its paths are relative to its own folder.

    Raises ConfigError with one line for every mistake.
    """
    path = find_config(name)
    settings = _read(path, Settings)
    folder = path.resolve().parent
    teacher = str(folder / settings.teacher) if settings.teacher.endswith(".npz") else settings.teacher
    return msgspec.structs.replace(
        settings, data=tuple(_absolute(one, folder) for one in settings.data), teacher=teacher
    )


def load_templates(path: Path = TEMPLATES) -> dict[str, tuple[str, ...]]:
    """Prompts by modality, each with one `{}` for the label. Raises ConfigError."""
    templates = _read(path, dict[str, tuple[str, ...]])
    for modality, prompts in templates.items():
        wrong = next((prompt for prompt in prompts if prompt.count("{}") != 1), None)
        if wrong is not None or not prompts:
            raise ConfigError(f'{path}: {modality} has {wrong!r}; a prompt has one {{}}, as in "a {{}}"')
    return templates


def _read(path: Path, expected: Any) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}:{syntax_line(error)}: not TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}; it is UTF-8 TOML") from error
    if found := list(mistakes(document, expected)):
        lines = key_lines(text)
        raise ConfigError("\n".join(located(one, str(path), line_of(one.path, lines)) for one in found))
    return msgspec.convert(document, expected)


def _absolute(argument: str, folder: Path) -> str:
    prefix, _, rest = argument.partition(":")
    if prefix == "simulated":
        return argument
    return f"{prefix}:{folder / rest}" if prefix in TRUNKS and rest else str(folder / argument)
