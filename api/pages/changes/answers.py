"""Results that the library tells in a line of English, `size big by big`, told in the reader's language."""

from __future__ import annotations

import re

from policy_service.sentences import Sentence


def answer_words(told: str) -> str:
    """A result as the report keeps it in a line of English, to be told in the reader's language."""
    if told == "no rule matched":
        return Sentence("no rule matched")
    for beginning, say in (("missing facts ", _missing), ("conflict of ", _conflict)):
        if told.startswith(beginning):
            return say(told.removeprefix(beginning))
    if found := re.fullmatch(r"(?s)(.*) by (.*)", told):
        return Sentence("{outcome} by {rules}", outcome=found[1], rules=found[2])
    return told


def _missing(names: str) -> Sentence:
    return Sentence("missing facts {names}", names=names)


def _conflict(rules: str) -> Sentence:
    return Sentence("conflict of {rules}", rules=rules)
