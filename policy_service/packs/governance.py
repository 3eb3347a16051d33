"""Governance in a pack: changes with their signatures and reports, suspensions, the timeline, overrides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from policy_service.approval.change import Action, ActionRecord, Change, Meaning
from policy_service.approval.evidence import read_evidence
from policy_service.approval.tables import ReportRow
from policy_service.approval.workflow import fold_actions
from policy_service.audit.events import ROLES
from policy_service.canonical import to_canonical_json
from policy_service.clock import timestamp
from policy_service.compilers.prose.table import Table, markdown, one_line
from policy_service.language.policy import Bilingual, Language
from policy_service.packs.archive import Archive
from policy_service.packs.contents import PackContents
from policy_service.packs.texts import LANGUAGES, StepCallback
from policy_service.packs.times import both_times

EVIDENCE_ENDINGS: Mapping[str, str] = {
    "application/pdf": "pdf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "text/plain": "txt",
}
"""File name endings of evidence, by type."""
_MEANINGS: Mapping[Meaning, Bilingual] = {
    Meaning.APPROVED: Bilingual("同意内容、效果及生效日期", "approves the content, its effect and the day"),
    Meaning.CONFORMS: Bilingual("确认符合制度且程序合规", "checked that it conforms to the regulation"),
}
_LABELS: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        "digest": "签署对象的摘要",
        "reason": "理由",
        "period": "生效期间",
        "headings": "姓名|角色|含义|时间|理由",
        "old headings": "姓名|角色|含义|时间（UTC）|理由",
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
        "headings": "name|role|meaning|time|reason",
        "old headings": "name|role|meaning|time (UTC)|reason",
        "none": "Nobody signed it.",
        "onwards": "onwards",
        "until": "until",
        "state": "state",
        "report": "analysis report",
    },
}


def write_changes(
    archive: Archive, session: Session, contents: PackContents, zone: ZoneInfo, step: StepCallback
) -> int:
    """Write every change, its signatures and its reports; return the number of signatures."""
    signatures = 0
    for change in contents.changes:
        folder = f"changes/{change.id}"
        change_json = _change_json(change)
        archive.add_json(f"{folder}/change.json", change_json)
        for lang in LANGUAGES:
            archive.add_text(f"{folder}/signatures.{lang}.md", signature_page(change_json, lang, zone))
        reports = {action.submission.report for action in change.actions if action.submission}
        for report in sorted(reports):
            row = session.get(ReportRow, report)
            if row is not None:
                archive.add(f"{folder}/reports/{report.removeprefix('sha256:')}.json", row.content)
        for evidence in {action.submission.evidence for action in change.actions if action.submission}:
            if evidence is not None:
                ending = EVIDENCE_ENDINGS[evidence.media_type]
                content = read_evidence(session, change)[1]
                archive.add(f"{folder}/evidence/{evidence.digest.removeprefix('sha256:')}.{ending}", content)
        signatures += len(_sign_offs(change))
        step()
    return signatures


def write_suspensions(archive: Archive, contents: PackContents) -> None:
    """Write every suspension."""
    for each in contents.suspensions:
        archive.add_json(f"suspensions/{each.id}.json", each.to_dict())


def write_timeline(archive: Archive, contents: PackContents) -> None:
    """Write which version was put in force when, and what was cancelled."""
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
        for each in contents.activations
    ]
    _write_json_and_csv(archive, "timeline", rows)


def write_overrides(archive: Archive, contents: PackContents) -> None:
    """Write every override."""
    rows = [each.to_dict() for each in contents.overrides]
    _write_json_and_csv(archive, "overrides", rows)


def _write_json_and_csv(archive: Archive, name: str, rows: list[dict[str, Any]]) -> None:
    """Write rows as JSON and, unless empty, as a table for spreadsheets."""
    archive.add_json(f"{name}.json", rows)
    if rows:
        archive.add_table(f"{name}.csv", list(rows[0]), [[cell_value(value) for value in row.values()] for row in rows])


def cell_value(value: object) -> object:
    """Return a value for a cell."""
    return to_canonical_json(value).decode() if isinstance(value, dict | list) else value


def _sign_offs(change: Change) -> list[ActionRecord]:
    return [action for action in change.actions if action.action is Action.SIGN_OFF]


def _change_json(change: Change) -> dict[str, Any]:
    """Return a change without redundant members, so that everything in it can be checked."""
    change_json = change.to_dict() | {"state": fold_actions(change.id, change.kind, change.actions).state.value}
    names = ("change", "kind", "state", "author", "created_at", "digest", "actions")
    draft = {} if change.submission is not None else {"draft": change_json["draft"]}
    return {**{name: change_json[name] for name in names}, "submissions": _submissions(change), **draft}


def _submissions(change: Change) -> list[dict[str, Any]]:
    """Return all submissions of a change, with the digests that their signatures name."""
    return [
        {"digest": action.submission.digest(change.id), "submission": action.submission.to_dict()}
        for action in change.actions
        if action.submission is not None
    ]


def signature_page(change: Mapping[str, Any], lang: Language, zone: ZoneInfo | None) -> str:
    """Return a readable page of a change and its signatures, made from `change.json`."""
    labels, frozen = _LABELS[lang], change["digest"] is not None
    submission = change["submissions"][-1]["submission"] if frozen else change["draft"]
    start, end = (at and both_times(at, zone) for at in (submission["effective"][name] for name in ("from", "until")))
    until = f" {labels['until']} {end}" if end else f" {labels['onwards']}"
    lines = [
        f"# {one_line(submission['title'])}",
        "",
        f"- {labels['reason']}: {one_line(submission['reason'])}",
        f"- {labels['period']}: {start}{until}",
        f"- {labels['state']}: {change['state']}",
    ]
    if frozen:
        lines += [f"- {labels['digest']}: {change['digest']}", f"- {labels['report']}: {submission['report']}"]
    sign_offs = [action for action in change["actions"] if action["action"] == Action.SIGN_OFF]
    rows = tuple(_row(action, change, lang, zone) for action in sign_offs)
    table = (
        markdown(Table(tuple(labels["headings" if zone else "old headings"].split("|")), rows))
        if rows
        else labels["none"]
    )
    return "\n".join([*lines, "", table, ""])


def _row(
    sign_off: Mapping[str, Any], change: Mapping[str, Any], lang: Language, zone: ZoneInfo | None
) -> tuple[str, ...]:
    """Return one signature; the digest is included if it is no longer the change's."""
    role, meaning = ROLES[sign_off.get("role", "")], _MEANINGS[Meaning(sign_off.get("meaning", Meaning.APPROVED))]
    stale = "" if sign_off.get("digest") == change["digest"] else f" ({sign_off.get('digest')})"
    return (
        sign_off["by"]["printed_name"],
        role.in_language(lang),
        meaning.in_language(lang) + stale,
        both_times(sign_off["at"], zone),
        sign_off.get("reason", ""),
    )
