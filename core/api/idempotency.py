"""Idempotency-Key: a write that is sent twice happens once, and the second sending gets the first one's answer.

The answer is committed together with the change, under the lock of the key's row. A server that dies in between leaves
neither, and the next try runs; a twin that comes while the first one works finds the row locked and is told so.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, cast

from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone
from rest_framework.response import Response

from core.errors import AppError, Conflict, InvalidInput
from core.keys import blob_seal, blob_unseal
from core.models import IdempotencyKey
from core.requests import ApiRequest

KEEP = timedelta(hours=48)
MAX_KEY = 255
_PURPOSE = "api.idempotency"
_KEPT_HEADERS = ("ETag", "Location")
F = TypeVar("F", bound=Callable[..., Response])


class KeyReused(AppError):
    code, title, status = "idempotency_key_reused", "This Idempotency-Key was used for something else", 422


class TwinRunning(Conflict):
    code, title = "idempotency_key_in_use", "The same request is being worked on"


def idempotent(method: F) -> F:
    """Lets a view's method be repeated safely under an Idempotency-Key. Only what succeeded is kept."""

    @functools.wraps(method)
    def wrapper(view: Any, request: ApiRequest, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return method(view, request, *args, **kwargs)
        return _once(request, _checked(key), lambda: method(view, request, *args, **kwargs))

    wrapper.is_idempotent = True  # type: ignore[attr-defined]
    return cast(F, wrapper)


def _once(request: ApiRequest, key: str, run: Callable[[], Response]) -> Response:
    row, fingerprint = _row_for(request, key), _fingerprint(request)
    try:
        with transaction.atomic():
            locked = _locked(row)
            if locked.fingerprint != fingerprint:
                raise KeyReused(
                    "The key came before with another address or body.",
                    what_to_do="Use a new key for a new request.",
                )
            if locked.status is not None:
                return _replay(locked)
            response = run()
            _keep(locked, response)
            return response
    except TwinRunning:
        raise
    except Exception:
        IdempotencyKey.objects.filter(pk=row.pk, status=None).delete()
        raise


def _row_for(request: ApiRequest, key: str) -> IdempotencyKey:
    """The key's row, made when there is none; what has expired goes first."""
    now = timezone.now()
    IdempotencyKey.objects.filter(expires_at__lt=now).delete()
    try:
        row, _ = IdempotencyKey.objects.get_or_create(
            owner=request.auth.public_id,
            key_digest=hashlib.sha256(key.encode("ascii")).hexdigest(),
            defaults={"fingerprint": _fingerprint(request), "expires_at": now + KEEP},
        )
    except IntegrityError as error:  # the twin made the row and, having failed, took it away in between
        raise _twin() from error
    return row


def _locked(row: IdempotencyKey) -> IdempotencyKey:
    try:
        found = IdempotencyKey.objects.select_for_update(nowait=True).filter(pk=row.pk).first()
    except OperationalError as error:
        raise _twin() from error
    if found is None:  # the twin failed this very moment and took the row away
        raise _twin()
    return found


def _twin() -> TwinRunning:
    return TwinRunning(
        "A request with this key has not been answered yet.",
        what_to_do="Wait and send it again.",
        retry_after=1,
    )


def _keep(row: IdempotencyKey, response: Response) -> None:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    answer = json.dumps({"headers": headers, "body": response.data}, default=str).encode("utf-8")
    row.status, row.answer_sealed = response.status_code, blob_seal(answer, purpose=_PURPOSE)
    row.save(update_fields=["status", "answer_sealed"])


def _replay(row: IdempotencyKey) -> Response:
    answer = json.loads(blob_unseal(bytes(row.answer_sealed or b""), purpose=_PURPOSE))
    headers = answer["headers"] | {"Idempotency-Replayed": "true"}
    return Response(answer["body"], status=row.status, headers=headers)


def _fingerprint(request: ApiRequest) -> str:
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    text = "\n".join((request.method or "", request.path, request.headers.get("If-Match", ""), body))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _checked(key: str) -> str:
    if not 0 < len(key) <= MAX_KEY or not all("!" <= character <= "~" for character in key):
        raise InvalidInput(
            f"An Idempotency-Key has 1 to {MAX_KEY} visible ASCII characters.",
            code="bad_idempotency_key",
            what_to_do="A random UUID does.",
        )
    return key
