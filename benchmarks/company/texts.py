"""The policy files of the company: tables of a dozen rows, whose limits move a little with every version."""

from __future__ import annotations

from typing import Any

DOMAINS = ("tiering", "followup", "service_levels", "rewards")
ROWS = 11
"""Rows of a table beside the last one, which takes everybody."""
LEVELS = ("S", "A", "B", "C")
REGIONS = ("east", "south", "west", "north")
FACT_SETS: tuple[dict[str, Any], ...] = tuple(
    {"amount": f"{amount}.00", "orders": orders, "region": REGIONS[orders % 4], "member": bool(orders % 2)}
    for amount, orders in ((250, 1), (1_800, 4), (5_200, 9), (12_000, 14), (33_000, 21), (64_000, 33), (90_000, 40))
)
"""What is known of the customers, in turn."""


def policy_name(number: int) -> str:
    """The identifier of a policy, by its number."""
    return f"{DOMAINS[number % len(DOMAINS)]}/plan_{number:02}"


def policy_text(number: int, minor: int, note: int = 0) -> bytes:
    """The file of a policy's version `1.<minor>.0`; a `note` makes another text of it."""
    rows = "\n".join(_row(each, minor) for each in range(ROWS))
    return f"""# draft {note}
policy: {policy_name(number)}
version: 1.{minor}.0
title: {{zh: 客户方案{number}, en: customer plan {number}}}
subject: customer
facts:
  amount: {{type: money, currency: CNY, min: 0, title: {{zh: 近12个月采购额, en: "purchases, last 12 months"}}}}
  orders: {{type: integer, min: 0, title: {{zh: 近12个月订单数, en: "orders, last 12 months"}}}}
  region: {{type: choice, of: [{", ".join(REGIONS)}], title: {{zh: 区域, en: region}}}}
  member: {{type: boolean, title: {{zh: 会员, en: member}}}}
outcome:
  level: {{type: choice, of: [{", ".join(LEVELS)}], ordered: best-first, title: {{zh: 等级, en: level}}}}
table:
  hit: FIRST
  inputs: [amount, orders, region, member]
  rows:
{rows}
    - {{id: everybody, when: ["-", "-", "-", "-"], then: [C], because: {{zh: 其他客户, en: everybody else}}}}
examples:
  - {{name: one, facts: {{amount: 1, orders: 0, region: east, member: false}}, outcome: {{level: C}}, rule: everybody}}
""".encode()


def _row(row: int, minor: int) -> str:
    amount, orders = 90_000 - 8_000 * row + 10 * minor, 40 - 3 * row
    region = f'\\"{REGIONS[row % 4]}\\"' if row % 3 == 1 else "-"
    member = "true" if row % 4 == 2 else "-"  # now and then
    because = f"{{zh: 采购额达到{amount}元, en: purchases of {amount} and more}}"
    return (
        f'    - {{id: row-{row}, when: [">= {amount}", ">= {orders}", "{region}", "{member}"], '
        f"then: [{LEVELS[row // 4]}], because: {because}}}"
    )
