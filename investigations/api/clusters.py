"""Clusters as triage shows them, their members and the links inside."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.response import Response

from accounts.kinds import FAMILIES
from core.access import Capability
from core.api.fields import DetailSerializer, ItemsSerializer
from core.api.paging import ListFilters
from core.api.schema import documented
from core.api.views import ApiView
from core.datasets import dataset_get
from core.requests import ApiRequest
from investigations.access import cluster_get_for
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
from investigations.linkage.types import MEASURES
from investigations.models.choices import Hypothesis, HypothesisAnswer, LineageKind, Position
from investigations.selectors.cluster import cluster_detail, member_list
from investigations.selectors.clusters import CLUSTER_SORTS, cluster_list
from investigations.selectors.links import links_of_cluster
from investigations.selectors.shapes.clusters import ClusterFilters

SORTS = [sign + name for name in sorted(CLUSTER_SORTS) for sign in ("-", "")]


class ClusterListFilters(DatasetFilters):
    family = serializers.ListField(
        child=serializers.ChoiceField(choices=list(FAMILIES)),
        required=False,
        help_text="Has evidence of this family; repeat it to ask for several at once.",
    )
    min_accounts = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    max_accounts = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    min_bits = serializers.FloatField(min_value=-1e6, max_value=1e6, required=False)
    has_actionable_core = serializers.BooleanField(required=False)
    change = serializers.ChoiceField(choices=LineageKind.choices, required=False, help_text="Against the run before.")
    case = serializers.ChoiceField(
        choices=["none", "open", "decided"], required=False, help_text="What became of it in casework."
    )
    sort = serializers.ChoiceField(
        choices=SORTS, default="-worth", help_text="`-` before the name sorts from the most to the least."
    )


class MemberFilters(ListFilters):
    position = serializers.ChoiceField(choices=Position.choices, required=False)
    in_actionable_core = serializers.BooleanField(required=False)


class WorthPartSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.FloatField(min_value=0, max_value=1)


class WorthReasonSerializer(serializers.Serializer[Any]):
    part = serializers.CharField()
    name = serializers.CharField(help_text="A measure of behaviour or a benign explanation, else the part again.")
    speaks = serializers.ChoiceField(choices=["for", "against"], help_text="For a look soon, or against.")
    text = serializers.CharField()


class ClusterRowSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    summary = serializers.CharField(help_text="What holds it, in words.")
    n_accounts = serializers.IntegerField()
    n_in_actionable_core = serializers.IntegerField(
        source="n_actionable", help_text="Members whose evidence could carry a decision."
    )
    n_new = serializers.IntegerField(help_text="More or fewer members than in the run before.")
    n_links = serializers.IntegerField()
    bits = serializers.FloatField(
        help_text="Median of its members' strongest links, over the line; not calibrated here."
    )
    cohesion = serializers.FloatField(help_text="Share of the possible links that exist, 0 to 1.")
    families = FamiliesField()
    worth = serializers.FloatField(help_text="Expected value of a look: the order of triage.")
    worth_parts = WorthPartSerializer(many=True)
    worth_reasons = WorthReasonSerializer(many=True, source="reasons", help_text="Why it stands there in triage.")
    n_sessions = serializers.IntegerField()
    n_exchanges = serializers.IntegerField()
    n_output_tokens = serializers.IntegerField()
    first_seen_at = serializers.DateTimeField(allow_null=True)
    last_seen_at = serializers.DateTimeField(allow_null=True)
    change = serializers.ChoiceField(choices=LineageKind.choices, allow_blank=True)
    case = CaseRefSerializer(allow_null=True, help_text="The newest case that it is in.")
    verdict = VerdictRefSerializer(allow_null=True)
    actionable = NotActionableField()


class FamilyEvidenceSerializer(serializers.Serializer[Any]):
    family = serializers.ChoiceField(choices=list(FAMILIES))
    bits_for = serializers.FloatField()
    bits_against = serializers.FloatField(max_value=0)
    n_links = serializers.IntegerField()
    parts_without = serializers.IntegerField(help_text="Parts that the cluster falls into without this family.")


class ClusterValueSerializer(serializers.Serializer[Any]):
    value = ValueSerializer()
    n_members = serializers.IntegerField()
    n_holders = serializers.IntegerField()
    n_others = serializers.IntegerField(help_text="Holders outside the cluster.")
    bits = serializers.FloatField()
    is_hub = serializers.BooleanField()


class FigureSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.IntegerField()


class HypothesisTestSerializer(serializers.Serializer[Any]):
    name = serializers.ChoiceField(choices=Hypothesis.choices)
    answer = serializers.ChoiceField(choices=HypothesisAnswer.choices)
    text = serializers.CharField(allow_blank=True)
    figures = FigureSerializer(many=True, help_text="The numbers that the answer rests on.")


class BehaviourSerializer(serializers.Serializer[Any]):
    name = serializers.ChoiceField(choices=list(MEASURES))
    value = serializers.FloatField(allow_null=True, help_text="Null where it is not known.")
    ordinary = serializers.FloatField(allow_null=True, help_text="The same of other accounts, or by chance.")
    unusual = serializers.FloatField(allow_null=True, help_text="0: as usual, 1: as far from it as can be.")
    text = serializers.CharField()


class LineageSerializer(serializers.Serializer[Any]):
    run = RunRefSerializer()
    kind = serializers.ChoiceField(choices=LineageKind.choices)
    n_before = serializers.IntegerField()
    n_after = serializers.IntegerField()
    n_shared = serializers.IntegerField()
    other = ClusterRefSerializer(allow_null=True)


class PositionCountSerializer(serializers.Serializer[Any]):
    position = PositionField()
    n = serializers.IntegerField()


@extend_schema_serializer(component_name="Cluster")
class ClusterDetailSerializer(DetailSerializer, ClusterRowSerializer):
    row_serializer = ClusterRowSerializer

    dataset = serializers.CharField()
    run = RunRefSerializer(help_text="The run that found it like this.")
    is_ended = serializers.BooleanField()
    has_members = serializers.BooleanField(help_text="False: members and links of that run are gone, figures stay.")
    sentence = serializers.CharField(help_text="What it is, what speaks against it and what was not tested.")
    fragility = serializers.CharField(allow_blank=True)
    evidence = FamilyEvidenceSerializer(many=True)
    values = ClusterValueSerializer(many=True, help_text="The strongest shared values.")
    hypotheses = HypothesisTestSerializer(many=True, source="explanations", help_text="Benign explanations.")
    behaviour = BehaviourSerializer(many=True, help_text="How its members use the platform; links nobody.")
    lineage = LineageSerializer(many=True)
    positions = PositionCountSerializer(many=True)
    cases = CaseRefSerializer(many=True)
    verdicts = VerdictRefSerializer(many=True)
    model_digest = serializers.CharField(allow_blank=True)


class MemberSerializer(serializers.Serializer[Any]):
    account = AccountRefSerializer()
    position = PositionField()
    is_in_actionable_core = serializers.BooleanField(
        source="is_actionable", help_text="Its evidence could carry a decision; that is not a decision."
    )
    bits = serializers.FloatField(help_text="Its strongest link inside the cluster, over the line.")
    degree = serializers.IntegerField(help_text="Links inside the cluster.")
    families = FamiliesField()
    since = serializers.DateTimeField(
        allow_null=True, help_text="Start of the episode that is linked; null means all of the account's life."
    )
    n_sessions = serializers.IntegerField()
    n_exchanges = serializers.IntegerField()
    n_output_tokens = serializers.IntegerField()
    last_seen_at = serializers.DateTimeField(allow_null=True)
    actionable = NotActionableField()


class ClusterLinkSerializer(serializers.Serializer[Any]):
    a = AccountRefSerializer()
    b = AccountRefSerializer()
    bits = serializers.FloatField(help_text="Over the line.")
    families = FamiliesField()
    actionable = NotActionableField()


class ClusterList(ApiView):
    access = Capability.VIEW

    @documented(
        "cluster_list",
        query=ClusterListFilters,
        answer=ItemsSerializer.of(
            ClusterRowSerializer,
            run=RunRefSerializer(allow_null=True, help_text="The newest run; null when none is done yet."),
        ),
    )
    def get(self, request: ApiRequest) -> Response:
        """List the newest run's clusters, in the order of triage."""
        filters = ClusterListFilters.read(request)
        found = cluster_list(
            dataset_get(filters["dataset"]),
            filters=_to_cluster_filters(filters),
            sort=_to_cluster_sort(filters["sort"]),
            **asked_page(request, filters),
        )
        run = RunRefSerializer(found.run).data if found.run else None
        return page_to_response(request, found.page, ClusterRowSerializer, filters, run=run)


