"""Serializers' shared parts: strict input, the list envelope, times with a zone, public ids."""

from __future__ import annotations

import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from core.public_ids import ALPHABET, LENGTH


class InputSerializer(serializers.Serializer[Any]):
    """Input that says what it means: an unknown field is refused instead of dropped, a number is no text."""

    def to_internal_value(self, data: Any) -> Any:
        faults = self._faults(data) if isinstance(data, dict) else {}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not faults:
                raise
            raise serializers.ValidationError(dict(error.detail) | faults) from error  # type: ignore[arg-type]
        if faults:
            raise serializers.ValidationError(faults)
        return value

    def _faults(self, data: dict[str, Any]) -> dict[str, Any]:
        """What the framework would let pass."""
        known = f"There is no such field. Fields: {', '.join(self.fields)}."
        unknown = [name for name in data if name not in self.fields][:20]
        faults: dict[str, Any] = {name[:80]: [ErrorDetail(known, code="unknown_field")] for name in unknown}
        for name, field in self.fields.items():
            if name in data and (fault := _not_text(field, data[name])):
                faults[name] = fault
        return faults


def _not_text(field: serializers.Field[Any, Any, Any, Any], value: Any) -> Any:
    """The fault of a value that should be a text; the framework would turn 0 into "0", and 007 can't be told from 7."""
    if isinstance(field, serializers.CharField) and not isinstance(value, str | None):
        return [ErrorDetail("This is not a text.", code="not_text")]
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        return {i: fault for i, one in enumerate(value) if (fault := _not_text(field.child, one))}
    return None


class ZonedDateTimeField(serializers.DateTimeField):
    """An RFC 3339 time with its zone; a naive one is refused."""

    def enforce_timezone(self, value: datetime.datetime) -> datetime.datetime:
        if value.tzinfo is None:
            raise serializers.ValidationError("The time needs a zone, as in 2026-05-01T00:00:00Z.", code="naive")
        return super().enforce_timezone(value)


class PublicIdCharField(serializers.RegexField):
    """A public id with a prefix, as in clu_7Q4KD2XM3T9B."""

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        message = f"This is not an id of the form {prefix}_ and {LENGTH} characters."
        kwargs.setdefault("help_text", f"Public id, `{prefix}_` and {LENGTH} characters.")
        pattern = rf"^{prefix}_[{ALPHABET}]{{{LENGTH}}}\Z"
        super().__init__(pattern, error_messages={"invalid": message}, **kwargs)


class DetailSerializer(serializers.Serializer[Any]):
    """A thing whose selector gives `row` and more beside it: both in one object, with the row's fields first.

    Extend it together with the serializer of the row, and name that as `row_serializer`.
    """

    row_serializer: type[serializers.Serializer[Any]]

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = dict(self.row_serializer(instance.row, context=self.context).data)
        for name, field in self.fields.items():
            if name not in shown:
                value = field.get_attribute(instance)
                shown[name] = None if value is None else field.to_representation(value)
        return shown


@extend_schema_field({"type": "boolean", "const": False})
class NotActionableField(serializers.BooleanField):
    """`"actionable": false` on everything that is not an approved list."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs |= {"read_only": True, "help_text": "Always false: only an approved list may be acted upon."}
        super().__init__(**kwargs)

    def get_attribute(self, instance: Any) -> bool:
        return False


class ItemsSerializer(serializers.Serializer[Any]):
    """The envelope of every list; `ItemsSerializer.of(X)` is the one that holds X."""

    @staticmethod
    def of(
        item: type[serializers.BaseSerializer[Any]], **more: serializers.Field[Any, Any, Any, Any]
    ) -> type[serializers.Serializer[Any]]:
        """A serializer class for documentation: items, next, total, and what a list says beside them."""
        fields = {
            "items": item(many=True),
            "next": serializers.CharField(
                allow_null=True, help_text="Pass it as `cursor` for the next page; null on the last one."
            ),
            "total": serializers.IntegerField(
                required=False, help_text="How many there are in all; only with `total=1`."
            ),
        }
        name = item.__name__.replace("Serializer", "List") + "Serializer"
        return type(name, (ItemsSerializer,), fields | more)
