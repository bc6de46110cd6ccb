import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import core.public_ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_rows_known_by_what_they_join"),
        ("core", "0003_idempotency_key"),
        ("investigations", "0009_behaviour_and_reasons"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Instruction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("public_id", core.public_ids.PublicIdField(editable=False, prefix="ins", unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("must", "One hand"), ("cannot", "Never together"), ("shared", "Shared by strangers")],
                        max_length=10,
                    ),
                ),
                ("rationale", models.TextField(max_length=2000)),
                ("given_at", models.DateTimeField(auto_now_add=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "a",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
                (
                    "b",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="instructions", to="core.dataset"
                    ),
                ),
                (
                    "given_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "identifier",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.identifier",
                    ),
                ),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-given_at", "-id"],
                "indexes": [models.Index(fields=["dataset", "-given_at"], name="instruction_list")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("a", None), ("b", None), ("identifier__isnull", False), ("kind", "shared")),
                            models.Q(
                                ("a__isnull", False),
                                ("a__lt", models.F("b")),
                                ("b__isnull", False),
                                ("identifier", None),
                                ("kind__in", ["must", "cannot"]),
                            ),
                            _connector="OR",
                        ),
                        name="instruction_on_a_pair_or_a_value",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("identifier", None), ("withdrawn_at", None)),
                        fields=("a", "b"),
                        name="one_instruction_on_a_pair",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("a", None), ("withdrawn_at", None)),
                        fields=("identifier",),
                        name="one_instruction_on_a_value",
                    ),
                ],
            },
        ),
    ]
