"""Settings of the test run: the product's own, on servers of its own under .hydrascope-test/."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEST_HOME = Path(os.environ.get("HYDRASCOPE_TEST_HOME", ROOT / ".hydrascope-test"))
for _name in (
    "DATABASE_URL",
    "OWNER_DATABASE_URL",
    "BROKER_URL",
    "CACHE_URL",
    "PUBLIC_URL",
    "SECRET_KEY",
    "HYDRASCOPE_ENV",
):
    os.environ.pop(_name, None)
os.environ["HYDRASCOPE_HOME"] = str(TEST_HOME)

from config.settings import *  # noqa: E402, F403
from config.settings import BROKER_URL as _BROKER_URL  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
DATABASES["default"]["CONN_MAX_AGE"] = 0  # type: ignore[name-defined]  # noqa: F405

# Each process of the run has a broker database of its own; 0 and 1 are the console's.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
BROKER_DATABASE = 2 + int(_WORKER.removeprefix("gw")) % 14
CELERY_BROKER_URL = BROKER_URL = _BROKER_URL.replace("virtual_host=0", f"virtual_host={BROKER_DATABASE}")
