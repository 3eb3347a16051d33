"""Results of jobs come back from JSON as they were, messages with their pattern; what somebody else wrote does not."""

from __future__ import annotations

import json

import pytest

from policy_service.audit.verdict import CopyComparison, LogFault, LogVerdict
from policy_service.jobs.encoding import decode_json, encode_json, rebuild, without_patterns
from policy_service.messages import Message, translate

NESTED = Message("entry {number}: {fault}", number=3, fault=Message("{count:,} rows are gone", count=1_200))
VERDICT = LogVerdict(
    3,
    1,
    "sha256:0",
    "sha256:1",
    None,
    2,
    fault=LogFault(NESTED, 3),
    copies=(CopyComparison("/mnt/a", 2, 5, None, Message("it is missing")),),
    faults=(LogFault(NESTED, 3), LogFault("plain")),
    differences=2,
)


def test_a_verdict_comes_back_as_it_was() -> None:
    verdict = rebuild(LogVerdict, decode_json(encode_json(VERDICT)))
    assert verdict == VERDICT
    assert verdict.to_dict() == VERDICT.to_dict()


def test_a_message_can_still_be_translated() -> None:
    message = decode_json(encode_json({"message": NESTED}))["message"]
    chinese = {"entry {number}: {fault}": "条目 {number}：{fault}", "{count:,} rows are gone": "少了 {count:,} 行"}
    assert translate(message, lambda pattern: chinese[pattern]) == "条目 3：少了 1,200 行"


def test_programs_get_plain_text() -> None:
    body = without_patterns(decode_json(encode_json({"all": [NESTED], "count": 1})))
    assert body == {"all": ["entry 3: 1,200 rows are gone"], "count": 1}
    assert type(body["all"][0]) is str


@pytest.mark.parametrize("pattern", ["{a.__class__}", "{a[0]}", "{a!r}", "{a:>99999999}", "{}", "{a"])
def test_a_pattern_that_reaches_further_than_its_values_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whichever of them
        decode_json(json.dumps({"$message": [pattern, {"a": "b"}]}))


def test_a_message_with_such_a_format_is_kept_as_text() -> None:
    message = Message("after {share:.1f} parts", share=2.25)
    assert decode_json(encode_json([message])) == [str(message)]


@pytest.mark.parametrize("data", [{"entries": 3}, {**json.loads(encode_json(VERDICT)), "other": 1}, [], None])
def test_what_is_no_verdict_is_refused(data: object) -> None:
    with pytest.raises((AttributeError, LookupError, TypeError)):
        rebuild(LogVerdict, data)
