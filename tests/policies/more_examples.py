"""More examples, for published files, which are never edited, where a limit has no example on one of its sides.

Policy, the names of facts, then a line for each example: their values, and the rule that decides.
"""

from __future__ import annotations

from collections.abc import Mapping

Line = tuple[object, ...]

MORE: Mapping[str, tuple[tuple[str, ...], tuple[Line, ...]]] = {
    "tiering/absolute_value": (
        ("recency_days", "amount_12m"),
        (
            (30, "1000000.00", "A"),
            (60, "1000000.00", "A-amount-60-to-90-days"),
            (60, "500000.00", "A-amount-60-to-90-days"),
            (60, "499999.99", "B"),
            (90, "500000.00", "A-amount-60-to-90-days"),
            (90, "499999.99", "B-amount-day-90"),
            (90, "100000.00", "B-amount-day-90"),
            (90, "99999.99", "C"),
            (91, "99999.99", "C"),
        ),
    ),
    "tiering/rfm_value": (
        ("recency_days", "orders_12m", "amount_12m", "industry_mean_amount", "industry_mean_orders", "industry"),
        (
            (0, 13, "1000.00", 1000, 10, "it", "above-A-short-of-S"),
            (0, 13, "800.00", 1000, 10, "it", "above-A-short-of-S"),
            (0, 8, "1201.00", 1000, 10, "it", "above-A-short-of-S"),
            (0, 7, "1201.00", 1000, 10, "it", "large-but-few-orders"),
            (60, 9, "1000.00", 1000, 10, "it", "at-level-60-to-89-days"),
            (40, 1, "700.00", 1000, "1.25", "it", "many-but-small-orders"),
            (90, 10, "1000.00", 1000, 10, "it", "day-90"),
            (70, 10, "800.00", 1000, 10, "it", "at-level-60-to-89-days"),
            (70, 10, "799.99", 1000, 10, "it", "many-but-small-orders"),
            (70, 8, "1000.00", 1000, 10, "it", "at-level-60-to-89-days"),
            (70, 7, "1000.00", 1000, 10, "it", "large-but-few-orders"),
            (89, 3, "5000.00", 1000, 10, "it", "large-but-few-orders"),
            (90, 3, "5000.00", 1000, 10, "it", "day-90"),
            (89, 40, "300.00", 1000, 10, "it", "many-but-small-orders"),
            (90, 40, "300.00", 1000, 10, "it", "day-90"),
            (None, 0, "0.01", 1000, 10, "it", "undated"),
            (91, 1, "300.00", 1000, 10, "it", "C"),
            (91, 2, "800.00", 1000, 10, "it", "silent"),
            (91, 8, "300.00", 1000, 10, "it", "silent"),
        ),
    ),
    "rewards/data_quality": (
        ("records_correct", "records_required", "grouping", "effect_is_marked", "data_lost"),
        ((98, 100, "sound", False, False, "accurate-and-sound"),),
    ),
}
