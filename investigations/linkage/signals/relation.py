"""Stated relations: the same end user or the same key in exchanges of several accounts."""

from __future__ import annotations

from investigations.linkage.signals.protocol import ColumnSignal

RELATION = ColumnSignal("relation", (("end_user_id", "end_user"), ("api_key_id", "api_key")))
