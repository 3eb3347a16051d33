"""The way that leads to the pages beneath the log."""

from __future__ import annotations

from policy_service.messages import Message

Breadcrumbs = tuple[tuple[Message, str], ...]
LOG_BREADCRUMBS: Breadcrumbs = ((Message("Audit log"), "/audit"),)
