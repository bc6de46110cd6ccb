"""Why two accounts are linked, or are not."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.response import Response

from accounts.kinds import FAMILIES
from core.access import Capability
from core.api.fields import InputSerializer, NotActionableField, PublicIdCharField
from core.api.schema import documented
from core.api.views import ApiView
from core.errors import InvalidInput
from core.requests import ApiRequest
from investigations.access import account_get_for
from investigations.api.clusters import ClusterLinkSerializer
from investigations.api.parts import (
    AccountRefSerializer,
    ClusterRefSerializer,
    RunRefSerializer,
    ValueSerializer,
    shows_platform_ids,
)
from investigations.selectors.links import link_explain


class PairInput(InputSerializer):
    a = PublicIdCharField("acc")
    b = PublicIdCharField("acc")


class EvidenceSerializer(serializers.Serializer[Any]):
    family = serializers.ChoiceField(choices=list(FAMILIES))
    value = ValueSerializer()
    bits = serializers.FloatField(help_text="After damping and caps; negative ones count against.")
    raw_bits = serializers.FloatField(help_text="Before damping and caps.")
    n_holders = serializers.IntegerField()
    is_hub = serializers.BooleanField()
    a_first_at = serializers.DateTimeField(allow_null=True)
    a_last_at = serializers.DateTimeField(allow_null=True)
    a_count = serializers.IntegerField(allow_null=True)
    b_first_at = serializers.DateTimeField(allow_null=True)
    b_last_at = serializers.DateTimeField(allow_null=True)
    b_count = serializers.IntegerField(allow_null=True)


class WaterfallStepSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of this name, not DRF's own label
    bits = serializers.FloatField()
    start = serializers.FloatField()
    end = serializers.FloatField()
    kind = serializers.CharField(help_text="prior, for, against, nothing or sum.")
    note = serializers.CharField(allow_blank=True)


@extend_schema_serializer(component_name="LinkExplanation")
class LinkExplanationSerializer(serializers.Serializer[Any]):
    a = AccountRefSerializer()
    b = AccountRefSerializer()
    run = RunRefSerializer()
    is_linked = serializers.BooleanField()
    is_stored = serializers.BooleanField(help_text="False: weighed now, from what the run kept of both.")
    bits = serializers.FloatField(help_text="Over the line; below 0 they are not linked.")
    prior_bits = serializers.FloatField(help_text="Where the sum starts.")
    headline = serializers.CharField()
    evidence = EvidenceSerializer(many=True)
    waterfall = WaterfallStepSerializer(many=True)
    why_not = serializers.CharField(allow_blank=True, help_text="Empty for a link.")
    path = ClusterLinkSerializer(many=True, help_text="The strongest way over other accounts, when there is only that.")
    same_cluster = ClusterRefSerializer(allow_null=True)
    model_digest = serializers.CharField(allow_blank=True)
    actionable = NotActionableField()


class LinkExplain(ApiView):
    access = Capability.VIEW
    change = Capability.VIEW

    @documented(
        "link_explain",
        body=PairInput,
        answer=LinkExplanationSerializer,
        example={"a": "acc_7Q4KD2XM3T9B", "b": "acc_0Z8N5RWJ6H1C"},
    )
    def post(self, request: ApiRequest) -> Response:
        """Explain a pair of accounts: each piece of evidence with its bits, or why they are not linked.

        Changes nothing; it is a POST because it takes two ids.
        """
        given = self.body(request, PairInput)
        a, b = (account_get_for(request.user, given[end]) for end in ("a", "b"))
        if a.pk == b.pk or a.dataset_id != b.dataset_id:
            raise InvalidInput("The pair must be two accounts of one dataset.", fields={"b": ["Name another account."]})
        found = link_explain(a, b, shows_platform_ids=shows_platform_ids(request))
        return Response(LinkExplanationSerializer(found).data)
