"""Checks the governance parts of a pack against its entries: every field, no extra and no missing rows.

| part            | an entry makes a row           | entries that change it                      |
|-----------------|--------------------------------|---------------------------------------------|
| `timeline.json` | `activation_recorded`,         | `activation_cancelled`, `ending_cancelled`  |
|                 | `policy_ended`, `stop_recorded`|                                             |
| `suspensions/`  | `policy_suspended`,            | `suspension_ratified`, `suspension_ended`   |
|                 | `policy_stopped`               |                                             |
| `overrides.json`| `override_recorded`            | `override_signed`, `override_ended`         |
| `changes/`      | each action of a change is one |                                             |

The tables for spreadsheets and the signature pages are regenerated from these parts, and must be identical.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from policy_service.approval.change import Action, ChangeState
from policy_service.approval.workflow import RECORDED_TRANSITIONS
from policy_service.audit.chain import Entry
from policy_service.audit.keys import PublicKey
from policy_service.canonical import digest_of
from policy_service.packs.archive import table
from policy_service.packs.checks import SUBMITTED, Json, PackFiles, objects
from policy_service.packs.governance import cell_value, signature_page
from policy_service.packs.log import ENTRIES
from policy_service.packs.texts import LANGUAGES
from policy_service.packs.times import zone_of
from policy_service.subject import CUSTOMER

_REQUIRED = """
activation: policy version digest kind from until recorded_at cancelled_at change suspension activation
override: override subject kind policy version outcome by role reason recorded_at until ended_at verdict signatures owed
suspension: suspension policy version digest fallback fallback_digest signed ratified ended until
"""
REQUIRED_FIELDS: Mapping[str, frozenset[str]] = {
    key: frozenset(names.split()) for key, names in (line.split(":") for line in _REQUIRED.strip().splitlines())
}
"""The members that a row must have; its entry must have all others under the same name."""
UNKNOWN = object()
"""Members that no entry has, so that they cannot be checked."""
UNFROZEN = {ChangeState.DRAFT, ChangeState.UNDER_ANALYSIS}
"""The states in which a change has no digest."""
Rows = dict[str, dict[str, Any]]
ACTIONS: Mapping[str, Action] = {
    "change_drafted": Action.CREATE,
    "change_edited": Action.EDIT,
    "change_analysed": Action.ANALYSE,
    "change_analysis_ended": Action.END_ANALYSIS,
    "change_submitted": Action.SUBMIT,
    "change_signed_off": Action.SIGN_OFF,
    "changes_requested": Action.REQUEST_CHANGES,
    "change_rejected": Action.REJECT,
    "change_withdrawn": Action.WITHDRAW,
    "change_scheduled": Action.SCHEDULE,
    "change_cancelled": Action.CANCEL,
}
"""The event of every action but a comment."""


def check_governance(pack: PackFiles, manifest: Json, _: Sequence[PublicKey]) -> Iterator[str]:
    """Check all governance shown in a pack against its entries; format 1 lacks some of them."""
    if manifest["format"] == 1:
        return
    try:
        expected = _ExpectedRows(pack.entries, manifest)
        activations, overrides, suspended, actions = (
            expected.activations(),
            expected.overrides(),
            expected.suspensions(),
            expected.actions(),
        )
    except (KeyError, TypeError, AttributeError):
        yield f"{ENTRIES} was altered: an entry does not say what its event does"
        return
    yield from _tables(pack, "timeline", "activation", activations, expected.includes_activation)
    yield from _tables(pack, "overrides", "override", overrides, expected.includes_override)
    suspensions = [pack.json(name) for name in pack.files_in("suspensions", ".json")]
    yield from _rows("suspensions", "suspension", suspensions, suspended, expected.includes_suspension)
    for name, row in zip(pack.files_in("suspensions", ".json"), suspensions, strict=True):
        if not isinstance(row, dict) or name != f"suspensions/{row.get('suspension')}.json":
            yield f"{name} was altered: it is about another suspension"
    yield from _changes(pack, actions, expected.includes_change, zone_of(manifest.get("zone")))


class _ExpectedRows:
    """The rows required by the entries of a pack, and the other content of these entries."""

    def __init__(self, entries: Sequence[Entry], manifest: Json) -> None:
        self._entries = entries
        self._truncated_kinds = set(manifest.get("cut") or ())
        """The kinds of which the pack includes only some."""
        versions = objects(manifest.get("versions"))
        self._digests_in_pack = {version.get("digest") for version in versions}
        self._policies = {version.get("policy") for version in versions}
        self._scope: Json = manifest.get("scope") or {}
        bodies = [each.body for each in entries if each.event in SUBMITTED]
        self._digests = {(body["policy"], body["version"]): body["digest"] for body in bodies}
        self._names = {
            each.body["account"]: each.body["printed_name"] for each in entries if each.event == "account_created"
        }

    def activations(self) -> Rows:
        rows: Rows = {}
        for each in self._of("activation_recorded", "policy_ended", "stop_recorded"):
            names = ("policy", "version", "digest", "change", "suspension", "activation")
            times = {"from": each.body["effective_from"], "until": each.body["effective_until"]}
            status = {"kind": each.body["reason"], "recorded_at": each.at, "cancelled_at": None}
            rows[each.body["activation"]] = each.body | {name: each.body[name] for name in names} | times | status
        for each in self._of("activation_cancelled", "ending_cancelled"):
            rows.get(each.body["activation"], {})["cancelled_at"] = each.at
        return rows

    def overrides(self) -> Rows:
        rows: Rows = {}
        for each in self._of("override_recorded"):
            names = ("override", "subject", "policy", "outcome", "role", "reason", "until")
            row = {name: each.body[name] for name in names} | {"kind": each.body.get("kind", CUSTOMER)}
            row |= {
                "by": each.body["printed_name"],
                "version": each.body.get("version", UNKNOWN),
                "recorded_at": each.at,
            }
            row |= {name: each.body.get(name) for name in ("verdict", "lapses_at", "decided_by")}
            row["signers"] = each.body.get("signers", [])
            digest = UNKNOWN if row["version"] is UNKNOWN else digest_of(row)
            signature_fields = {"digest": digest, "signatures": [], "owed": row["signers"], "ratified_at": None}
            rows[row["override"]] = each.body | row | signature_fields | {"ended_at": None}
        for each in self._of("override_signed"):
            row = rows.get(each.body["override"], {"signatures": [], "owed": []})
            signature = {name: each.body[name] for name in ("role", "meaning", "reason", "digest")}
            signature |= {"by": each.body["printed_name"], "signed_at": each.at}
            row["signatures"] = [*row["signatures"], signature]
            row["owed"] = [role for role in row["owed"] if role != each.body["role"]]
            row["ratified_at"] = each.at if each.body["ratifies"] else None
        for each in self._of("override_ended"):
            rows.get(each.body["override"], {})["ended_at"] = each.at
        return rows

    def suspensions(self) -> Rows:
        rows: Rows = {}
        for each in self._of("policy_suspended", "policy_stopped"):
            body = {"fallback": None, **each.body}
            row = {name: body[name] for name in ("suspension", "policy", "version", "fallback")}
            row |= {"digest": self._digest(body["version"], body), "signed": self._signed(each)}
            row |= {"fallback_digest": self._digest(body["fallback"], body), "until": body["until"]}
            rows[body["suspension"]] = body | row | {"ratified": None, "ended": None}
        for each in self._of("suspension_ratified"):
            rows.get(each.body["suspension"], {}).update(ratified=self._signed(each), until=each.body["until"])
        for each in self._of("suspension_ended"):
            ended = {"by": self.person(each), "reason": each.body["reason"], "at": each.at}
            rows.get(each.body["suspension"], {}).update(ended=ended, until=each.at)
        return rows

    def actions(self) -> dict[str, list[dict[str, Any]]]:
        """Return the actions on every change, in order."""
        changes: dict[str, list[dict[str, Any]]] = {}
        submitted: dict[str, str] = {}
        for each in self._entries:
            action = ACTIONS.get(each.event)
            if action is None:
                continue
            change, body = str(each.body["change"]), each.body
            if action is Action.SUBMIT:
                submitted[change] = body["digest"]
            actions = changes.setdefault(change, [])
            details = {name: body[name] for name in ("role", "meaning", "reason") if body.get(name)}
            digest = body["digest"] if action is Action.SIGN_OFF else submitted.get(change, UNKNOWN)
            row = {"number": len(actions) + 1, "action": action.value, "by": self.person(each), "at": each.at}
            actions.append(row | details | {"digest": digest})
        return changes

    def includes_activation(self, row: Json) -> bool:
        """Return True if the pack should include an activation recorded by an entry."""
        return row["digest"] in self._digests_in_pack

    def includes_suspension(self, row: Json) -> bool:
        """Return True if the pack should include a suspension recorded by an entry."""
        return row["policy"] in self._policies and self._overlaps(row["signed"]["at"], row["until"])

    def includes_override(self, row: Json) -> bool:
        """Return True if the pack should include an override recorded by an entry."""
        scope = self._scope
        key = (row["policy"], row["subject"], row["kind"])
        scope_key = (scope.get("policy"), scope.get("subject"), scope.get("kind"))
        is_in_scope = all(one in {None, other} for one, other in zip(scope_key, key, strict=True))
        return (
            is_in_scope
            and "overrides" not in self._truncated_kinds
            and self._overlaps(row["recorded_at"], row["ended_at"] or row["until"])
        )

    def includes_change(self, _: object) -> bool:
        """Return True if the pack should include a change: all, unless there were too many."""
        return "changes" not in self._truncated_kinds

    def person(self, entry: Entry) -> dict[str, Any]:
        """Return the actor in the form used in packs."""
        printed = entry.body.get("printed_name") or self._names.get(entry.by.id, UNKNOWN)
        return {"id": entry.by.id, "name": entry.by.name, "printed_name": printed}

    def _signed(self, entry: Entry) -> dict[str, Any]:
        body = entry.body
        return {"by": self.person(entry), "at": entry.at, **{name: body[name] for name in ("role", "reason", "until")}}

    def _digest(self, version: object, body: Json) -> object:
        return None if version is None else self._digests.get((body["policy"], version), UNKNOWN)

    def _of(self, *events: str) -> Iterator[Entry]:
        return (each for each in self._entries if each.event in events)

    def _overlaps(self, start: str, until: str) -> bool:
        """Return True if a period overlaps the pack's; instants are compared as text."""
        since, end = self._scope.get("from"), self._scope.get("until")
        return (end is None or start < end) and (since is None or until > since)


