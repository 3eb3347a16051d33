"""Policies as Python source: the text is as one would write it, and no word of a policy becomes code."""

import datetime
from unittest import mock

import pytest

from policy_service import load_bytes
from policy_service.compilers import python_text
from policy_service.compilers.python_source import compile_python, python_source
from policy_service.compilers.python_text import define_function, record_code, reuse_code
from policy_service.language.evaluate import evaluate
from policy_service.language.lower import lower
from policy_service.language.policy import AS_OF

POLICY = """
policy: tiering/words
version: 1.0.0
title: {zh: 词, en: words}
subject: customer
facts:
  amount: {type: money, currency: CNY, min: 0}
  mean: {type: money, currency: CNY, min: 1}
  days: {type: integer, min: 0, optional: true}
  name: {type: text}
outcome:
  tier: {type: choice, of: [A, "') or exit(1) or ('"]}
rules:
  hit: FIRST
  rows:
    - id: spends
      when: days is not missing and days < 30 and amount > 1.5 * mean
      then: {tier: A}
      because: {zh: 多, en: much}
    - id: named
      when: name = "') or exit(1) or ('\\" + __import__('os').abort()"
      then: {tier: "') or exit(1) or ('"}
      because: {zh: 名, en: name}
    - id: rest
      when: "true"
      then: {tier: A}
      because: {zh: 余, en: the rest}
"""


def test_the_text_reads_as_one_would_write_it() -> None:
    policy = load_bytes(POLICY.encode())
    core = lower(policy)
    assert python_source(core.rules, (*policy.facts, AS_OF), core.stand_ins).splitlines()[:9] == [
        "def matches(slots):",
        "    f_amount, f_mean, f_days, f_name, f_as_of, = slots",
        "    g_days = f_days is not None",
        "    if not g_days:",
        "        f_days = 0",
        "    matched = []",
        "    if (g_days and f_days < 30 and (2 * f_amount + (-3) * f_mean) > 0): matched.append(0)",
        "    if f_name == '\\') or exit(1) or (\\'\" + __import__(\\'os\\').abort()': matched.append(1)",
        "    if True: matched.append(2)",
    ]


def test_no_word_of_a_policy_becomes_code() -> None:
    policy = load_bytes(POLICY.encode())
    day = datetime.date(2026, 1, 1)
    for name in ("x", "') or exit(1) or ('\" + __import__('os').abort()"):
        facts = {"amount": 100, "mean": 100, "name": name}
        evaluator = compile_python(policy)
        assert evaluator.evaluate(facts, day) == evaluate(policy, facts, day)
        evaluator.close()


def test_code_is_known_only_while_a_version_is_put_together() -> None:
    text = "def gives(slots):\n    return 7\n"
    with record_code() as code:
        assert define_function(text, "gives")(()) == 7
    define_function("def gives(slots):\n    return 8\n", "gives")
    assert list(code) == [text]
    with reuse_code(code), mock.patch.object(python_text, "compile", create=True, side_effect=AssertionError):
        assert define_function(text, "gives")(()) == 7
    with (
        mock.patch.object(python_text, "compile", create=True, side_effect=LookupError),
        pytest.raises(LookupError),
    ):
        define_function(text, "gives")
