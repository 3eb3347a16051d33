"""A subject of a decision: an identifier with a canonical spelling, and a kind.

    Subject("C202405001")                 a customer
    Subject("2026/0045", "complaint")     a complaint

| part | value                                                                                  | left out   |
|------|----------------------------------------------------------------------------------------|------------|
| id   | text of 1 to 200 characters, in the one spelling of `characters`, no step `.` or `..`  | refused    |
| kind | as `subject:` in a policy: a small letter, then small letters, digits, `_`; at most 64 | `customer` |

Identifiers are compared exactly. So a non-canonical spelling is rejected everywhere, with the correct one: it would be
another subject, without the first one's overrides, and not covered by its erasure. Browsers and most clients remove `.`
and `..` between slashes from an address, so a subject with one would have no address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from policy_service.characters import spelling_error
from policy_service.errors import PolicyServiceError
from policy_service.messages import Message, join_semicolon

CUSTOMER = "customer"
"""The default kind of a subject, also of every record from before kinds."""
MAX_ID = 200
"""Maximum length of an identifier, characters."""
PLAIN_ID = f"[!-\\-0-~](?:[ -.0-~]{{0,{MAX_ID - 2}}}[!-.0-~])?"
"""Valid identifiers of printable ASCII without a slash, as a regular expression."""
_BLANKS = r"\s\u00a0\u3000"
_FORBIDDEN = (
    r"\u0000-\u001f\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff"
    r"\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
)
ID_PATTERN = f"^[^{_BLANKS}{_FORBIDDEN}]([^{_FORBIDDEN}]*[^{_BLANKS}{_FORBIDDEN}])?$"
"""The canonical spelling of identifiers as far as JSON Schema states it; `id_error` rejects a little more."""
KIND = re.compile("[a-z][a-z0-9_]{0,63}")
MAX_KIND = 64
KIND_LABELS_ZH: Mapping[str, str] = {
    "customer": "客户",
    "salesperson": "销售人员",
    "employee": "员工",
    "complaint": "投诉",
    "customer_group": "客户分组",
    "customer_record": "客户记录",
    "tier_group": "等级分组",
    "contact": "联系人",
    "contact_person": "联系人",
    "visit": "拜访",
    "order": "订单",
    "payment": "回款",
    "service_request": "服务请求",
    "team": "团队",
    "company": "公司",
    "override": "例外",
    "change": "变更",
}
"""Chinese labels of kinds; others are shown by their name."""


class Subject(NamedTuple):
    """One subject; equal if both parts are."""

    id: str
    kind: str = CUSTOMER


class InvalidSubject(PolicyServiceError, ValueError):
    """An invalid identifier or kind; the message has a sentence for each error."""

    kind = "invalid-parameter"

    def __init__(self, subject: Subject, errors: Mapping[str, str]) -> None:
        self.subject = subject
        self.errors = errors
        """The errors of `subject` (the identifier) and of `kind`."""
        super().__init__(join_semicolon(errors.values()))


def id_error(id_: str) -> Message | None:
    """Return the error of an identifier, with the remedy; None if there is none."""
    if not id_:
        return Message("write at least one character")
    if len(id_) > MAX_ID:
        return Message("write at most {limit} characters", limit=MAX_ID)
    if (id_[0] == "." or "/" in id_) and not {".", ".."}.isdisjoint(id_.split("/")):
        return Message("leave out `.` and `..` between slashes")
    return spelling_error(id_)


def kind_error(kind: str) -> Message | None:
    """Return the error of a kind, with the remedy; None if there is none."""
    if KIND.fullmatch(kind):
        return None
    return Message("write small letters, digits and underscores, such as `{kind}`", kind=CUSTOMER)


def subject_errors(subject: Subject) -> dict[str, Message]:
    """Return the errors of a subject, by part: `subject` is its identifier."""
    errors = {"subject": id_error(subject.id), "kind": kind_error(subject.kind)}
    return {part: error for part, error in errors.items() if error is not None}


def kind_label(kind: str, lang: str) -> str:
    """Return the label of a kind in a language, `zh` or `en`."""
    spaced = kind.replace("_", " ")
    return KIND_LABELS_ZH.get(kind, spaced) if lang == "zh" else spaced
