"""A way to record, in a test, what could be written before hidden characters and second spellings were refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

NOTHING = re.compile("(?!)")


@contextmanager
def written_before() -> Iterator[None]:
    """Within this block no character counts as hidden, so that what is on record since then can be shown and packed."""
    characters = "policy_service.characters"
    with patch(f"{characters}.HIDDEN_CHARACTER", NOTHING), patch(f"{characters}._HIDDEN_IN_IDENTIFIER", NOTHING):
        yield
