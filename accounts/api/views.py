"""Datasets, and accounts by the platform's own ids. Lists and details of accounts are investigations.api.accounts."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import (
    AccountLookupInput,
    AccountLookupSerializer,
    AccountRefSerializer,
    DatasetSerializer,
)
from accounts.models import Account
from core.access import Capability
from core.api.fields import ItemsSerializer
from core.api.paging import ListFilters, Order, page_response
from core.api.schema import documented
from core.api.views import ApiView
from core.datasets import dataset_get
from core.models import Dataset


class DatasetList(ApiView):
    access = Capability.VIEW

    @documented("dataset_list", query=ListFilters, answer=ItemsSerializer.of(DatasetSerializer))
    def get(self, request: Request) -> Response:
        """List datasets.

        What belongs together lives in a dataset; runs, clusters and cases never mix two.
        """
        filters = ListFilters.read(request)
        order = Order(("name",))
        return page_response(
            request,
            Dataset.objects.all(),
            order=order,
            filters=filters,
            show=lambda r: DatasetSerializer(r, many=True).data,
        )


class AccountLookup(ApiView):
    access = Capability.PLATFORM_IDS
    change = Capability.PLATFORM_IDS

    @documented(
        "account_lookup",
        body=AccountLookupInput,
        answer=AccountLookupSerializer,
        example={"dataset": "main", "platform_ids": ["user-1", "user-2"]},
    )
    def post(self, request: Request) -> Response:
        """Find accounts by the platform's own ids.

        The ids are posted because they are personal: they don't belong in addresses, where logs would keep them.
        """
        given = self.body(request, AccountLookupInput)
        dataset, wanted = dataset_get(given["dataset"]), list(dict.fromkeys(given["platform_ids"]))
        found = {a.platform_id: a for a in Account.objects.filter(dataset=dataset, platform_id__in=wanted)}
        items = [found[platform_id] for platform_id in wanted if platform_id in found]
        unknown = [platform_id for platform_id in wanted if platform_id not in found]
        return Response({"items": AccountRefSerializer(items, many=True).data, "unknown": unknown})
