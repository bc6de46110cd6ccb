from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from staff import services
from staff.models import User
from staff.roles import Role

FIRST_ROLES = (Role.ADMINISTRATOR, Role.LEAD, Role.MANAGER)


class Command(BaseCommand):
    help = "Makes the first person, `admin`, where there is nobody yet: administrator, lead and manager in one."

    def handle(self, *args: Any, **options: Any) -> None:
        if not User.objects.exists():
            services.user_create("admin", roles=tuple(str(r.value) for r in FIRST_ROLES))
            self.stdout.write("Made the first person: admin (administrator, lead, manager), no password.")
