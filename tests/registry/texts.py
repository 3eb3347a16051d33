"""Policy files for the tests of the registry."""

from __future__ import annotations

from pathlib import Path


def policy_text(policy: str = "tiering/small", version: str = "1.0.0", threshold: int = 100, **facts: str) -> bytes:
    """A small valid policy file; `facts` are further facts, each with its declaration."""
    more = "".join(f"  {name}: {declaration}\n" for name, declaration in facts.items())
    return f"""\
policy: {policy}
version: {version}
title: {{zh: 小, en: small}}
subject: customer
facts:
  amount: {{type: money, currency: CNY, min: 0}}
{more}outcome:
  tier: {{type: choice, of: [S, C], ordered: best-first}}
table:
  hit: FIRST
  inputs: [amount]
  rows:
    - {{id: large, when: ["> {threshold}"], then: [S], because: {{zh: 大, en: large}}}}
    - {{id: little, when: ["-"], then: [C], because: {{zh: 小, en: little}}}}
examples:
  - {{name: much, facts: {{amount: 1000000}}, outcome: {{tier: S}}, rule: large}}
  - {{name: nothing, facts: {{amount: 0}}, outcome: {{tier: C}}, rule: little}}
""".encode()


def put_file(folder: Path, content: bytes, policy: str = "tiering/small", version: str = "1.0.0") -> Path:
    """Writes a policy file to its place below a folder."""
    path = folder / policy / f"{version}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
