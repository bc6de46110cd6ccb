"""Keeps a spreadsheet from taking a text for a formula (CWE-1236)."""

from __future__ import annotations

TRIGGERS = frozenset("=+-@\t\r\n\x00\uff1d\uff0b\uff0d\uff20")
"""What makes a spreadsheet compute a cell: the ASCII signs, tab, CR, LF and NUL, and the signs' full-width twins."""
_INVISIBLE = " \u00a0\u200b\u200c\u200d\u2060\ufeff\u3000"


def text_guard(text: str) -> str:
    """The text with an apostrophe before it when it could start a formula, NUL bytes replaced by their picture."""
    start = text.lstrip(_INVISIBLE)
    risky = bool(text) and (text[0] in TRIGGERS or start[:1] in TRIGGERS)
    clean = text.replace("\x00", "␀") if "\x00" in text else text
    return f"'{clean}" if risky else clean
