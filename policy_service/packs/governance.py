"""What people decided: changes with their signatures and reports, suspensions, the timeline, overrides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from policy_service.approval.change import Acted, Action, Change, Meaning
from policy_service.approval.tables import ReportRow
from policy_service.approval.workflow import fold
from policy_service.audit.events import ROLES
from policy_service.canonical import canonical
from policy_service.clock import timestamp
from policy_service.compilers.prose.table import Table, markdown, one_line
from policy_service.language.policy import Bilingual, Language
from policy_service.packs.archive import Archive
from policy_service.packs.collecting import Collected
from policy_service.packs.texts import LANGUAGES, Step

_MEANINGS: Mapping[Meaning, Bilingual] = {
    Meaning.APPROVED: Bilingual("同意内容、效果及生效日期", "approves the content, its effect and the day"),
    Meaning.CONFORMS: Bilingual("确认符合制度且程序合规", "checked that it conforms to the regulation"),
}
_WORDS: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        "digest": "签署对象的摘要",
        "reason": "理由",
        "period": "生效期间",
        "headings": "姓名|角色|含义|时间（UTC）|理由",
        "none": "无人签署。",
        "onwards": "起",
        "until": "至",
        "state": "状态",
        "report": "分析报告",
    },
    "en": {
        "digest": "what was signed",
        "reason": "reason",
        "period": "effective period",
        "headings": "name|role|meaning|time (UTC)|reason",
        "none": "Nobody signed it.",
        "onwards": "onwards",
        "until": "until",
        "state": "state",
        "report": "analysis report",
    },
}


def write_changes(archive: Archive, session: Session, found: Collected, step: Step) -> int:
    """Writes every change, its signatures and its reports; gives the number of signatures."""
    signatures = 0
    for change in found.changes:
        folder = f"changes/{change.id}"
        told = _told(change)
        archive.add_json(f"{folder}/change.json", told)
        for lang in LANGUAGES:
            archive.add_text(f"{folder}/signatures.{lang}.md", page_of(told, lang))
        reports = {acted.submission.report for acted in change.acted if acted.submission}
        for report in sorted(reports):
            row = session.get(ReportRow, report)
            if row is not None:
                archive.add(f"{folder}/reports/{report.removeprefix('sha256:')}.json", row.content)
        signatures += len(_signed(change))
        step()
    return signatures


def write_suspensions(archive: Archive, found: Collected) -> None:
    """Writes every suspension."""
    for each in found.suspensions:
        archive.add_json(f"suspensions/{each.id}.json", each.to_dict())


def write_timeline(archive: Archive, found: Collected) -> None:
    """Writes what was put in force from when until when, and what was taken back."""
    rows: list[dict[str, Any]] = [
        {
            "policy": each.policy,
            "version": each.version,
            "digest": each.digest,
            "kind": each.kind.value,
            "from": timestamp(each.effective.start),
            "until": timestamp(each.effective.until) if each.effective.until else None,
            "recorded_at": timestamp(each.recorded_at),
            "cancelled_at": timestamp(each.cancelled_at) if each.cancelled_at else None,
            "change": each.change,
            "suspension": each.suspension,
            "activation": each.id,
        }
        for each in found.activations
    ]
    _both(archive, "timeline", rows)


def write_overrides(archive: Archive, found: Collected) -> None:
    """Writes every exception."""
    rows = [each.to_dict() for each in found.overrides]
    _both(archive, "overrides", rows)


def _both(archive: Archive, name: str, rows: list[dict[str, Any]]) -> None:
    """The same as JSON and, when there is anything, as a table for spreadsheets."""
    archive.add_json(f"{name}.json", rows)
    if rows:
        archive.add_table(f"{name}.csv", list(rows[0]), [[flat(value) for value in row.values()] for row in rows])


def flat(value: object) -> object:
    """A value as it stands in a cell."""
    return canonical(value).decode() if isinstance(value, dict | list) else value


def _signed(change: Change) -> list[Acted]:
    return [acted for acted in change.acted if acted.action is Action.SIGN_OFF]


def _told(change: Change) -> dict[str, Any]:
    """A change without what is said twice, so that everything in it can be checked."""
    told = change.to_dict() | {"state": fold(change.id, change.kind, change.acted).state.value}
    names = ("change", "kind", "state", "author", "created_at", "digest", "actions")
    draft = {} if change.submission is not None else {"draft": told["draft"]}
    return {**{name: told[name] for name in names}, "submissions": _submissions(change), **draft}


def _submissions(change: Change) -> list[dict[str, Any]]:
    """Everything that was ever under review, with the digest that its signatures name."""
    return [
        {"digest": acted.submission.digest(change.id), "submission": acted.submission.to_dict()}
        for acted in change.acted
        if acted.submission is not None
    ]


def page_of(change: Mapping[str, Any], lang: Language) -> str:
    """A change and its signatures, to be read; made from what `change.json` holds. Raises KeyError and its like."""
    words, frozen = _WORDS[lang], change["digest"] is not None
    asked = change["submissions"][-1]["submission"] if frozen else change["draft"]
    start, end = asked["effective"]["from"], asked["effective"]["until"]
    until = f" {words['until']} {end}" if end else f" {words['onwards']}"
    lines = [
        f"# {one_line(asked['title'])}",
        "",
        f"- {words['reason']}: {one_line(asked['reason'])}",
        f"- {words['period']}: {start}{until}",
        f"- {words['state']}: {change['state']}",
    ]
    if frozen:
        lines += [f"- {words['digest']}: {change['digest']}", f"- {words['report']}: {asked['report']}"]
    signed = [action for action in change["actions"] if action["action"] == Action.SIGN_OFF]
    rows = tuple(_row(action, change, lang) for action in signed)
    table = markdown(Table(tuple(words["headings"].split("|")), rows)) if rows else words["none"]
    return "\n".join([*lines, "", table, ""])


def _row(signed: Mapping[str, Any], change: Mapping[str, Any], lang: Language) -> tuple[str, ...]:
    """One signature; one on a digest that is no longer the change's says so by its digest."""
    role, meaning = ROLES[signed.get("role", "")], _MEANINGS[Meaning(signed.get("meaning", Meaning.APPROVED))]
    stale = "" if signed.get("digest") == change["digest"] else f" ({signed.get('digest')})"
    return (
        signed["by"]["printed_name"],
        role.zh if lang == "zh" else role.en,
        (meaning.zh if lang == "zh" else meaning.en) + stale,
        signed["at"],
        signed.get("reason", ""),
    )
