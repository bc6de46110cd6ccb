"""What the API says of datasets and accounts, and what it takes in."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.models import Status
from core.api.fields import InputSerializer
from core.models.dataset import DatasetKind

MAX_LOOKUP = 200


class DatasetSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField(help_text="What other endpoints take as `dataset`.")
    kind = serializers.ChoiceField(choices=DatasetKind.choices)
    created_at = serializers.DateTimeField()


class AccountRefSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    platform_id = serializers.CharField(
        allow_null=True, help_text="The platform's own id; null without the right `platform_ids`."
    )
    status = serializers.ChoiceField(choices=Status.choices)
    created_at = serializers.DateTimeField()
    plan = serializers.CharField(allow_blank=True)


class AccountLookupInput(InputSerializer):
    dataset = serializers.SlugField(max_length=40, default="main")
    platform_ids = serializers.ListField(
        child=serializers.CharField(max_length=200, trim_whitespace=False), min_length=1, max_length=MAX_LOOKUP
    )


class AccountLookupSerializer(serializers.Serializer[Any]):
    items = AccountRefSerializer(many=True)
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="Those that the dataset has no account for, in the order they came."
    )
