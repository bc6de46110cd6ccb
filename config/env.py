"""Typed readers of environment variables: an absent one gives the default, a bad one stops with its value shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config.problems import BadSetting

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
BROKER_SCHEMES = ("redis", "rediss", "redis+socket", "amqp", "amqps")
CACHE_SCHEMES = ("redis", "rediss", "unix")


def text(name: str, default: str = "", *, environ: Mapping[str, str] | None = None) -> str:
    """Return the variable without surrounding blanks, or the default when it is absent or empty."""
    source = os.environ if environ is None else environ
    return source.get(name, "").strip() or default


def boolean(name: str, default: bool) -> bool:  # noqa: FBT001
    """Return the variable as a switch (1/0, true/false, yes/no, on/off)."""
    value = text(name).lower()
    if not value:
        return default
    if value in TRUE_WORDS:
        return True
    if value in FALSE_WORDS:
        return False
    raise BadSetting(f"{name}={value!r} is neither on nor off. Use 1 or 0.")


def integer(name: str, default: int, *, low: int, high: int) -> int:
    """Return the variable as a whole number between low and high."""
    value = text(name)
    if not value:
        return default
    if not value.isascii() or not value.lstrip("-").isdigit() or not low <= int(value) <= high:
        raise BadSetting(f"{name}={value!r} is not a whole number from {low} to {high}.")
    return int(value)


def choice(name: str, default: str, *, choices: tuple[str, ...]) -> str:
    """Return the variable when it is one of the choices."""
    value = text(name, default)
    if value not in choices:
        raise BadSetting(f"{name}={value!r} is not one of {', '.join(choices)}.")
    return value


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Return the comma-separated parts of the variable."""
    value = text(name)
    return [part.strip() for part in value.split(",") if part.strip()] if value else list(default)


def secret(name: str, default: str = "") -> str:
    """Return the variable, or the contents of the file that `<name>_FILE` names; both at once is an error."""
    value, path = text(name), text(f"{name}_FILE")
    if value and path:
        raise BadSetting(f"{name} and {name}_FILE are both set. Keep one.")
    if not path:
        return value or default
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{name}_FILE={path!r} cannot be read: {error}.") from error
    if not value:
        raise BadSetting(f"{name}_FILE={path!r} is empty.")
    return value


def path(name: str, default: Path) -> Path:
    """Return the variable as an absolute path, with ~ expanded."""
    value = text(name)
    if "\0" in value:
        raise BadSetting(f"{name}={value!r} holds a NUL byte.")
    return Path(value).expanduser().absolute() if value else default


def bind_address() -> str:
    """Return BIND, the address that the web server listens on."""
    value = text("BIND", "127.0.0.1").strip("[]")
    if not value.isascii() or any(c.isspace() or c in "/?#@%" for c in value):
        raise BadSetting(f"BIND={value!r} is not an address. Use 127.0.0.1, or 0.0.0.0 for all of this machine's.")
    return value


def address_to_site(bind: str, port: int) -> str:
    """Return the site's address as seen from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def http_address(name: str, default: str) -> str:
    """Return the variable as an http(s) address of a whole site: scheme and host, no path."""
    value = text(name, default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise BadSetting(f"{name}={value!r} is not an address such as https://console.example.org.")
    return value


def broker_address(value: str) -> str:
    """Return BROKER_URL in the spelling Celery knows (valkey:// is read as redis://)."""
    value = value.replace("valkeys://", "rediss://", 1).replace("valkey://", "redis://", 1)
    if urlsplit(value).scheme not in BROKER_SCHEMES:
        raise BadSetting(f"BROKER_URL={hide_password(value)!r} starts with none of {', '.join(BROKER_SCHEMES)}.")
    return value


def cache_address(value: str) -> str:
    """Return CACHE_URL when it is an address of a Redis or Valkey server."""
    value = value.replace("valkeys://", "rediss://", 1).replace("valkey://", "redis://", 1)
    if urlsplit(value).scheme not in CACHE_SCHEMES:
        raise BadSetting(f"CACHE_URL={hide_password(value)!r} starts with none of {', '.join(CACHE_SCHEMES)}.")
    return value


def database(name: str, value: str) -> dict[str, Any]:
    """Return Django's settings of the PostgreSQL database at the address `value` of the variable `name`."""
    shown = hide_password(value)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise BadSetting(f"{name}={shown!r} is not an address: {error}.") from error
    database_name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in {"postgres", "postgresql"} or not database_name or not parts.username:
        raise BadSetting(f"{name}={shown!r} is not of the form postgresql://user:password@host:5432/database.")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = options.pop("host", "") or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database_name,
        "USER": unquote(parts.username),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(port or ""),
        "OPTIONS": options,
    }


def hide_password(value: str) -> str:
    """Return an address with its password replaced, fit for a message."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return "(unreadable)"
    return value.replace(f":{parts.password}@", ":***@", 1) if parts.password else value
