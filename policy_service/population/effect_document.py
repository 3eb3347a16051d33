"""The document of the effect of a change, and the few figures of it by which governance decides.

    bundle            the day, the number of the last record, the versions and populations of all parts; with its digest
    parts             for each kind of subject the report of `simulate`, or the problems that prevented it
    impact_share      the largest share, over the policies, of those who move among those who are decided
    best_lost_share   the largest share of the subjects with the best outcome that lose it
    capacity_share    the largest share, over the roles, of the contacts that a role can make in a month
    money_difference  how much more or less is decided in all policies, in CNY

A share is rounded up. It is unknown as soon as a kind of subject or a new version could not be simulated, or where a
policy is ended: nothing small is claimed of subjects that nobody looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import ROUND_UP, Decimal
from typing import Any

from policy_service.approval.effect import Effect
from policy_service.canonical import digest, digest_of
from policy_service.language.policy import Policy
from policy_service.language.types import ChoiceType

NOBODY = "the service has no decision about anybody of this kind"
CURRENCY = "CNY"
SHARE = Decimal("0.0001")
Part = dict[str, Any]


def unknown_part(kind: str, problems: Sequence[str]) -> Part:
    """The state of a kind of subjects that were not simulated."""
    return {"kind": kind, "problems": list(problems)}


def simulated_part(kind: str, report: Mapping[str, Any], versions: Iterable[Policy]) -> Part:
    """The report of a simulation, with the share of those who lose the best outcome of each policy."""
    best = {each.id: dict(_best_words(each)) for each in versions}
    figures = [
        {**each, "best_lost_share": _text(_lost_share(each["matrix"], best.get(each["policy"], {})))}
        for each in report["policies"]
    ]
    return {"kind": kind, **{name: value for name, value in report.items() if name != "output"}, "policies": figures}


def effect_of(parts: Sequence[Part], movers: bytes, *, day: date, records: int, ends: Sequence[str] = ()) -> Effect:
    """The effect of a change that these parts make up."""
    figures = [each for part in parts for each in part.get("policies", ())]
    shares = {each["policy"]: _share(each["moved"], each["moved"] + each["unchanged"]) for each in figures}
    unknown = [each for each in figures if each["before"] != each["after"] and shares[each["policy"]] is None]
    known = bool(parts) and not ends and not unknown and not any("problems" in part for part in parts)
    largest = max((each for each in shares.values() if each is not None), default=None)
    lost = [Decimal(each["best_lost_share"]) for each in figures if each["best_lost_share"] is not None]
    loads = [row["capacity_share"] for part in parts for row in part.get("workload", ())]
    used = [Decimal(each) for each in loads if each is not None]
    money = [Decimal(row["difference"]) for each in figures for row in each["money"] if row["currency"] == CURRENCY]
    bundle = {
        "day": day.isoformat(),
        "records": records,
        "parts": [part["bundle"]["digest"] if "bundle" in part else part for part in parts],
    }
    return Effect(
        {
            "bundle": {**bundle, "digest": digest_of(bundle)},
            "impact_share": _text(largest) if known else None,
            "best_lost_share": _text(max(lost, default=None)),
            "capacity_share": _text(max(used, default=None)),
            "money_difference": str(sum(map(abs, money))) if money else None,
            "ends": list(ends),
            "movers": digest(movers),
            "parts": list(parts),
        },
        movers,
    )


def _best_words(policy: Policy) -> Iterator[tuple[str, str]]:
    """The best word of each outcome whose words are ordered."""
    for name, outcome in policy.outcomes.items():
        if isinstance(outcome.type, ChoiceType) and outcome.type.ordered is not None:
            words = outcome.type.of
            yield name, words[0] if outcome.type.ordered == "best-first" else words[-1]


def _lost_share(matrix: Iterable[Mapping[str, Any]], best: Mapping[str, str]) -> Decimal | None:
    """The largest share, over the outcomes, of the subjects of the best word that get another one."""
    had, lost = Counter[str](), Counter[str]()
    for row in matrix:
        if row["from"] == best.get(row["outcome"]):
            had[row["outcome"]] += row["subjects"]
            lost[row["outcome"]] += row["subjects"] * (row["to"] != row["from"])
    return max((share for name in had if (share := _share(lost[name], had[name])) is not None), default=None)


def _share(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) / whole).quantize(SHARE, ROUND_UP) if whole else None


def _text(share: Decimal | None) -> str | None:
    return None if share is None else str(share)
