"""How often a token may ask: a counter per token and minute in the cache."""

from __future__ import annotations

import time
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

log = structlog.get_logger("api")
WINDOW_SECONDS = 60


class TokenThrottle(BaseThrottle):
    """Allows settings.API_REQUESTS_PER_MINUTE a token. While the cache is down, requests pass: no right rests on it."""

    def allow_request(self, request: Request, view: Any) -> bool:
        owner = getattr(request.auth, "public_id", None) or getattr(request.user, "public_id", "")
        window = int(time.time()) // WINDOW_SECONDS
        key = f"api:{owner}:{window}"
        try:
            cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
            return bool(cache.incr(key) <= settings.API_REQUESTS_PER_MINUTE)
        except (RedisError, ValueError) as error:
            log.warning("api.throttle_unavailable", error=type(error).__name__)
            return True

    def wait(self) -> float:
        return WINDOW_SECONDS - time.time() % WINDOW_SECONDS + 1
