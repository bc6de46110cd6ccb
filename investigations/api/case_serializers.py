"""What the API says of cases, and what it takes in."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.models import Status
from core.api.fields import DetailSerializer, InputSerializer, PublicIdCharField
from investigations.api.parts import DatasetFilters, FamiliesField, NotActionableField, PersonSerializer
from investigations.models.choices import Abusive, CaseState, Confidence, Likelihood, SameOperator
from investigations.selectors.cases import CASE_SORTS
from investigations.services.cases import NOTE_LENGTH, REASON_LENGTH, THINGS_AT_ONCE, TICKET_LENGTH, TITLE_LENGTH

# Sorts by columns that are never null.
CASE_LIST_SORTS = [sign + name for name in ("changed_at", "number", "opened_at") for sign in ("-", "")]
assert all(name.removeprefix("-") in CASE_SORTS for name in CASE_LIST_SORTS)


class CaseFiltersSerializer(DatasetFilters):
    state = serializers.ListField(child=serializers.ChoiceField(choices=CaseState.choices), required=False)
    owner = serializers.RegexField(
        r"^(none|usr_[0-9A-HJKMNP-TV-Z]{12})\Z",
        required=False,
        help_text="`usr_…`, or `none` for cases that nobody took.",
    )
    cluster = PublicIdCharField("clu", required=False)
    account = PublicIdCharField("acc", required=False, help_text="Put in beside the clusters.")
    ticket_id = serializers.CharField(
        max_length=TICKET_LENGTH, required=False, help_text="Exactly this ticket of the external system."
    )
    sort = serializers.ChoiceField(choices=CASE_LIST_SORTS, default="-changed_at")


class CaseRowSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    dataset = serializers.CharField()
    number = serializers.IntegerField(help_text="1, 2, … in its dataset.")
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=CaseState.choices)
    owner = PersonSerializer(allow_null=True)
    opened_by = PersonSerializer()
    opened_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    ticket_id = serializers.CharField(allow_blank=True)
    ticket_url = serializers.CharField(allow_blank=True)
    n_clusters = serializers.IntegerField()
    n_accounts = serializers.IntegerField(help_text="Accounts put in beside the clusters.")
    n_members = serializers.IntegerField(help_text="Members of its clusters, as they are now.")
    n_notes = serializers.IntegerField()
    n_verdicts = serializers.IntegerField(help_text="Superseded ones are not counted.")
    revision = serializers.IntegerField(help_text="Counts up with every change; the `ETag`.")


class VerdictRowSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    dataset = serializers.CharField()
    case_id = serializers.CharField(source="case_public_id")
    cluster_id = serializers.CharField(source="cluster_public_id")
    run_number = serializers.IntegerField(help_text="The run whose evidence was judged.")
    n_accounts = serializers.IntegerField()
    same_operator = serializers.ChoiceField(choices=SameOperator.choices)
    abusive = serializers.ChoiceField(choices=Abusive.choices)
    likelihood = serializers.ChoiceField(choices=Likelihood.choices, help_text="Words of ICD 203 for one operator.")
    confidence = serializers.ChoiceField(
        choices=Confidence.choices, help_text="In the evidence, apart from likelihood."
    )
    policy = serializers.CharField()
    author = PersonSerializer()
    created_at = serializers.DateTimeField()
    supersedes = serializers.CharField(allow_null=True)
    superseded_by = serializers.CharField(allow_null=True)
    actionable = NotActionableField()


class VersionFiguresSerializer(serializers.Serializer[Any]):
    run_id = serializers.CharField(source="run_public_id")
    run_number = serializers.IntegerField()
    n_accounts = serializers.IntegerField()
    n_in_actionable_core = serializers.IntegerField(source="n_actionable")
    n_links = serializers.IntegerField()
    bits = serializers.SerializerMethodField()
    families = FamiliesField()
    summary = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        fields["families"].source = "family_names"
        return fields

    def get_bits(self, figures: Any) -> float:
        return float(figures.bits) / 1000


class CaseClusterSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    added_by = PersonSerializer()
    added_at = serializers.DateTimeField()
    then = VersionFiguresSerializer(allow_null=True, help_text="When it was put into the case.")
    now = VersionFiguresSerializer(allow_null=True)
    has_changed = serializers.BooleanField()
    ended_in = serializers.IntegerField(allow_null=True, help_text="Number of the run that no longer found it.")
    verdict = VerdictRowSerializer(allow_null=True, help_text="The one that stands in this case.")


class CaseAccountSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    status = serializers.ChoiceField(choices=Status.choices)
    created_at = serializers.DateTimeField()
    n_sessions = serializers.IntegerField()
    n_exchanges = serializers.IntegerField()
    added_by = PersonSerializer()
    added_at = serializers.DateTimeField()


class TransitionSerializer(serializers.Serializer[Any]):
    to = serializers.ChoiceField(choices=CaseState.choices)
    needs_reason = serializers.BooleanField()


class NoteSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    author = PersonSerializer()
    text = serializers.CharField()
    created_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="Case")
class CaseDetailSerializer(DetailSerializer, CaseRowSerializer):
    row_serializer = CaseRowSerializer

    clusters = CaseClusterSerializer(many=True)
    accounts = CaseAccountSerializer(many=True)
    verdicts = VerdictRowSerializer(many=True, help_text="The newest first, superseded ones too.")
    transitions = TransitionSerializer(many=True, help_text="States that it can go to from here.")
    is_settled = serializers.BooleanField(help_text="Decided or closed: nothing can be put in or judged.")


class CaseInput(InputSerializer):
    dataset = serializers.SlugField(max_length=40, default="main")
    title = serializers.CharField(max_length=TITLE_LENGTH)
    clusters = serializers.ListField(
        child=PublicIdCharField("clu"), required=False, default=list, max_length=THINGS_AT_ONCE
    )
    accounts = serializers.ListField(
        child=PublicIdCharField("acc"), required=False, default=list, max_length=THINGS_AT_ONCE
    )
    owner = PublicIdCharField("usr", required=False, help_text="`usr_…`; without it the token's owner.")
    ticket_id = serializers.CharField(max_length=TICKET_LENGTH, required=False, allow_blank=True, default="")
    ticket_url = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class CaseChangeInput(InputSerializer):
    title = serializers.CharField(max_length=TITLE_LENGTH, required=False)
    owner = PublicIdCharField("usr", required=False, allow_null=True, help_text="`usr_…`, or null for nobody.")
    ticket_id = serializers.CharField(max_length=TICKET_LENGTH, required=False, allow_blank=True)
    ticket_url = serializers.CharField(max_length=500, required=False, allow_blank=True)


class TransitionInput(InputSerializer):
    to = serializers.ChoiceField(choices=CaseState.choices)
    reason = serializers.CharField(max_length=REASON_LENGTH, required=False, allow_blank=True, default="")


class ClusterIdInput(InputSerializer):
    cluster = PublicIdCharField("clu")


class AccountIdInput(InputSerializer):
    account = PublicIdCharField("acc")


class NoteInput(InputSerializer):
    text = serializers.CharField(max_length=NOTE_LENGTH)
