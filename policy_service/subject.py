"""A subject, what a decision is about: an identifier that is written in one way, and its kind.

    Subject("C202405001")                 a customer
    Subject("2026/0045", "complaint")     a complaint

| part | value                                                                                  | left out   |
|------|----------------------------------------------------------------------------------------|------------|
| id   | text of 1 to 200 characters, in the one spelling of `characters`, no step `.` or `..`  | refused    |
| kind | as `subject:` in a policy: a small letter, then small letters, digits, `_`; at most 64 | `customer` |

Identifiers are compared letter by letter. So a second spelling of one is refused, with what to write, wherever it is
given: it would be another subject, to which no exception applies and which an erasure does not reach. `.` and `..`
between slashes are taken out of an address by browsers and by most clients, so a subject that has one has no address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from policy_service.characters import spelling_error
from policy_service.errors import PolicyServiceError
from policy_service.messages import Message, join_semicolon

CUSTOMER = "customer"
"""The kind of a subject when nothing else is said; also of every record that was made before kinds were recorded."""
MAX_ID = 200
"""Characters of an identifier."""
PLAIN_ID = f"[!-\\-0-~](?:[ -.0-~]{{0,{MAX_ID - 2}}}[!-.0-~])?"
"""The identifiers of printable ASCII without a slash that have no error, as a regular expression."""
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
"""What kinds are called in Chinese; one that is not here is called as it is written."""


class Subject(NamedTuple):
    """One subject; two are the same when both parts are, letter by letter."""

    id: str
    kind: str = CUSTOMER


class InvalidSubject(PolicyServiceError, ValueError):
    """An identifier or a kind that no subject can have; the message has a sentence for each fault."""

    kind = "invalid-parameter"

    def __init__(self, subject: Subject, errors: Mapping[str, str]) -> None:
        self.subject = subject
        self.errors = errors
        """What is wrong with `subject` (the identifier) and with `kind`."""
        super().__init__(join_semicolon(errors.values()))


def id_error(id_: str) -> Message | None:
    """Return the error of an identifier, as what to do about it; None when there is none."""
    if not id_:
        return Message("write at least one character")
    if len(id_) > MAX_ID:
        return Message("write at most {limit} characters", limit=MAX_ID)
    if (id_[0] == "." or "/" in id_) and not {".", ".."}.isdisjoint(id_.split("/")):
        return Message("leave out `.` and `..` between slashes")
    return spelling_error(id_)


def kind_error(kind: str) -> Message | None:
    """Return the error of a kind, as what to do about it; None when there is none."""
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
