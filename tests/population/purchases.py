"""The purchases of real customers as a population: recency, frequency and money of each, as of 1998-07-01."""

from __future__ import annotations

import csv
import datetime
import gzip
from decimal import Decimal
from functools import cache
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "cdnow.txt.gz"
AS_OF = datetime.date(1998, 7, 1)
MEANS = {"industry": "retail", "industry_mean_amount": "45.37", "industry_mean_orders": "1.1935"}
"""Facts that hold for all buyers: the means are those of the purchases."""
HEADINGS = ("subject", "amount_12m", "orders_12m", "recency_days")


@cache
def _customers() -> dict[str, tuple[Decimal, int, datetime.date]]:
    """For each customer amount and orders of the last twelve months, and the day of the last order."""
    start = AS_OF.replace(year=AS_OF.year - 1)
    customers: dict[str, tuple[Decimal, int, datetime.date]] = {}
    with gzip.open(DATA, "rt") as lines:
        for line in list(lines)[1:]:
            customer, day_text, _, dollars = line.split()
            day = datetime.date.fromisoformat(day_text)
            amount, orders, last = customers.get(customer, (Decimal(0), 0, day))
            if start <= day < AS_OF:
                amount, orders = amount + Decimal(dollars), orders + 1
            customers[customer] = amount, orders, max(last, day)
    return customers


def write_purchases(path: Path) -> tuple[Decimal, Decimal]:
    """Write what each customer bought in the last twelve months as CSV; returns the means of amount and of orders."""
    customers = _customers()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        writer.writerows(
            (customer, amount, orders, (AS_OF - last).days) for customer, (amount, orders, last) in customers.items()
        )
    count = len(customers)
    return (
        sum((amount for amount, _, _ in customers.values()), Decimal(0)) / count,
        Decimal(sum(orders for _, orders, _ in customers.values())) / count,
    )
