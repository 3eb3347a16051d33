"""Results that the library tells in a line of English, `size big by big`, told in the reader's language."""

from __future__ import annotations

import re

from policy_service.messages import Message


def localized_result(text: str) -> str:
    """A result as the report keeps it in a line of English, to be told in the reader's language."""
    if text == "no rule matched":
        return Message("no rule matched")
    for prefix, message_of in (("missing facts ", _missing), ("conflict of ", _conflict)):
        if text.startswith(prefix):
            return message_of(text.removeprefix(prefix))
    if match := re.fullmatch(r"(?s)(.*) by (.*)", text):
        return Message("{outcome} by {rules}", outcome=match[1], rules=match[2])
    return text


def _missing(names: str) -> Message:
    return Message("missing facts {names}", names=names)


def _conflict(rules: str) -> Message:
    return Message("conflict of {rules}", rules=rules)