class ClusterView(ApiView):
    access = Capability.VIEW

    @documented("cluster_get", answer=ClusterDetailSerializer)
    def get(self, request: ApiRequest, cluster_id: str) -> Response:
        """Get a cluster with its evidence by family, shared values and benign explanations."""
        cluster = cluster_get_for(request.user, cluster_id)
        return Response(ClusterDetailSerializer(cluster_detail(cluster)).data)


class ClusterMemberList(ApiView):
    access = Capability.VIEW

    @documented("cluster_member_list", query=MemberFilters, answer=ItemsSerializer.of(MemberSerializer))
    def get(self, request: ApiRequest, cluster_id: str) -> Response:
        """List a cluster's members, the strongest first."""
        filters = MemberFilters.read(request)
        page = member_list(
            cluster_get_for(request.user, cluster_id),
            position=filters.get("position", ""),
            is_actionable=filters.get("in_actionable_core"),
            **asked_page(request, filters),
            shows_platform_ids=shows_platform_ids(request),
        )
        return page_to_response(request, page, MemberSerializer, filters)


class ClusterLinkList(ApiView):
    access = Capability.VIEW

    @documented("cluster_link_list", query=ListFilters, answer=ItemsSerializer.of(ClusterLinkSerializer))
    def get(self, request: ApiRequest, cluster_id: str) -> Response:
        """List the links inside a cluster, the strongest first. Post a pair to `links/explain` for the evidence."""
        filters = ListFilters.read(request)
        page = links_of_cluster(
            cluster_get_for(request.user, cluster_id),
            **asked_page(request, filters),
            shows_platform_ids=shows_platform_ids(request),
        )
        return page_to_response(request, page, ClusterLinkSerializer, filters)


def _to_cluster_filters(given: dict[str, Any]) -> ClusterFilters:
    return ClusterFilters(
        families=tuple(given.get("family", ())),
        min_accounts=given.get("min_accounts"),
        max_accounts=given.get("max_accounts"),
        min_bits=given.get("min_bits"),
        is_actionable=given.get("has_actionable_core"),
        change=given.get("change", ""),
        case=given.get("case", ""),
    )


def _to_cluster_sort(sort: str) -> str:
    """The selector sorts from the most to the least, and the other way with `-`; the API says it like other APIs."""
    return sort[1:] if sort.startswith("-") else f"-{sort}"