def _tables(pack: PackFiles, name: str, key: str, expected: Rows, includes: Callable[[Json], bool]) -> Iterator[str]:
    """Check a part that is present both as JSON and as a table."""
    file, rows = f"{name}.json", pack.json(f"{name}.json")
    if not isinstance(rows, list):
        yield f"{file} was altered: it holds no list"
        return
    yield from _rows(file, key, rows, expected, includes)
    row_objects = objects(rows)
    if row_objects and pack.read(f"{name}.csv") != table(
        list(row_objects[0]), [[cell_value(each) for each in row.values()] for row in row_objects]
    ):
        yield f"{name}.csv was altered: it does not show what {file} does"


def _rows(
    file: str, key: str, rows: Iterable[object], expected: Rows, includes: Callable[[Json], bool]
) -> Iterator[str]:
    """Compare rows with their entries, by the identifier under `key`."""
    seen = set()
    for row in rows:
        id_ = row.get(key) if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(id_, str):
            yield f"{file} was altered: a row in it is none"
            continue
        if id_ in seen:
            yield f"{file} was altered: it shows {key} {id_} twice"
        seen.add(id_)
        if id_ not in expected:
            yield f"{file}: no entry of the log records {key} {id_}"
            continue
        expected_row = {
            name: value for name, value in expected[id_].items() if name in row or name in REQUIRED_FIELDS[key]
        }
        for name in differing(row, expected_row):
            yield f"{file} was altered: `{name}` of {key} {id_} is not what the log tells"
    for id_, row in expected.items():
        if id_ not in seen and includes(row):
            yield f"{file} was altered: it does not show {key} {id_}, of which the log tells"


