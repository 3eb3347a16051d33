"""Policies by digest, each read once: a digest names one text for ever."""

from __future__ import annotations

import threading
from collections import OrderedDict

from sqlmodel import Session

from policy_service.approval.forecast import Load
from policy_service.approval.store import read_text
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from policy_service.registry.service import UnknownVersion, load_version

KEPT = 256
"""Policies that stay loaded."""
_KEPT: OrderedDict[str, Policy] = OrderedDict()
_LOCK = threading.Lock()


def loader(session: Session) -> Load:
    """Gives the policy under a digest, from the registry or from a draft.

    What it gives raises PolicyError for a drafted text that is not valid, UnknownChange for a digest nobody kept.
    """

    def load(digest: str) -> Policy:
        with _LOCK:
            if digest in _KEPT:
                _KEPT.move_to_end(digest)
                return _KEPT[digest]
        try:
            policy = load_version(session, digest)
        except UnknownVersion:
            policy = load_bytes(read_text(session, digest), "draft.yaml")
        with _LOCK:
            _KEPT[digest] = policy
            while len(_KEPT) > KEPT:
                _KEPT.popitem(last=False)
        return policy

    return load
