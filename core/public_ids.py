"""Opaque public ids: a prefix and twelve characters, stored as a random bigint, never a sequence."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
from django.core.exceptions import ValidationError
from django.db import models

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
LENGTH = 12
SPACE = 32**LENGTH  # 2**60, inside a signed bigint
_VALUES = {c: i for i, c in enumerate(ALPHABET)} | {"I": 1, "L": 1, "O": 0}


def number_new() -> int:
    """A random number for a new public id."""
    return secrets.randbelow(SPACE)


def numbers_new(n: int) -> np.ndarray:
    """`n` random numbers (int64) for rows that are loaded in bulk."""
    raw = np.frombuffer(secrets.token_bytes(8 * n), dtype=np.uint64)
    return (raw >> np.uint64(4)).astype(np.int64)


def number_to_public_id(number: int, prefix: str) -> str:
    """The text form: `acc_7Q4KD2XM3T9B`."""
    if not 0 <= number < SPACE:
        raise ValueError(f"{number} is outside the space of public ids")
    chars = []
    for _ in range(LENGTH):
        number, digit = divmod(number, 32)
        chars.append(ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(chars))}"


def public_id_to_number(text: str, prefix: str) -> int:
    """The stored number; raises ValueError when the text is not a public id with this prefix."""
    head, _, body = text.partition("_")
    if head != prefix or len(body) != LENGTH or not body.isascii():
        raise ValueError(f"not a public id of the form {prefix}_ and {LENGTH} characters")
    number = 0
    for char in body.upper():
        if char not in _VALUES:
            raise ValueError(f"{char!r} does not occur in public ids")
        number = number * 32 + _VALUES[char]
    return number


class PublicIdField(models.BigIntegerField):
    """A unique opaque id: bigint in the database, `prefix_XXXXXXXXXXXX` in Python, URLs and exports."""

    _pyi_private_set_type: str  # type: ignore[assignment]
    _pyi_private_get_type: str  # type: ignore[assignment]

    def __init__(self, *args: Any, prefix: str = "", **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs.setdefault("unique", True)
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"prefix": self.prefix}

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001 - Django's signature
        value = getattr(model_instance, self.attname)
        if value is None and add:
            value = number_to_public_id(number_new(), self.prefix)
            setattr(model_instance, self.attname, value)
        return value

    def from_db_value(self, value: int | None, *_: Any) -> str | None:
        return None if value is None else number_to_public_id(value, self.prefix)

    def to_python(self, value: Any) -> Any:
        return number_to_public_id(value, self.prefix) if isinstance(value, int) else value

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, int):
            return value
        try:
            return public_id_to_number(str(value), self.prefix)
        except ValueError as error:
            raise ValidationError(str(error), code="bad_public_id") from error

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj))

    def formfield(self, **kwargs: Any) -> Any:
        return None
