"""Small policies for the tests: a fact of every type, and the part under test."""

from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy

FACTS = """\
  flag: {type: boolean}
  count_: {type: integer, min: 0, max: 100}
  whole: {type: integer}
  ratio: {type: number, scale: 4}
  spend: {type: money, currency: CNY, min: 0, max: 1000}
  yen: {type: money, currency: JPY}
  born: {type: date, min: 1950-01-01, max: 2020-12-31}
  wait: {type: duration, min: PT0S, max: P30D}
  tier: {type: choice, of: [S, A, B], ordered: best-first}
  other: {type: choice, of: [A, X]}
  far: {type: choice, of: [Y, Z]}
  note: {type: text}
  memo: {type: text}
  tags: {type: tags, of: [vip, A]}
  more: {type: tags, of: [Y]}
  maybe: {type: integer, optional: true}
"""
OUTCOME = "  out: {type: choice, of: [yes, no]}\n"
RULES = """\
rules:
  hit: FIRST
  rows:
    - {id: one, when: "true", then: [yes], because: {zh: 是, en: so}}
"""


def policy_text(logic: str = RULES, outcome: str = OUTCOME, facts: str = FACTS, rest: str = "") -> str:
    """A policy file with these parts."""
    return f"""\
policy: tests/sample
version: 1.0.0
title: {{zh: 样例, en: sample}}
subject: customer
facts:
{facts}outcome:
{outcome}{logic}{rest}"""


def ruled(when: str, then: str = "[yes]", outcome: str = OUTCOME, hit: str = "FIRST") -> str:
    """A policy file with one free rule."""
    logic = f"""\
rules:
  hit: {hit}
  rows:
    - id: one
      when: {when}
      then: {then}
      because: {{zh: 是, en: so}}
"""
    return policy_text(logic, outcome)


def rule_lines(*rules: tuple[str, str, str], hit: str = "FIRST", aggregate: str | None = None) -> str:
    """Free rules, each an id, a condition and what stands after `then:`; empty for nothing."""
    lines = ["rules:", f"  hit: {hit}", *([f"  aggregate: {aggregate}"] if aggregate else []), "  rows:"]
    for id_, when, then in rules:
        message = f"then: {then}, " if then else ""
        lines.append(f"    - {{id: {id_}, when: '{when}', {message}because: {{zh: 是, en: {id_}}}}}")
    return "\n".join(lines) + "\n"


def tabled(inputs: str, *rows: str, hit: str = "FIRST", outcome: str = OUTCOME) -> str:
    """A policy file with a decision table; a row is its cells and `then`."""
    lines = [f"    - {{id: r{number}, {row}, because: {{zh: 是, en: so}}}}" for number, row in enumerate(rows)]
    return policy_text(
        "\n".join(["table:", f"  hit: {hit}", f"  inputs: [{inputs}]", "  rows:", *lines]) + "\n", outcome
    )


def loaded(text: str) -> Policy:
    """The policy that the text states."""
    return load_bytes(text.encode())


def diagnostics_of(text: str | bytes) -> list[tuple[str, str, str | None]]:
    """The faults of a file: the characters meant, `code: message`, and the hint; empty when there are none."""
    content = text.encode() if isinstance(text, str) else text
    try:
        load_bytes(content)
    except PolicyError as error:
        lines = error.text.splitlines()
        return [
            (
                lines[fault.span.line - 1][fault.span.column - 1 :][: fault.span.width] if lines else "",
                f"{fault.code}: {fault.message}",
                fault.hint,
            )
            for fault in error.diagnostics
        ]
    return []
