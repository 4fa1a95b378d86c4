"""Keys: this machine's CURVE key pair, and which others' keys may publish or ask what. Files, no sockets."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from .errors import WireError
from .topics import check_name
from .verbs import VERBS

OWN, ALLOWED = "own.toml", "allowed.toml"
LISTEN = "listen"
"""What a key must be allowed to subscribe to results; the other verbs are those of control."""
EVERYTHING = "*"
Z85 = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#")
"""The alphabet of keys (ZeroMQ RFC 32)."""


class Keys(NamedTuple):
    """A CURVE key pair, each key 40 characters of Z85."""

    public: str
    secret: str


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose key may publish which streams and ask which verbs; "*" is all of them."""

    key: str
    streams: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()

    def may_publish(self, stream: str) -> bool:
        return EVERYTHING in self.streams or stream in self.streams

    def may_ask(self, verb: str) -> bool:
        return EVERYTHING in self.verbs or verb in self.verbs


def server_key_of(endpoint: str, given: str) -> str:
    """The public key of the service at an endpoint: as given, else `$SIXSENSE_SERVER_KEY` where it is on
    another machine; "" is none."""
    local = ("ipc://", "inproc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]:")
    return given or ("" if endpoint.startswith(local) else os.environ.get("SIXSENSE_SERVER_KEY", ""))


def keys_folder() -> Path:
    """`$SIXSENSE_KEYS`, else `sixsense/keys` in `$XDG_CONFIG_HOME` or `~/.config`."""
    if given := os.environ.get("SIXSENSE_KEYS"):
        return Path(given)
    configs = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(configs) / "sixsense" / "keys"


def new_keys(folder: Path) -> Keys:
    """Make this machine's keys. Raises WireError where it has some."""
    import zmq

    if (folder / OWN).exists():
        raise WireError(
            f"{folder / OWN} is there already; remove it to make new keys (and allow those again)"
        )
    while True:
        public, secret = (key.decode() for key in zmq.curve_keypair())
        # A command line would take a key that begins with another character for an option, or for worse.
        if public[0].isalnum():
            break
    keys = Keys(public, secret)
    _write(folder / OWN, f'public = "{keys.public}"\nsecret = "{keys.secret}"\n')
    return keys


def own_keys(folder: Path) -> Keys | None:
    """This machine's keys, None where it has none. Raises WireError where others may read them."""
    path = folder / OWN
    fields = _read(path)
    if fields is None:
        return None
    if path.stat().st_mode & 0o077:
        raise WireError(f"others can read the secret key in {path}: `chmod 600 {path}`")
    try:
        return Keys(check_key(fields["public"]), check_key(fields["secret"]))
    except KeyError as error:
        raise WireError(f"{path} lacks {error}: remove it and run `sixsense keys new`") from error


def needed_keys(folder: Path, why: str) -> Keys:
    """This machine's keys. Raises WireError with `why` and the command that makes them."""
    keys = own_keys(folder)
    if keys is None:
        raise WireError(f"{why}: run `sixsense keys new` on this machine")
    return keys


def grants(folder: Path) -> dict[str, Grant]:
    """Whose keys are allowed, by name. Raises WireError for a file that says something else."""
    path = folder / ALLOWED
    try:
        return msgspec.convert(_read(path) or {}, dict[str, Grant])
    except msgspec.ValidationError as error:
        raise WireError(f"{path}: {error}; correct it, or use `sixsense keys allow`") from error


def allow(folder: Path, name: str, key: str, streams: Iterable[str], verbs: Iterable[str]) -> Grant:
    """Bind a key to what it may publish and ask, in place of what was allowed to this name.

    Raises WireError for a name, key, stream or verb that is none, or a key that has another name.
    """
    grant = Grant(key=check_key(key), streams=tuple(streams), verbs=tuple(verbs))
    check_name("key's name", name)
    for stream in grant.streams:
        if stream != EVERYTHING:
            check_name("stream", stream)
    for verb in grant.verbs:
        if verb not in (*VERBS, LISTEN, EVERYTHING):
            raise WireError(f"there is no verb {verb!r} to allow; there are {', '.join((LISTEN, *VERBS))}")
    known = grants(folder)
    for other, its in known.items():
        if its.key == key and other != name:
            raise WireError(f"this key is allowed already, as {other!r}: use that name")
    known[name] = grant
    _write(folder / ALLOWED, "\n".join(_table(name, its) for name, its in known.items()))
    return grant


def check_key(key: Any) -> str:
    """Return `key` if it can be one. Raises WireError."""
    if isinstance(key, str) and len(key) == 40 and Z85.issuperset(key):
        return key
    raise WireError(
        f"{str(key)[:60]!r} is no key: a key has 40 characters, as `sixsense keys list` prints it"
    )


def _table(name: str, grant: Grant) -> str:
    lists = (
        f"{field} = [{', '.join(f'{chr(34)}{item}{chr(34)}' for item in getattr(grant, field))}]"
        for field in ("streams", "verbs")
    )
    return "\n".join((f'["{name}"]', f'key = "{grant.key}"', *lists, ""))


def _read(path: Path) -> dict[str, Any] | None:
    # Imported here because every subscriber would pay for it.
    import tomllib

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WireError(f"cannot read {path}: {error}") from error


def _write(path: Path, text: str) -> None:
    """A whole 0600 file in a 0700 folder, never open to others, never half written."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError as error:
        raise WireError(f"cannot write {path}: {error}; set SIXSENSE_KEYS to a folder of yours") from error
