"""The way that leads to the pages beneath the log."""

from __future__ import annotations

from policy_service.sentences import Sentence

Trail = tuple[tuple[Sentence, str], ...]
TO_LOG: Trail = ((Sentence("Audit log"), "/audit"),)