def differing(actual: Json, expected: Json) -> list[str]:
    """Return the names of the members that differ, nested ones with a dot."""
    names = []
    for name in {**actual, **expected}:
        one, other = actual.get(name, UNKNOWN), expected.get(name)
        if isinstance(one, dict) and isinstance(other, dict) and name != "outcome":
            names += [f"{name}.{each}" for each in differing(one, other)]
        elif other is not UNKNOWN and (
            name not in expected or one != other or isinstance(one, bool) is not isinstance(other, bool)
        ):
            names.append(name)
    return names


def _changes(
    pack: PackFiles,
    actions: Mapping[str, Sequence[Json]],
    includes: Callable[[str], bool],
    zone: ZoneInfo | None,
) -> Iterator[str]:
    """Check every change, its actions, and its signature pages."""
    names = pack.files_in("changes", "/change.json")
    for name in names:
        change, id_ = pack.json(name), name.split("/")[-2]
        if not isinstance(change, dict):
            continue  # reported already
        yield from _check_actions(name, change, actions.get(id_, []))
        yield from _check_derived(name, change)
        for lang in LANGUAGES:
            page = f"changes/{id_}/signatures.{lang}.md"
            if pack.read(page) != _page(change, lang, zone):
                yield f"{page} was altered: it does not show what {name} does"
    shown_ids = {name.split("/")[-2] for name in names}
    for id_ in actions:
        if id_ not in shown_ids and includes(id_):
            yield f"changes was altered: it does not show change {id_}, of which the log tells"


