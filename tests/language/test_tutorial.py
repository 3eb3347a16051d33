"""The tutorial's policy is valid, does what the page says, and the mistake made on purpose is told as printed there."""

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest

from policy_service.language.diagnostics import PolicyError
from policy_service.language.evaluate import evaluate
from policy_service.language.load import load_bytes
from policy_service.language.outcome import Decided, MissingFacts
from policy_service.language.policy import Example, Policy
from policy_service.language.types import Value, parse_value

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial" / "your-first-policy.md").read_text("utf-8")
NAME = "my-policies/rewards/thank_you/1.0.0.yaml"
TODAY = datetime.date(2026, 11, 21)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def policy() -> Policy:
    return load_bytes("".join(blocks("yaml")).encode(), NAME)


def stored_facts(facts: dict[str, Any]) -> dict[str, Value]:
    return {name: parse_value(policy().facts[name].type, value) for name, value in facts.items()}


def test_the_first_draft_is_a_policy_already() -> None:
    assert load_bytes(blocks("yaml")[0].encode()).id == "rewards/thank_you"


@pytest.mark.parametrize("example", policy().examples, ids=lambda example: str(example.name))
def test_an_example_of_the_page_comes_out_as_it_says(example: Example) -> None:
    result = evaluate(policy(), example.facts, TODAY)
    if example.status == "decided":
        assert isinstance(example.outcome, dict)
        assert result == Decided((tuple(example.outcome.values()),), example.rules or ())
    else:
        assert result == MissingFacts(example.missing)


def test_the_mistake_made_on_purpose_is_told_in_the_words_of_the_page() -> None:
    draft = blocks("yaml")[0].replace("amount_12m >= 100000", "amount_21m >= 100000")
    with pytest.raises(PolicyError) as refused:
        load_bytes(draft.encode(), NAME)
    assert f"{refused.value}\n" == blocks("text")[0]


def test_the_customer_of_the_page_gets_the_answer_of_the_page() -> None:
    facts, answer = map(json.loads, blocks("json"))
    result = evaluate(policy(), stored_facts(facts), TODAY)
    assert result == Decided((tuple(answer["outcome"].values()),), tuple(answer["rules"]))
    [rule] = [rule for rule in policy().rules if rule.id in answer["rules"]]
    assert [rule.because.to_dict()] == answer["because"]
    assert policy().version == answer["version"]
    assert f"`{len(policy().examples)} of {len(policy().examples)}`" in PAGE
