"""The help document of each page: the link `?` of the frame."""

from __future__ import annotations

import re
from collections.abc import Sequence

TOPICS: Sequence[tuple[str, str]] = (
    (r"/changes/new|/changes/[^/]+/(?:draft|report)|/policies/[^/]+/[^/]+/try", "how-to/write-a-change"),
    (r"/changes/[^/]+/actual-effect", "how-to/compare-what-came"),
    (r"/changes", "how-to/sign-a-change"),
    (r"/suspensions|/policies/[^/]+/[^/]+/suspend", "how-to/suspend-a-policy"),
    (r"/policies", "tutorial/sign-your-first-change"),
    (r"/decisions", "how-to/find-out-why"),
    (r"/groups|/movements", "how-to/find-who-moved"),
    (r"/subjects/erase", "how-to/erase-a-subject"),
    (r"/subjects|/data-checks", "how-to/check-the-data"),
    (r"/reevaluations", "how-to/decide-everybody-again"),
    (r"/benchmarks", "how-to/renew-a-benchmark-set"),
    (r"/runs", "how-to/run-over-a-file"),
    (r"/populations", "how-to/register-a-population"),
    (r"/overrides", "how-to/record-an-override"),
    (r"/in-force", "how-to/look-up-what-was-in-force"),
    (r"/regulations", "explanation/interpretations"),
    (r"/audit", "how-to/verify-the-log"),
    (r"/packs", "how-to/make-an-audit-pack"),
    (r"/accounts", "how-to/manage-accounts"),
    (r"/account", "reference/roles"),
    (r"/api-keys", "how-to/rotate-an-api-key"),
    (r"/keys", "how-to/rotate-the-signing-key"),
    (r"", "reference/pages"),
)
"""The beginning of an address and the document about its pages; the first that fits."""


def help_topic(path: str) -> str:
    """Return the document that helps on the page at `path`."""
    return next(topic for pattern, topic in TOPICS if re.match(rf"(?:{pattern})(?:/|$)" if pattern else "", path))
