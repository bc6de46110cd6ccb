from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from knox.models import AbstractAuthToken

from core.access import Capability
from core.public_ids import PublicIdField
from staff.roles import ROLE_CAPABILITIES, Role


class Theme(models.TextChoices):
    SYSTEM = "system", "Like the system"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class Density(models.TextChoices):
    COMFORTABLE = "comfortable", "Comfortable"
    COMPACT = "compact", "Compact"


class User(AbstractUser):  # type: ignore[django-manager-missing]
    """A person who uses the console, or a program that uses its API."""

    public_id = PublicIdField(prefix="usr")
    theme = models.CharField(max_length=12, choices=Theme, default=Theme.SYSTEM)
    density = models.CharField(max_length=12, choices=Density, default=Density.COMFORTABLE)
    has_shortcuts = models.BooleanField("single-key shortcuts", default=True)

    class Meta(AbstractUser.Meta):
        ordering = ["username"]

    @cached_property
    def roles(self) -> frozenset[str]:
        """The roles that are granted and not revoked."""
        grants = self.role_grants.filter(revoked_at__isnull=True)
        return frozenset(grants.values_list("role", flat=True))

    @cached_property
    def capabilities(self) -> frozenset[Capability]:
        """What the roles together allow; nothing for a person who was switched off."""
        if not self.is_active:
            return frozenset()
        return frozenset().union(*(ROLE_CAPABILITIES[r] for r in self.roles if r in ROLE_CAPABILITIES))

    @property
    def label(self) -> str:
        """The name that pages show."""
        return self.get_full_name() or self.username

    @property
    def role_labels(self) -> list[str]:
        """The roles in their fixed order, as words."""
        return [role.label for role in Role if role.value in self.roles]


class RoleGrant(models.Model):
    """A role that a person has, since when and by whose hand. Revoked, never deleted."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="role_grants")
    role = models.CharField(max_length=16, choices=Role)
    granted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    granted_at = models.DateTimeField(auto_now_add=True)
    revoked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=Q(revoked_at__isnull=True),
                name="role_granted_once",
                violation_error_message="This person has that role already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.user}"


class ApiToken(AbstractAuthToken):  # type: ignore[misc]
    """A program's key: only its digest is stored; it has a name, scopes and an end."""

    public_id = PublicIdField(prefix="tok")
    name = models.CharField(max_length=80)
    scopes = models.JSONField(default=list)  # of staff.roles.Scope
    last_used_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} ({self.token_key[:8]}…)"


class SigninLink(models.Model):
    """A single-use sign-in address: only the digest of its secret is stored."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="signin_links")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"link for {self.user} until {self.expires_at:%Y-%m-%d %H:%M}"
