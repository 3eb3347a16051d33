"""Policy files that the tests of these pages use: each form once, and one whose words are hostile."""

# ruff: noqa: E501  # a rule is one line of a file

from __future__ import annotations

LONG = "很长的理由" * 400
"""A reason of 2,000 characters, the most there may be, without a space."""
SCRIPT = "<script>alert(1)</script>"

RULES = """policy: rewards/gift
version: {version}
title: {{zh: 礼品, en: gift}}
source: [R-GIFT-1, R-GIFT-2]
subject: customer
facts:
  spent: {{type: money, currency: CNY, min: 0, title: {{zh: 消费额, en: spent}}}}
  loyal: {{type: boolean, optional: true, title: {{zh: 忠诚, en: loyal}}}}
outcome:
  gift: {{type: money, currency: CNY, min: 0, title: {{zh: 礼品额, en: gift}}}}
rules:
  hit: COLLECT
  aggregate: sum
  rows:
    - id: share
      when: spent > 100
      then: ["round(0.02 * spent, 2)"]
      because: {{zh: 按 R-GIFT-1 回馈, en: a share back by R-GIFT-1}}
    - id: loyal
      title: {{zh: 忠诚回馈, en: Thanks to the loyal}}
      when: spent > 10 and (spent >= {limit} or (loyal is not missing and loyal))
      then: ["5"]
      because: {{zh: 忠诚, en: loyalty}}
examples:
  - {{name: a share, title: {{zh: 返还 2%, en: Two per cent back}}, facts: {{spent: "200.00"}}, outcome: {{gift: "4.00"}}, rules: [share]}}
"""

SCORED = """policy: tiering/score
version: 1.0.0
title: {zh: 评分, en: score}
subject: customer
facts:
  orders: {type: integer, min: 0, title: {zh: 订单, en: orders}}
outcome:
  class: {type: choice, of: [A, B], title: {zh: 类别, en: class}}
scorecard:
  base: 10
  rows:
    - {id: many, title: {zh: 订单多, en: Many orders}, when: orders >= 5, points: 20, because: {zh: 多, en: many orders}}
  bands:
    - {id: high, title: {zh: 高分, en: High score}, when: ">= 20", then: [A], because: {zh: 高, en: high score}}
    - {id: low, when: "< 20", then: [B], because: {zh: 低, en: low score}}
examples:
  - {name: five, facts: {orders: 5}, outcome: {class: A}, rules: [many, high]}
"""

CROSS = """policy: tiering/answer
version: {version}
title: {{zh: 响应, en: answer}}
subject: customer
facts:
  tier: {{type: choice, of: [S, A], title: {{zh: 等级, en: tier}}}}
  orders: {{type: integer, min: 0, title: {{zh: 订单, en: orders}}}}
outcome:
  level: {{type: choice, of: [high, low], title: {{zh: 水平, en: level}}}}
  within: {{type: duration, title: {{zh: 时限, en: time}}}}
cross_table:
  down: tier
  across: orders
  columns:
    - {{id: few, when: "< {limit}"}}
    - {{id: many, when: ">= {limit}"}}
  rows:
    - {{id: S, when: '"S"', cells: [[high, PT2H], [high, {within}]], because: {{zh: 顶级, en: the top}}}}
    - {{id: A, when: '"A"', cells: ["-", [low, PT9H]], because: {{zh: 其次, en: the next}}}}
examples:
  - {{name: the top, facts: {{tier: S, orders: {limit}}}, outcome: {{level: high, within: {within}}}, rule: S-many}}
"""

HOSTILE = f"""policy: tiering/hostile
version: 1.0.0
title: {{zh: "{SCRIPT}", en: "=cmd()|'/C calc'!A0 {SCRIPT} \\u05D0evil"}}
subject: customer
facts:
  orders: {{type: integer, min: 0, title: {{zh: "订单\\u05D0", en: "{"W" * 300} orders"}}}}
outcome:
  class: {{type: choice, of: [A, "<b>B</b>"], title: {{zh: 类别, en: "<img src=x onerror=alert(1)>"}}}}
table:
  hit: FIRST
  inputs: [orders]
  rows:
    - {{id: any, title: {{zh: "{SCRIPT}`\\u05D0", en: "`{SCRIPT}"}}, when: ["-"], then: [A], because: {{zh: "{LONG}", en: "{SCRIPT}\\u05D0 😀"}}}}
examples:
  - name: "{SCRIPT}"
    title: {{zh: "{SCRIPT}`", en: "<b>{SCRIPT}"}}
    facts: {{orders: 5}}
    outcome: {{class: A}}
    rule: any
"""


def rules(version: str = "1.0.0", limit: int = 1000) -> bytes:
    """A policy of free rules."""
    return RULES.format(version=version, limit=limit).encode()


def crossed(version: str = "1.0.0", *, limit: int = 10, within: str = "PT1H") -> bytes:
    """A cross table."""
    return CROSS.format(version=version, limit=limit, within=within).encode()
