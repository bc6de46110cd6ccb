from __future__ import annotations

from django.db import models
from django.urls import reverse

from accounts.models import Account
from core.models import Dataset
from core.public_ids import PublicIdField
from investigations.models.choices import LineageKind, Position
from investigations.models.run import Run


class Cluster(models.Model):
    """A cluster's durable identity. What it looked like in a run is its version."""

    public_id = PublicIdField(prefix="clu")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="clusters")
    born_in = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="+")
    ended_in = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, related_name="+")
    current = models.OneToOneField(
        "investigations.ClusterVersion", on_delete=models.SET_NULL, null=True, related_name="+"
    )

    def __str__(self) -> str:
        return str(self.public_id)

    def get_absolute_url(self) -> str:
        return reverse("cluster-detail", args=[self.public_id])


class ClusterVersion(models.Model):
    """A cluster as one run found it: the figures of list and page. Members stay for the last two runs."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="versions")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="cluster_versions", db_index=False)
    n_accounts = models.PositiveIntegerField()
    n_actionable = models.PositiveIntegerField()
    n_links = models.PositiveIntegerField()
    n_new = models.IntegerField(default=0)  # against the version before
    bits = models.IntegerField()  # median over members of their strongest link, millibits over the line
    families = models.PositiveSmallIntegerField()  # bit mask over linkage.types.FAMILIES
    cohesion = models.FloatField()
    n_sessions = models.PositiveBigIntegerField(default=0)
    n_exchanges = models.PositiveBigIntegerField(default=0)
    n_output_tokens = models.PositiveBigIntegerField(default=0)
    first_seen_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    worth = models.FloatField(default=0)  # expected value of a look, the triage order
    worth_parts = models.JSONField(default=dict)  # by name of linkage.triage.PARTS: 0 to 1 each
    worth_reasons = models.JSONField(default=list)  # linkage.triage.Reason rows
    summary = models.CharField(max_length=300)  # "what holds it", in words
    # linkage.types.CLUSTER_FAMILIES rows and CLUSTER_VALUES rows, as lists of objects
    family_rows = models.JSONField(default=list)
    value_rows = models.JSONField(default=list)
    # linkage.types.HYPOTHESES rows; empty for runs before the engine tested them
    hypothesis_rows = models.JSONField(default=list)
    behaviour_rows = models.JSONField(default=list)  # linkage.types.BEHAVIOUR rows

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "cluster"], name="cluster_version_once")]
        indexes = [
            models.Index(fields=["run", "-worth", "id"], name="triage_order"),  # triage list
            models.Index(fields=["run", "-n_accounts", "id"], name="triage_by_size"),
            models.Index(fields=["run", "-bits", "id"], name="triage_by_bits"),
        ]

    def __str__(self) -> str:
        return f"{self.cluster} in {self.run}"


class Member(models.Model):
    """An account in a cluster's version. Linked, with a position; nothing more is said of it."""

    version = models.ForeignKey(ClusterVersion, on_delete=models.CASCADE, related_name="members", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="memberships")
    position = models.CharField(max_length=10, choices=Position)
    is_actionable = models.BooleanField()
    bits = models.IntegerField()  # strongest link inside the cluster, millibits over the line
    degree = models.PositiveIntegerField()
    families = models.PositiveSmallIntegerField()
    since = models.DateTimeField(null=True)  # start of the accused episode; null = all of the account's life

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "account"], name="member_once")]
        indexes = [
            models.Index(fields=["version", "-bits", "id"], name="members_by_bits"),  # cluster page, report
        ]

    def __str__(self) -> str:
        return f"{self.account_id} in {self.version_id}"


class LineageEvent(models.Model):
    """What became of a cluster from one run to the next."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="lineage")
    kind = models.CharField(max_length=8, choices=LineageKind)
    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="lineage")
    other = models.ForeignKey(Cluster, on_delete=models.CASCADE, null=True, related_name="+")  # merged into, split from
    n_before = models.PositiveIntegerField(default=0)
    n_after = models.PositiveIntegerField(default=0)
    n_shared = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-run_id", "id"]

    def __str__(self) -> str:
        return f"{self.cluster} {self.kind} in {self.run}"
