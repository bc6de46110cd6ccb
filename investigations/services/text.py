"""Text that people typed: cleaned, bounded, and refused with the field's name when PostgreSQL could not keep it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from core.errors import InvalidInput


@dataclass
class Faults:
    """What is wrong with an input, field by field; collected first, so that people see all of it at once."""

    fields: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, message: str) -> None:
        self.fields.setdefault(name, []).append(message)

    def raise_if_any(self, *, what_to_do: str = "Change what is marked and send it again.") -> None:
        """Raises InvalidInput with every message when there is one."""
        if self.fields:
            said = "; ".join(f"{name}: {message}" for name, all_ in self.fields.items() for message in all_)
            raise InvalidInput(said[:2000], what_to_do=what_to_do, fields=self.fields)


def text_clean(
    value: object,
    *,
    field: str,
    faults: Faults,
    max_length: int,
    is_required: bool = False,
    has_lines: bool = False,
) -> str:
    """The stripped text; a fault when it is missing, too long, or can't be stored (NUL, half a surrogate)."""
    if not isinstance(value, str):
        faults.add(field, "This must be text.")
        return ""
    text = value.replace("\r\n", "\n").strip()
    if not text and is_required:
        faults.add(field, "This is needed.")
    if len(text) > max_length:
        faults.add(field, f"At most {max_length:,} characters; this has {len(text):,}.")
    if "\x00" in text:
        faults.add(field, "It holds a NUL byte.")
    elif any(ord(c) < 32 and not (has_lines and c in "\n\t") for c in text):
        faults.add(field, "It holds control characters." if has_lines else "It must be one line of text.")
    if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        faults.add(field, "It holds half of a surrogate pair, which is no character.")
    return text


def web_address_clean(value: object, *, field: str, faults: Faults, max_length: int = 500) -> str:
    """An http or https address without a name or password in it; empty stays empty."""
    text = text_clean(value, field=field, faults=faults, max_length=max_length)
    if not text or field in faults.fields:
        return text
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        faults.add(field, "This is not an address.")
        return text
    if parts.scheme.lower() not in ("http", "https") or not host:
        faults.add(field, "Give a whole address that starts with https:// or http://.")
    elif parts.username is not None or parts.password is not None:
        faults.add(field, "The address must not hold a name or password.")
    elif any(c.isspace() or c in '<>"\\`{}' for c in text):
        faults.add(field, "The address holds characters that an address can't have.")
    return text
