from __future__ import annotations

from django.conf import settings as django_settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from accounts.models import Account
from core.models import Dataset
from core.public_ids import PublicIdField
from investigations.models.choices import RunState


class Run(models.Model):
    """One computation of links and clusters. The row is the truth, a broker's message only a hint."""

    public_id = PublicIdField(prefix="run")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="runs")
    number = models.PositiveIntegerField()  # 1, 2, … in its dataset: the "run 42" that people say
    state = models.CharField(max_length=10, choices=RunState, default=RunState.QUEUED)
    settings = models.JSONField(default=dict)
    engine_version = models.CharField(max_length=20, blank=True)
    input_digest = models.CharField(max_length=64, blank=True)
    requested_by = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # since the last finished step; committed before the work
    claims = models.PositiveIntegerField(default=0)  # counts up with every claim: fences off a worker that lost the run
    is_cancel_requested = models.BooleanField(default=False)
    step = models.CharField(max_length=40, blank=True)
    step_done = models.BigIntegerField(default=0)
    step_total = models.BigIntegerField(default=0)
    steps = models.JSONField(default=list)  # [{name, state, done, total, seconds}], in order
    statistics = models.JSONField(default=dict)
    model = models.JSONField(default=dict)  # the model file: m, u, prior, damping, hubs' digest
    model_digest = models.CharField(max_length=64, blank=True)
    peak_mb = models.PositiveIntegerField(null=True)
    error = models.JSONField(null=True)  # problem document
    has_rows = models.BooleanField(default=False)  # links and members are in PostgreSQL (the last two runs)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="run_number_once"),
            models.UniqueConstraint(
                fields=["dataset"],
                condition=Q(state=RunState.RUNNING),
                name="one_run_at_a_time",
                violation_error_message="Another run of this dataset is under way.",
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("run-detail", args=[self.public_id])


class Link(models.Model):
    """Two accounts with their evidence in one run; only the last two runs keep theirs here."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="links", db_index=False)
    # no constraint: for each account of a dataset that goes, it would read the whole table
    a = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    b = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    bits = models.IntegerField()  # millibits over the line
    families = models.PositiveSmallIntegerField()  # bit i = linkage.types.FAMILIES[i]
    cluster = models.ForeignKey("investigations.Cluster", on_delete=models.SET_NULL, null=True, related_name="+")
    # one row per signal: [family, kind, value, bits, raw_bits, holders, is_hub, seen, expected], millibits
    evidence = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "a", "b"], name="link_once"),  # also the links of an account as a
            models.CheckConstraint(condition=Q(a__lt=F("b")), name="link_in_order"),
        ]
        indexes = [
            models.Index(fields=["run", "b"], name="link_of_account_b"),  # account page
        ]

    def __str__(self) -> str:
        return f"{self.a_id}–{self.b_id}"


class HubValue(models.Model):
    """A value whose users are independent of each other, in one run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="hubs", db_index=False)
    kind = models.CharField(max_length=40)
    value = models.BigIntegerField()  # identifier's number, or a content fingerprint
    holders = models.PositiveIntegerField()
    independence = models.FloatField(null=True)  # null: marked, and too few holders to test
    is_marked = models.BooleanField(default=False)  # by people

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "kind", "value"], name="hub_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"
