"""Small policies, and the way to load them from text."""

from policy_service import Policy, load_bytes


def policy(text: str) -> Policy:
    """The policy that the text states."""
    return load_bytes(text.encode())


TIER = policy("""
policy: tiering/small
version: 1.0.0
title: {zh: 等级, en: tier}
subject: customer
facts:
  amount: {type: money, currency: CNY, min: 0}
  days: {type: integer, min: 0, optional: true}
  mean: {type: money, currency: CNY, min: 0, from: benchmark, measure: mean(amount)}
outcome:
  tier: {type: choice, of: [S, A, C]}
table:
  hit: FIRST
  inputs: [days, amount]
  rows:
    - {id: never, when: ["is missing", "-"], then: [C], because: {zh: 从未下单, en: has never ordered}}
    - {id: S, when: ["< 30", "> 1.5 * mean"], then: [S], because: {zh: 高额, en: spends well above the mean}}
    - {id: A, when: ["< 60", ">= mean"], then: [A], because: {zh: 达到均值, en: spends the mean}}
examples:
  - {name: one, facts: {amount: 200, days: 10, mean: 100}, outcome: {tier: S}, rule: S}
""")
"""FIRST, an optional fact, a benchmark fact, and subjects that no rule matches."""

VISITS = policy("""
policy: followup/small
version: 1.0.0
title: {zh: 拜访, en: visits}
subject: customer
facts:
  tier: {type: choice, of: [S, A, B, C], from: tiering/small.tier}
  last_contact_on: {type: date}
outcome:
  owner: {type: choice, of: [director, sales]}
  next_contact_by: {type: date}
rules:
  hit: UNIQUE
  rows:
    - id: S
      when: tier = "S"
      then: {owner: director, next_contact_by: 'last_contact_on + duration("P1M")'}
      because: {zh: 每月, en: monthly}
    - id: others
      when: tier != "S"
      then: {owner: sales, next_contact_by: 'last_contact_on + duration("P3M")'}
      because: {zh: 每季, en: quarterly}
    - id: long-ago
      when: as_of - last_contact_on > duration("P1000D")
      then: {owner: director, next_contact_by: as_of}
      because: {zh: 太久, en: too long ago}
""")
"""Takes the tier; UNIQUE, so that a contact of long ago is a conflict."""

LISTED = policy("""
policy: rewards/listed
version: 1.0.0
title: {zh: 奖励, en: rewards}
subject: customer
facts:
  amount: {type: money, currency: CNY, min: 0, max: 1000000}
  vip: {type: boolean}
outcome:
  gift: {type: choice, of: [gold, silver]}
  rebate: {type: money, currency: CNY}
rules:
  hit: COLLECT
  rows:
    - {id: big, when: amount > 100, then: {gift: gold, rebate: "round(0.015 * amount, 2)"}, because: {zh: 大, en: big}}
    - {id: vip, when: vip, then: {gift: silver, rebate: 5}, because: {zh: 贵宾, en: a VIP}}
""")
"""COLLECT, a list of several outcomes, one of them computed."""

TAKES_LIST = policy("""
policy: rewards/takes_list
version: 1.0.0
title: {zh: 礼, en: gifts}
subject: customer
facts:
  gifts: {type: tags, of: [gold, silver], from: rewards/listed.gift}
outcome:
  heavy: {type: boolean}
rules:
  hit: FIRST
  rows:
    - {id: heavy, when: 'list contains(gifts, "gold")', then: {heavy: true}, because: {zh: 金, en: gold}}
    - {id: light, when: "true", then: {heavy: false}, because: {zh: 轻, en: light}}
""")
"""Takes a listed choice as tags."""

POINTS = policy("""
policy: tiering/points
version: 2.1.0
title: {zh: 评分, en: points}
subject: customer
facts:
  amount: {type: money, currency: CNY, min: 0}
  late: {type: boolean}
outcome:
  class: {type: choice, of: [high, low]}
  total: {type: integer}
scorecard:
  base: 10
  rows:
    - {id: spends, when: amount >= 1000, points: 30, because: {zh: 多, en: spends much}}
    - {id: late, when: late, points: -20, because: {zh: 迟, en: pays late}}
  bands:
    - {id: high, when: ">= 30", then: {class: high, total: score}, because: {zh: 高, en: high}}
    - {id: low, when: "< 30", then: {class: low, total: score}, because: {zh: 低, en: low}}
""")
"""A scorecard whose total is an outcome."""
