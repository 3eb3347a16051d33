"""The document of a change's effect, and its figures used by governance policies.

    bundle            the day, the number of the last record, the versions and populations of all parts; with its digest
    parts             for each kind of subject the report of `simulate`, or the problems that prevented it
    impact_share      the largest share, over the policies, of those who move among those who are decided
    best_lost_share   the largest share of the subjects with the best outcome that lose it; overrides that keep it count
    capacity_share    the largest share, over the roles, of the contacts or requests that a role can do in a month
    money_difference  how much more or less is decided in all policies, in CNY

A share is rounded up. It is unknown if a kind of subject or a new version could not be simulated, or if a policy is
ended, so that no small effect is claimed for subjects that were not simulated.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import ROUND_UP, Decimal
from fractions import Fraction
from typing import Any

from policy_service.approval.effect import Effect
from policy_service.canonical import digest, digest_of
from policy_service.language.policy import Policy
from policy_service.language.types import ChoiceType, write_decimal

NOBODY = "the service has no decision about anybody of this kind"
CURRENCY = "CNY"
SHARE = Decimal("0.0001")
Part = dict[str, Any]
REGISTERED = "registered"
"""The member of a bundle that names the simulated registered population, by name, day and digest."""
KEPT_BY_OVERRIDE = "kept_by_override"
"""The member of a part with the subjects that keep a best outcome by an override."""


@dataclass(frozen=True, slots=True)
class KeptOutcome:
    """A subject that keeps the best value of an outcome by an override, though the candidates decide another."""

    policy: str
    outcome: str
    subject: str
    override: str


def unknown_part(kind: str, problems: Sequence[str]) -> Part:
    """Return the part for a kind of subjects that were not simulated."""
    return {"kind": kind, "problems": list(problems)}


def simulated_part(
    kind: str, report: Mapping[str, Any], versions: Iterable[Policy], kept: Sequence[KeptOutcome] = ()
) -> Part:
    """Return the report of a simulation, with each policy's share of subjects that lose the best outcome.

    `kept` are those that keep it by an override, whatever the simulation says.
    """
    best = {each.id: best_words(each) for each in versions}
    counts = Counter((each.policy, each.outcome) for each in kept)
    figures = []
    for each in report["policies"]:
        own = {outcome: count for (policy, outcome), count in counts.items() if policy == each["policy"]}
        share = _lost_share(each["matrix"], best.get(each["policy"], {}), own)
        figures.append({**each, KEPT_BY_OVERRIDE: sum(own.values()), "best_lost_share": _text(share)})
    rest = {name: value for name, value in report.items() if name != "output"}
    named = [asdict(each) for each in kept]
    return {"kind": kind, **rest, "policies": figures, KEPT_BY_OVERRIDE: named}


def effect_of(  # noqa: PLR0913  # all that it depends on
    parts: Sequence[Part],
    movers: bytes,
    *,
    day: date,
    records: int,
    ends: Sequence[str] = (),
    registered: Mapping[str, str] | None = None,
) -> Effect:
    """Return the effect that consists of these parts; `registered` is the population named by the change."""
    figures = [each for part in parts for each in part.get("policies", ())]
    shares = {each["policy"]: _share(each["moved"], each["moved"] + each["unchanged"]) for each in figures}
    unknown = [each for each in figures if each["before"] != each["after"] and shares[each["policy"]] is None]
    known = bool(parts) and not ends and not unknown and not any("problems" in part for part in parts)
    largest = max((each for each in shares.values() if each is not None), default=None)
    lost = [Decimal(each["best_lost_share"]) for each in figures if each["best_lost_share"] is not None]
    loads = [
        row["capacity_share"] for part in parts for name in ("workload", "service_load") for row in part.get(name, ())
    ]
    used = [Decimal(each) for each in loads if each is not None]
    money = [Decimal(row["difference"]) for each in figures for row in each["money"] if row["currency"] == CURRENCY]
    bundle = {
        "day": day.isoformat(),
        "records": records,
        **({REGISTERED: dict(registered)} if registered is not None else {}),
        "overrides": sorted({each["override"] for part in parts for each in part.get(KEPT_BY_OVERRIDE, ())}),
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


def workload_csv(document: Mapping[str, Any]) -> bytes:
    """Return the monthly work of each role in an effect, as CSV in UTF-8: contacts, and requests by service level."""
    figures = ("before", "after", "difference", "capacity")
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(("kind", "work", "role", "answer_within", *figures, "capacity_share"))
    for part in document["parts"]:
        for name, work in (("workload", "contacts"), ("service_load", "requests")):
            for row in part.get(name, ()):
                counts = [_decimal(row[each]) for each in figures]
                cells = (part["kind"], work, row["role"], row.get("answer_within") or "", *counts)
                writer.writerow((*cells, row["capacity_share"] or ""))
    return file.getvalue().encode("utf-8-sig")


def _decimal(fraction: str | None) -> str:
    """Return a fraction to four decimals, in a form that no spreadsheet takes for a date."""
    return "" if fraction is None else write_decimal(round(Fraction(fraction) * 10**4), 4)


def best_words(policy: Policy) -> dict[str, str]:
    """Return the best value of each ordered outcome."""
    ordered = {
        name: outcome.type
        for name, outcome in policy.outcomes.items()
        if isinstance(outcome.type, ChoiceType) and outcome.type.ordered is not None
    }
    return {name: kind.of[0 if kind.ordered == "best-first" else -1] for name, kind in ordered.items()}


def _lost_share(
    matrix: Iterable[Mapping[str, Any]], best: Mapping[str, str], kept: Mapping[str, int]
) -> Decimal | None:
    """Return the largest share, over the outcomes, of subjects that lose the best value."""
    had, lost = Counter[str](), Counter[str]()
    for row in matrix:
        if row["from"] == best.get(row["outcome"]):
            had[row["outcome"]] += row["subjects"]
            lost[row["outcome"]] += row["subjects"] * (row["to"] != row["from"])
    shares = (_share(lost[name] - kept.get(name, 0), had[name]) for name in had)
    return max((share for share in shares if share is not None), default=None)


def _share(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) / whole).quantize(SHARE, ROUND_UP) if whole else None


def _text(share: Decimal | None) -> str | None:
    return None if share is None else str(share)