def _check_actions(name: str, change: Json, expected: Sequence[Json]) -> Iterator[str]:
    actions = objects(change.get("actions"))
    for number, action in enumerate(expected, 1):
        if number > len(actions):
            yield f"{name} was altered: it does not show action {number}, {action['action']}, of which the log tells"
            continue
        row = actions[number - 1]
        expected_action = (
            action if "digest" in row or action["action"] == Action.SIGN_OFF else {**action, "digest": UNKNOWN}
        )
        for member in differing(
            {"digest": UNKNOWN, **row} if expected_action["digest"] is UNKNOWN else row, expected_action
        ):
            yield f"{name} was altered: `{member}` of action {number} is not what the log tells"
    for number in range(len(expected) + 1, len(actions) + 1):
        yield f"{name}: no entry of the log records action {number}"


def _check_derived(name: str, change: Json) -> Iterator[str]:
    """Check what is derived from the actions and submissions and shown with them."""
    actions, submissions = objects(change.get("actions")), objects(change.get("submissions"))
    first = actions[0] if actions else {}
    submitted = [each.get("submission") for each in submissions]
    last = submitted[-1] if submitted and isinstance(submitted[-1], dict) else None
    state = _state(actions, submissions)
    derived = {
        "author": first.get("by"),
        "created_at": first.get("at"),
        "state": state,
        "digest": submissions[-1].get("digest") if submissions and state not in UNFROZEN else None,
        "kind": last.get("kind") if last else change.get("kind"),
    }
    for member, value in derived.items():
        if change.get(member) != value:
            yield f"{name} was altered: its `{member}` does not follow from its actions"


def _state(actions: Sequence[Json], submissions: Sequence[Json]) -> str | None:
    """Return the state after the actions; None if they are impossible in this order."""
    state, signatures = ChangeState.DRAFT, set()
    roles: Mapping[object, object] = {
        each.get("digest"): (each.get("submission") or {}).get("roles") or () for each in submissions
    }
    for each in actions[1:]:
        try:
            step = RECORDED_TRANSITIONS[state, Action(str(each.get("action")))]
        except (KeyError, ValueError):
            return None
        if each.get("action") == Action.SIGN_OFF:
            signatures.add((each.get("digest"), each.get("role")))
            owed = [role for role in roles.get(each.get("digest"), ()) if (each.get("digest"), role) not in signatures]  # type: ignore[attr-defined]  # a list of roles
            if owed:
                continue
        state = step.to
    return state.value


def _page(change: Json, lang: Any, zone: ZoneInfo | None) -> bytes | None:  # noqa: ANN401  # a language
    """Return the signature page of a change; None if it cannot be made."""
    try:
        return signature_page(change, lang, zone).encode()
    except (KeyError, TypeError, ValueError, AttributeError, UnicodeEncodeError):
        return None
