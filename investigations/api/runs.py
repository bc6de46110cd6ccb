"""Runs: what was computed, how far one is, starting and cancelling."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.response import Response

from core.access import Capability
from core.api.fields import DetailSerializer, InputSerializer, ItemsSerializer
from core.api.idempotency import idempotent
from core.api.schema import documented
from core.api.views import ApiView, created
from core.datasets import dataset_get
from core.requests import ApiRequest
from investigations.access import run_get_for
from investigations.api.parts import DatasetFilters, asked_page, page_to_response
from investigations.models.choices import RunState
from investigations.selectors.runs import run_detail, run_list
from investigations.services.runs import run_cancel, run_request
from investigations.tasks import run_hint


@extend_schema_field({"type": "object", "additionalProperties": True})
class ObjectField(serializers.DictField):
    """An object whose keys are not fixed."""


class RunRowSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    number = serializers.IntegerField(help_text="1, 2, … in its dataset.")
    state = serializers.ChoiceField(choices=RunState.choices)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)
    requested_by = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    n_accounts = serializers.IntegerField(allow_null=True)
    n_links = serializers.IntegerField(allow_null=True)
    n_clusters = serializers.IntegerField(allow_null=True)
    share_done = serializers.FloatField(allow_null=True, help_text="0 to 1 while it is queued or running.")
    seconds_left = serializers.FloatField(allow_null=True, help_text="An estimate.")
    is_open = serializers.BooleanField(help_text="Queued or running.")
    is_cancel_requested = serializers.BooleanField()


class RunStepSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of this name, not DRF's own label
    state = serializers.CharField(help_text="waiting, running or done.")
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    seconds = serializers.FloatField(allow_null=True)


@extend_schema_serializer(component_name="Run")
class RunDetailSerializer(DetailSerializer, RunRowSerializer):
    row_serializer = RunRowSerializer

    dataset = serializers.CharField()
    steps = RunStepSerializer(many=True)
    settings = ObjectField()
    statistics = ObjectField()
    lineage = ObjectField(help_text="How many clusters were born, grew, shrank, merged, split, ended.")
    engine_version = serializers.CharField(allow_blank=True)
    input_digest = serializers.CharField(allow_blank=True)
    model_digest = serializers.CharField(allow_blank=True)
    peak_mb = serializers.IntegerField(allow_null=True)
    attempts = serializers.IntegerField()
    is_latest = serializers.BooleanField()
    has_rows = serializers.BooleanField(help_text="Members and links can be read; only the last two runs keep theirs.")
    error = ObjectField(allow_null=True, help_text="A problem document when it failed.")


class RunInput(InputSerializer):
    dataset = serializers.SlugField(max_length=40, default="main")
    settings = ObjectField(required=False, help_text="Differences from the default settings; see the settings' page.")
    reason = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class RunList(ApiView):
    access = Capability.VIEW
    change = Capability.RUN

    @documented("run_list", query=DatasetFilters, answer=ItemsSerializer.of(RunRowSerializer))
    def get(self, request: ApiRequest) -> Response:
        """List a dataset's runs, the newest first."""
        filters = DatasetFilters.read(request)
        dataset = dataset_get(filters["dataset"])
        page = run_list(dataset, **asked_page(request, filters))
        return page_to_response(request, page, RunRowSerializer, filters)

    @documented(
        "run_start",
        body=RunInput,
        answer=RunDetailSerializer,
        status=201,
        example={"dataset": "main", "reason": "after the nightly extract"},
    )
    @idempotent
    def post(self, request: ApiRequest) -> Response:
        """Start a run.

        It is queued for the workers; read it again to follow it. A dataset has one open run at a time.
        """
        given = self.body(request, RunInput)
        dataset = dataset_get(given["dataset"])
        run = run_request(dataset, settings=given.get("settings"), by=request.user, reason=given["reason"])
        run_hint(run)
        return created(RunDetailSerializer(run_detail(run)).data, "api-run", run.public_id)


class RunView(ApiView):
    access = Capability.VIEW

    @documented("run_get", answer=RunDetailSerializer)
    def get(self, request: ApiRequest, run_id: str) -> Response:
        """Get a run with its progress, settings and statistics."""
        return Response(RunDetailSerializer(run_detail(run_get_for(request.user, run_id))).data)


class RunCancel(ApiView):
    access = Capability.VIEW
    change = Capability.RUN

    @documented("run_cancel", answer=RunDetailSerializer)
    @idempotent
    def post(self, request: ApiRequest, run_id: str) -> Response:
        """Cancel a run: at once when it is queued, at its next step when it is running."""
        run = run_cancel(run_get_for(request.user, run_id), by=request.user)
        return Response(RunDetailSerializer(run_detail(run)).data)
