"""Small parts that many answers of the API share."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.serializers import AccountRefSerializer
from accounts.kinds import FAMILIES
from core.access import Capability
from core.api.fields import NotActionableField
from core.api.paging import ListFilters, inner_cursor, items_response, outer_cursor
from core.requests import ApiRequest
from investigations.models.choices import Abusive, CaseState, Position, RunState, SameOperator
from investigations.selectors.shapes.page import Page

__all__ = [
    "AccountRefSerializer",
    "CaseRefSerializer",
    "ClusterRefSerializer",
    "DatasetFilters",
    "FamiliesField",
    "NotActionableField",
    "PersonSerializer",
    "PositionField",
    "RunRefSerializer",
    "ValueSerializer",
    "VerdictRefSerializer",
    "asked_page",
    "page_to_response",
    "shows_platform_ids",
]


def FamiliesField() -> serializers.ListField:
    """Families of evidence in their fixed order."""
    return serializers.ListField(child=serializers.ChoiceField(choices=list(FAMILIES)))


def PositionField() -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=Position.choices, help_text="What the engine says of a member.")


class DatasetFilters(ListFilters):
    dataset = serializers.SlugField(max_length=40, default="main", help_text="Name of the dataset.")


class PersonSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    username = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of this name, not DRF's own label


class RunRefSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=RunState.choices)
    finished_at = serializers.DateTimeField(allow_null=True)


class ClusterRefSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    summary = serializers.CharField(allow_blank=True)
    n_accounts = serializers.IntegerField()
    is_ended = serializers.BooleanField()


class CaseRefSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    number = serializers.IntegerField()
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=CaseState.choices)
    owner = serializers.CharField(allow_blank=True, help_text="A person's label; empty when nobody took it.")


class VerdictRefSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    same_operator = serializers.ChoiceField(choices=SameOperator.choices)
    abusive = serializers.ChoiceField(choices=Abusive.choices)
    author = serializers.CharField()
    created_at = serializers.DateTimeField()
    actionable = NotActionableField()


class ValueSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(
        source="public_id", allow_null=True, help_text="`idf_…`; null for fingerprints and signals without a value."
    )
    kind = serializers.CharField()
    kind_label = serializers.CharField()
    family = serializers.ChoiceField(choices=list(FAMILIES))
    shown = serializers.CharField(allow_blank=True, help_text="The mask of the value, never the value.")
    is_personal = serializers.BooleanField()


def asked_page(request: ApiRequest, filters: dict[str, Any]) -> dict[str, Any]:
    """Which page the caller asks for, as selectors take it."""
    return {"size": filters["limit"], "cursor": inner_cursor(request, filters)}


def page_to_response(
    request: ApiRequest,
    page: Page[Any],
    serializer: type[serializers.Serializer[Any]],
    filters: dict[str, Any],
    **extra: Any,
) -> Response:
    """A selector's page in the API's envelope."""
    total = page.n_matching if filters["total"] == "1" else None
    following = outer_cursor(request, filters, page.next)
    return items_response(serializer(page.items, many=True).data, following=following, total=total, **extra)


def shows_platform_ids(request: ApiRequest) -> bool:
    """Does the caller see the platform's own account ids?"""
    return Capability.PLATFORM_IDS in request.user.capabilities
