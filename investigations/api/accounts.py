"""Accounts with what is concluded about them."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.response import Response

from accounts.models import Account, Status
from core.access import Capability
from core.api.fields import ItemsSerializer, ZonedDateTimeField
from core.api.paging import ListFilters, Order, page_response
from core.api.schema import documented
from core.api.views import ApiView
from core.datasets import dataset_get
from core.requests import ApiRequest
from investigations.access import account_get_for
from investigations.api.parts import (
    AccountRefSerializer,
    CaseRefSerializer,
    ClusterRefSerializer,
    DatasetFilters,
    FamiliesField,
    NotActionableField,
    PositionField,
    RunRefSerializer,
    ValueSerializer,
    VerdictRefSerializer,
    asked_page,
    page_to_response,
    shows_platform_ids,
)
from investigations.models import Member
from investigations.models.choices import Standing
from investigations.selectors.accounts import account_detail, account_identifiers
from investigations.selectors.links import links_of_account
from investigations.selectors.runs import run_latest


class AccountFilters(DatasetFilters):
    status = serializers.ListField(child=serializers.ChoiceField(choices=Status.choices), required=False)
    created_from = ZonedDateTimeField(required=False, help_text="Created at this time or later.")
    created_before = ZonedDateTimeField(required=False, help_text="Created before this time.")
    has_cluster = serializers.BooleanField(required=False, help_text="In a cluster of the newest run, or in none.")
    sort = serializers.ChoiceField(choices=["created_at", "-created_at"], default="-created_at")


class AccountRowSerializer(AccountRefSerializer):
    platform_id = serializers.SerializerMethodField(  # type: ignore[assignment]  # in place of the parent's
        help_text="The platform's own id; null without the right `platform_ids`."
    )
    country = serializers.CharField(allow_blank=True)
    last_seen_at = serializers.DateTimeField(allow_null=True)
    n_sessions = serializers.IntegerField()
    n_exchanges = serializers.IntegerField()
    n_output_tokens = serializers.IntegerField()

    def get_platform_id(self, account: Account) -> str | None:
        return account.platform_id if self.context.get("shows_platform_ids") else None


class AccountMembershipSerializer(serializers.Serializer[Any]):
    run = RunRefSerializer()
    cluster = ClusterRefSerializer()
    position = PositionField()
    is_in_actionable_core = serializers.BooleanField(source="is_actionable")
    bits = serializers.FloatField()
    actionable = NotActionableField()


class AccountStandingSerializer(serializers.Serializer[Any]):
    verdict = VerdictRefSerializer()
    case = CaseRefSerializer()
    standing = serializers.ChoiceField(choices=Standing.choices)
    reason = serializers.CharField(allow_blank=True)


@extend_schema_serializer(component_name="Account")
class AccountDetailSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="ref.public_id")
    platform_id = serializers.CharField(
        source="ref.platform_id", allow_null=True, help_text="Null without the right `platform_ids`."
    )
    dataset = serializers.CharField()
    status = serializers.ChoiceField(source="ref.status", choices=Status.choices)
    status_changed_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField(source="ref.created_at")
    is_created_at_derived = serializers.BooleanField(
        help_text="The extract did not say when; the first activity stands in."
    )
    plan = serializers.CharField(source="ref.plan", allow_blank=True)
    country = serializers.CharField(allow_blank=True, help_text="Shown, never a signal.")
    entry_path = serializers.CharField(allow_blank=True)
    last_seen_at = serializers.DateTimeField(allow_null=True)
    n_sessions = serializers.IntegerField()
    n_exchanges = serializers.IntegerField()
    n_input_tokens = serializers.IntegerField()
    n_output_tokens = serializers.IntegerField()
    n_identifiers = serializers.IntegerField()
    n_links = serializers.IntegerField()
    clusters = AccountMembershipSerializer(many=True, help_text="The newest run first.")
    cases = CaseRefSerializer(many=True)
    standings = AccountStandingSerializer(many=True)
    actionable = NotActionableField()


class AccountIdentifierSerializer(serializers.Serializer[Any]):
    value = ValueSerializer()
    n_holders = serializers.IntegerField(help_text="Accounts of the dataset that have it.")
    n_sightings = serializers.IntegerField()
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)
    is_hub = serializers.BooleanField(help_text="Its holders are independent of each other: it links nobody.")


class AccountLinkSerializer(serializers.Serializer[Any]):
    other = AccountRefSerializer()
    bits = serializers.FloatField(help_text="Over the line.")
    families = FamiliesField()
    n_evidence = serializers.IntegerField()
    cluster = ClusterRefSerializer(allow_null=True)
    strongest = ValueSerializer(allow_null=True)
    actionable = NotActionableField()


class AccountList(ApiView):
    access = Capability.VIEW

    @documented("account_list", query=AccountFilters, answer=ItemsSerializer.of(AccountRowSerializer))
    def get(self, request: ApiRequest) -> Response:
        """List accounts."""
        filters = AccountFilters.read(request)
        order = Order((filters["sort"], "-pk" if filters["sort"].startswith("-") else "pk"))
        context = {"shows_platform_ids": shows_platform_ids(request)}
        return page_response(
            request,
            _account_rows(filters),
            order=order,
            filters=filters,
            show=lambda rows: AccountRowSerializer(rows, many=True, context=context).data,
        )


class AccountView(ApiView):
    access = Capability.VIEW

    @documented("account_get", answer=AccountDetailSerializer)
    def get(self, request: ApiRequest, account_id: str) -> Response:
        """Get an account with its clusters, cases and standings."""
        account = account_get_for(request.user, account_id)
        detail = account_detail(account, shows_platform_ids=shows_platform_ids(request))
        return Response(AccountDetailSerializer(detail).data)


class AccountIdentifierList(ApiView):
    access = Capability.VIEW

    @documented("account_identifier_list", query=ListFilters, answer=ItemsSerializer.of(AccountIdentifierSerializer))
    def get(self, request: ApiRequest, account_id: str) -> Response:
        """List an account's identifiers, masked."""
        filters = ListFilters.read(request)
        account = account_get_for(request.user, account_id)
        page = account_identifiers(account, **asked_page(request, filters))
        return page_to_response(request, page, AccountIdentifierSerializer, filters)


class AccountLinkList(ApiView):
    access = Capability.VIEW

    @documented("account_link_list", query=ListFilters, answer=ItemsSerializer.of(AccountLinkSerializer))
    def get(self, request: ApiRequest, account_id: str) -> Response:
        """List an account's links in the newest run, the strongest first."""
        filters = ListFilters.read(request)
        page = links_of_account(
            account_get_for(request.user, account_id),
            **asked_page(request, filters),
            shows_platform_ids=shows_platform_ids(request),
        )
        return page_to_response(request, page, AccountLinkSerializer, filters)


def _account_rows(filters: dict[str, Any]) -> Any:
    """The accounts of a dataset that pass the filters."""
    dataset = dataset_get(filters["dataset"])
    rows = Account.objects.filter(dataset=dataset)
    if filters.get("status"):
        rows = rows.filter(status__in=filters["status"])
    if "created_from" in filters:
        rows = rows.filter(created_at__gte=filters["created_from"])
    if "created_before" in filters:
        rows = rows.filter(created_at__lt=filters["created_before"])
    if "has_cluster" in filters:
        run = run_latest(dataset)
        in_one = Exists(Member.objects.filter(account=OuterRef("pk"), version__run=run))
        rows = rows.filter(in_one if filters["has_cluster"] else ~in_one)
    return rows
