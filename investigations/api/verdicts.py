"""Verdicts: people's decisions, the evidence they froze, and recording one."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.response import Response

from accounts.kinds import FAMILIES
from core.access import Capability
from core.api.fields import DetailSerializer, InputSerializer, ItemsSerializer, PublicIdCharField
from core.api.idempotency import idempotent
from core.api.paging import ListFilters, Order, page_response
from core.api.schema import documented
from core.api.views import ApiView, created
from core.datasets import dataset_get
from core.errors import InvalidInput, NotFound
from core.requests import ApiRequest
from investigations.access import case_get_for, cluster_get_for, verdict_get_for
from investigations.api.case_serializers import VerdictRowSerializer
from investigations.api.parts import DatasetFilters
from investigations.models import VerdictStanding
from investigations.models.choices import (
    Abusive,
    Confidence,
    Hypothesis,
    HypothesisAnswer,
    Likelihood,
    Position,
    SameOperator,
    Standing,
)
from investigations.selectors.shapes.cases import VerdictFilters
from investigations.selectors.verdicts import verdict_detail, verdict_row, verdict_rows
from investigations.services.verdict_rules import (
    EXPLANATION_LENGTH,
    NOTE_LENGTH,
    POLICY_LENGTH,
    RATIONALE_LENGTH,
    REASON_LENGTH,
)
from investigations.services.verdicts import (
    STANDING_DEFAULTS,
    HypothesisInput,
    StandingInput,
    VerdictInput,
    verdict_record,
)


class VerdictFiltersSerializer(DatasetFilters):
    same_operator = serializers.ListField(child=serializers.ChoiceField(choices=SameOperator.choices), required=False)
    abusive = serializers.ListField(child=serializers.ChoiceField(choices=Abusive.choices), required=False)
    author = PublicIdCharField("usr", required=False)
    case = PublicIdCharField("cas", required=False)
    cluster = PublicIdCharField("clu", required=False)
    standing_only = serializers.BooleanField(default=False, help_text="Leave out those that a later one superseded.")


class HypothesisSerializer(serializers.Serializer[Any]):
    name = serializers.ChoiceField(source="key", choices=Hypothesis.choices)
    answer = serializers.ChoiceField(choices=HypothesisAnswer.choices)
    note = serializers.CharField(allow_blank=True)


class FrozenFamilySerializer(serializers.Serializer[Any]):
    family = serializers.ChoiceField(choices=list(FAMILIES))
    millibits_for = serializers.IntegerField(source="bits_for")
    millibits_against = serializers.IntegerField(source="bits_against")
    n_links = serializers.IntegerField()
    parts_without = serializers.IntegerField()


class FrozenSummarySerializer(serializers.Serializer[Any]):
    frozen_at = serializers.DateTimeField()
    sentence = serializers.CharField()
    run_id = serializers.CharField(source="run.public_id")
    model_digest = serializers.CharField(source="run.model_digest", allow_blank=True)
    input_digest = serializers.CharField(source="run.input_digest", allow_blank=True)
    families = FrozenFamilySerializer(many=True)
    n_members = serializers.SerializerMethodField()
    n_links = serializers.IntegerField(source="n_links_total")

    @extend_schema_field(OpenApiTypes.INT)
    def get_n_members(self, frozen: Any) -> int:
        return len(frozen.members)


class DriftSerializer(serializers.Serializer[Any]):
    has_changed = serializers.BooleanField()
    is_ended = serializers.BooleanField()
    run_then = serializers.IntegerField()
    run_now = serializers.IntegerField(allow_null=True)
    n_then = serializers.IntegerField()
    n_now = serializers.IntegerField()
    joined = serializers.ListField(child=serializers.CharField(), help_text="Accounts that came since.")
    left = serializers.ListField(child=serializers.CharField())
    families_gained = serializers.ListField(child=serializers.CharField())
    families_lost = serializers.ListField(child=serializers.CharField())


@extend_schema_serializer(component_name="Verdict")
class VerdictDetailSerializer(DetailSerializer, VerdictRowSerializer):
    row_serializer = VerdictRowSerializer

    rationale = serializers.CharField()
    hypotheses = HypothesisSerializer(many=True)
    standing_counts = serializers.DictField(child=serializers.IntegerField(), help_text="How many accounts a standing.")
    evidence = FrozenSummarySerializer(source="frozen", help_text="As it was seen; whole under `…/evidence`.")
    frozen_digest = serializers.CharField(help_text="sha256 of the frozen evidence as canonical JSON.")
    is_intact = serializers.BooleanField(help_text="The frozen evidence still has that digest.")
    drift = DriftSerializer(help_text="What became of the cluster since.")


class StandingSerializer(serializers.Serializer[Any]):
    account_id = serializers.CharField(source="account.public_id")
    standing = serializers.ChoiceField(choices=Standing.choices)
    reason = serializers.CharField(allow_blank=True)


@extend_schema_field({"type": "object", "additionalProperties": True})
class FrozenDocument(serializers.Serializer[Any]):
    """The frozen evidence: format hydrascope-frozen-1. Bits are millibits, members are rows of `member_columns`."""


class StandingInputSerializer(InputSerializer):
    standing = serializers.ChoiceField(choices=Standing.choices)
    reason = serializers.CharField(max_length=REASON_LENGTH, required=False, allow_blank=True, default="")


class HypothesisInputSerializer(InputSerializer):
    answer = serializers.ChoiceField(choices=HypothesisAnswer.choices)
    note = serializers.CharField(max_length=NOTE_LENGTH, required=False, allow_blank=True, default="")


HypothesesInput = type(
    "HypothesesInput", (InputSerializer,), {h.value: HypothesisInputSerializer(help_text=h.label) for h in Hypothesis}
)
DefaultsInput = type(
    "DefaultsInput", (InputSerializer,), {p.value: StandingInputSerializer(required=False) for p in Position}
)


class VerdictInputSerializer(InputSerializer):
    cluster = PublicIdCharField("clu", help_text="A cluster of the case.")
    same_operator = serializers.ChoiceField(choices=SameOperator.choices)
    abusive = serializers.ChoiceField(choices=Abusive.choices)
    likelihood = serializers.ChoiceField(choices=Likelihood.choices)
    confidence = serializers.ChoiceField(choices=Confidence.choices)
    policy = serializers.CharField(max_length=POLICY_LENGTH)
    rationale = serializers.CharField(max_length=RATIONALE_LENGTH)
    explanation = serializers.CharField(
        max_length=EXPLANATION_LENGTH,
        required=False,
        allow_blank=True,
        default="",
        help_text="Needed where the two axes seem to contradict each other.",
    )
    hypotheses = HypothesesInput(help_text="An answer to every benign explanation.")
    defaults = DefaultsInput(required=False, help_text="Standing by the engine's position.")
    overrides = serializers.DictField(
        child=StandingInputSerializer(),
        required=False,
        default=dict,
        help_text="Standing by account, each with a reason.",
    )
    expected_run = PublicIdCharField(
        "run", required=False, help_text="The run whose evidence you looked at: refused when a newer one has landed."
    )


class VerdictList(ApiView):
    access = Capability.VIEW

    @documented("verdict_list", query=VerdictFiltersSerializer, answer=ItemsSerializer.of(VerdictRowSerializer))
    def get(self, request: ApiRequest) -> Response:
        """List verdicts, the newest first."""
        given = VerdictFiltersSerializer.read(request)
        filters = VerdictFilters(
            same_operator=tuple(given.get("same_operator", ())),
            abusive=tuple(given.get("abusive", ())),
            author=given.get("author", ""),
            case=given.get("case", ""),
            cluster=given.get("cluster", ""),
            standing_only=given["standing_only"],
        )
        rows = verdict_rows(dataset_get(given["dataset"]), filters=filters)
        order = Order(("-created_at", "-pk"))
        return page_response(request, rows, order=order, filters=given, show=_show_rows)


class VerdictView(ApiView):
    access = Capability.VIEW

    @documented("verdict_get", answer=VerdictDetailSerializer)
    def get(self, request: ApiRequest, verdict_id: str) -> Response:
        """Get a verdict with its grounds, a summary of the frozen evidence and what changed since."""
        verdict = verdict_get_for(request.user, verdict_id)
        return Response(VerdictDetailSerializer(verdict_detail(verdict)).data)


class VerdictEvidence(ApiView):
    access = Capability.VIEW

    @documented("verdict_evidence", answer=FrozenDocument)
    def get(self, request: ApiRequest, verdict_id: str) -> Response:
        """Get the frozen evidence of a verdict, whole.

        Its sha256 as canonical JSON (sorted keys, no spaces, UTF-8) is the verdict's `frozen_digest`, also the `ETag`.
        """
        verdict = verdict_get_for(request.user, verdict_id)
        return Response(verdict.frozen, headers={"ETag": f'"{verdict.frozen_digest}"'})


class VerdictStandingList(ApiView):
    access = Capability.VIEW

    @documented("verdict_standing_list", query=ListFilters, answer=ItemsSerializer.of(StandingSerializer))
    def get(self, request: ApiRequest, verdict_id: str) -> Response:
        """List what a verdict says of each account."""
        filters = ListFilters.read(request)
        verdict = verdict_get_for(request.user, verdict_id)
        rows = VerdictStanding.objects.filter(verdict=verdict).select_related("account")
        return page_response(request, rows, order=Order(("pk",)), filters=filters, show=_show_standings)


class CaseVerdictList(ApiView):
    access = Capability.VIEW
    change = Capability.VERDICT

    @documented(
        "verdict_record",
        body=VerdictInputSerializer,
        answer=VerdictDetailSerializer,
        status=201,
        example={
            "cluster": "clu_7Q4KD2XM3T9B",
            "same_operator": "confirmed",
            "abusive": "yes",
            "likelihood": "very_likely",
            "confidence": "moderate",
            "policy": "Usage policy 4.2",
            "rationale": "All members pay with two cards and hand over to each other after bans.",
            "hypotheses": {h.value: {"answer": "against"} for h in Hypothesis},
        },
    )
    @idempotent
    def post(self, request: ApiRequest, case_id: str) -> Response:
        """Record a verdict on a cluster of a case. It freezes the evidence and supersedes the last one on this cluster.

        What can lead to a ban leaves the case waiting for a second person.
        """
        case = case_get_for(request.user, case_id)
        given = self.body(request, VerdictInputSerializer)
        try:
            cluster = cluster_get_for(request.user, given["cluster"])
        except NotFound as error:
            message = f"There is no {given['cluster']} here."
            raise InvalidInput("One value is not valid.", fields={"cluster": [message]}) from error
        verdict = verdict_record(
            case, cluster, by=request.user, decision=_decision(given), expected_run=given.get("expected_run", "")
        )
        body = VerdictDetailSerializer(verdict_detail(verdict)).data
        return created(body, "api-verdict", verdict.public_id)


def _decision(given: dict[str, Any]) -> VerdictInput:
    plain = ("same_operator", "abusive", "likelihood", "confidence", "policy", "rationale", "explanation")
    defaults = {name: StandingInput(**value) for name, value in given.get("defaults", {}).items()}
    return VerdictInput(
        **{name: given[name] for name in plain},
        hypotheses={name: HypothesisInput(**value) for name, value in given["hypotheses"].items()},
        defaults={**STANDING_DEFAULTS, **defaults},
        overrides={account: StandingInput(**value) for account, value in given["overrides"].items()},
    )


def _show_rows(verdicts: Any) -> Any:
    return VerdictRowSerializer([verdict_row(verdict) for verdict in verdicts], many=True).data


def _show_standings(standings: Any) -> Any:
    return StandingSerializer(standings, many=True).data
