"""What a pack shows of governance must be what the entries in it tell: every field, no row more, no row less.

| part            | an entry makes a row           | entries that change it                      |
|-----------------|--------------------------------|---------------------------------------------|
| `timeline.json` | `activation_recorded`,         | `activation_cancelled`, `ending_cancelled`  |
|                 | `policy_ended`, `stop_recorded`|                                             |
| `suspensions/`  | `policy_suspended`,            | `suspension_ratified`, `suspension_ended`   |
|                 | `policy_stopped`               |                                             |
| `overrides.json`| `override_recorded`            | `override_signed`, `override_ended`         |
| `changes/`      | each action of a change is one |                                             |

The tables for spreadsheets and the pages of signatures are made anew from these parts, and must be the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from policy_service.approval.change import Action, State
from policy_service.approval.workflow import RECORDED
from policy_service.audit.chain import Entry
from policy_service.audit.keys import PublicKey
from policy_service.canonical import digest_of
from policy_service.packs.archive import table
from policy_service.packs.checks import SUBMITTED, Json, Opened, objects
from policy_service.packs.governance import flat, page_of
from policy_service.packs.log import ENTRIES
from policy_service.packs.texts import LANGUAGES
from policy_service.subject import CUSTOMER

_SHOWN = """
activation: policy version digest kind from until recorded_at cancelled_at change suspension activation
override: override subject kind policy version outcome by role reason recorded_at until ended_at verdict signatures owed
suspension: suspension policy version digest fallback fallback_digest signed ratified ended until
"""
SHOWN: Mapping[str, frozenset[str]] = {
    key: frozenset(names.split()) for key, names in (line.split(":") for line in _SHOWN.strip().splitlines())
}
"""What a row must show; what else it shows must be told by its entry under the same name."""
ANY = object()
"""What no entry tells, so that nothing can be said about it."""
Rows = dict[str, dict[str, Any]]
ACTIONS: Mapping[str, Action] = {
    "change_drafted": Action.CREATE,
    "change_edited": Action.EDIT,
    "change_submitted": Action.SUBMIT,
    "change_signed_off": Action.SIGN_OFF,
    "changes_requested": Action.REQUEST_CHANGES,
    "change_rejected": Action.REJECT,
    "change_withdrawn": Action.WITHDRAW,
    "change_scheduled": Action.SCHEDULE,
    "change_cancelled": Action.CANCEL,
}
"""The entry of every action but a comment."""


def check_shown(opened: Opened, manifest: Json, _: Sequence[PublicKey]) -> Iterator[str]:
    """Everything that a pack shows of governance, against its entries; packs of format 1 do not hold them all."""
    if manifest["format"] == 1:
        return
    try:
        told = _Told(opened.entries, manifest)
        activations, overrides, suspended, actions = (
            told.activations(),
            told.overrides(),
            told.suspensions(),
            told.actions(),
        )
    except (KeyError, TypeError, AttributeError):
        yield f"{ENTRIES} was altered: an entry does not say what its event does"
        return
    yield from _tables(opened, "timeline", "activation", activations, told.shows_activation)
    yield from _tables(opened, "overrides", "override", overrides, told.shows_override)
    suspensions = [opened.json(name) for name in opened.named("suspensions", ".json")]
    yield from _rows("suspensions", "suspension", suspensions, suspended, told.shows_suspension)
    for name, row in zip(opened.named("suspensions", ".json"), suspensions, strict=True):
        if not isinstance(row, dict) or name != f"suspensions/{row.get('suspension')}.json":
            yield f"{name} was altered: it is about another suspension"
    yield from _changes(opened, actions, told.shows_change)


class _Told:
    """What the entries of a pack tell, as the rows that it should show, with all else that their entries say."""

    def __init__(self, entries: Sequence[Entry], manifest: Json) -> None:
        self._entries = entries
        self._cut = set(manifest.get("cut") or ())
        """The kinds of things of which the pack holds only some."""
        versions = objects(manifest.get("versions"))
        self._shown = {version.get("digest") for version in versions}
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
            known = {"kind": each.body["reason"], "recorded_at": each.at, "cancelled_at": None}
            rows[each.body["activation"]] = each.body | {name: each.body[name] for name in names} | times | known
        for each in self._of("activation_cancelled", "ending_cancelled"):
            rows.get(each.body["activation"], {})["cancelled_at"] = each.at
        return rows

    def overrides(self) -> Rows:
        rows: Rows = {}
        for each in self._of("override_recorded"):
            names = ("override", "subject", "policy", "outcome", "role", "reason", "until")
            row = {name: each.body[name] for name in names} | {"kind": each.body.get("kind", CUSTOMER)}
            row |= {"by": each.body["printed_name"], "version": each.body.get("version", ANY), "recorded_at": each.at}
            row |= {name: each.body.get(name) for name in ("verdict", "lapses_at", "decided_by")}
            row["signers"] = each.body.get("signers", [])
            digest = ANY if row["version"] is ANY else digest_of(row)
            signed = {"digest": digest, "signatures": [], "owed": row["signers"], "ratified_at": None}
            rows[row["override"]] = each.body | row | signed | {"ended_at": None}
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
        """What was done to every change, in order."""
        changes: dict[str, list[dict[str, Any]]] = {}
        submitted: dict[str, str] = {}
        for each in self._entries:
            action = ACTIONS.get(each.event)
            if action is None:
                continue
            change, body = str(each.body["change"]), each.body
            if action is Action.SUBMIT:
                submitted[change] = body["digest"]
            done = changes.setdefault(change, [])
            carried = {name: body[name] for name in ("role", "meaning", "reason") if body.get(name)}
            digest = body["digest"] if action is Action.SIGN_OFF else submitted.get(change, ANY)
            row = {"number": len(done) + 1, "action": action.value, "by": self.person(each), "at": each.at}
            done.append(row | carried | {"digest": digest})
        return changes

    def shows_activation(self, row: Json) -> bool:
        """Whether the pack should show an activation that an entry tells of."""
        return row["digest"] in self._shown

    def shows_suspension(self, row: Json) -> bool:
        """The same of a suspension."""
        return row["policy"] in self._policies and self._overlaps(row["signed"]["at"], row["until"])

    def shows_override(self, row: Json) -> bool:
        """The same of an exception."""
        scope = self._scope
        same = (row["policy"], row["subject"], row["kind"])
        wanted = (scope.get("policy"), scope.get("subject"), scope.get("kind"))
        asked = all(one in {None, other} for one, other in zip(wanted, same, strict=True))
        return (
            asked
            and "overrides" not in self._cut
            and self._overlaps(row["recorded_at"], row["ended_at"] or row["until"])
        )

    def shows_change(self, _: object) -> bool:
        """The same of a change: all of them, unless there were too many."""
        return "changes" not in self._cut

    def person(self, entry: Entry) -> dict[str, Any]:
        """Who did it, as packs show people."""
        printed = entry.body.get("printed_name") or self._names.get(entry.by.id, ANY)
        return {"id": entry.by.id, "name": entry.by.name, "printed_name": printed}

    def _signed(self, entry: Entry) -> dict[str, Any]:
        body = entry.body
        return {"by": self.person(entry), "at": entry.at, **{name: body[name] for name in ("role", "reason", "until")}}

    def _digest(self, version: object, body: Json) -> object:
        return None if version is None else self._digests.get((body["policy"], version), ANY)

    def _of(self, *events: str) -> Iterator[Entry]:
        return (each for each in self._entries if each.event in events)

    def _overlaps(self, start: str, until: str) -> bool:
        """Whether something reaches into the period that the pack is about; instants are compared as text."""
        since, end = self._scope.get("from"), self._scope.get("until")
        return (end is None or start < end) and (since is None or until > since)


def _tables(opened: Opened, name: str, key: str, told: Rows, shows: Callable[[Json], bool]) -> Iterator[str]:
    """A part that is there as JSON and as a table."""
    file, rows = f"{name}.json", opened.json(f"{name}.json")
    if not isinstance(rows, list):
        yield f"{file} was altered: it holds no list"
        return
    yield from _rows(file, key, rows, told, shows)
    shown = objects(rows)
    if shown and opened.read(f"{name}.csv") != table(
        list(shown[0]), [[flat(each) for each in row.values()] for row in shown]
    ):
        yield f"{name}.csv was altered: it does not show what {file} does"


def _rows(file: str, key: str, rows: Iterable[object], told: Rows, shows: Callable[[Json], bool]) -> Iterator[str]:
    """Rows against what the entries tell, by the identifier that stands under `key`."""
    seen = set()
    for row in rows:
        id_ = row.get(key) if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(id_, str):
            yield f"{file} was altered: a row in it is none"
            continue
        if id_ in seen:
            yield f"{file} was altered: it shows {key} {id_} twice"
        seen.add(id_)
        if id_ not in told:
            yield f"{file}: no entry of the log tells of {key} {id_}"
            continue
        wanted = {name: value for name, value in told[id_].items() if name in row or name in SHOWN[key]}
        for name in differing(row, wanted):
            yield f"{file} was altered: `{name}` of {key} {id_} is not what the log tells"
    for id_, row in told.items():
        if id_ not in seen and shows(row):
            yield f"{file} was altered: it does not show {key} {id_}, of which the log tells"


def differing(shown: Json, told: Json) -> list[str]:
    """The names of the members that are not what was told, those within others with a point."""
    names = []
    for name in {**shown, **told}:
        one, other = shown.get(name, ANY), told.get(name)
        if isinstance(one, dict) and isinstance(other, dict) and name != "outcome":
            names += [f"{name}.{each}" for each in differing(one, other)]
        elif other is not ANY and (
            name not in told or one != other or isinstance(one, bool) is not isinstance(other, bool)
        ):
            names.append(name)
    return names


def _changes(opened: Opened, actions: Mapping[str, Sequence[Json]], shows: Callable[[str], bool]) -> Iterator[str]:
    """Every change, its actions, and the pages of its signatures."""
    names = opened.named("changes", "/change.json")
    for name in names:
        change, id_ = opened.json(name), name.split("/")[-2]
        if not isinstance(change, dict):
            continue  # that is told already
        yield from _acted(name, change, actions.get(id_, []))
        yield from _said_twice(name, change)
        for lang in LANGUAGES:
            page = f"changes/{id_}/signatures.{lang}.md"
            if opened.read(page) != _page(change, lang):
                yield f"{page} was altered: it does not show what {name} does"
    there = {name.split("/")[-2] for name in names}
    for id_ in actions:
        if id_ not in there and shows(id_):
            yield f"changes was altered: it does not show change {id_}, of which the log tells"


def _acted(name: str, change: Json, told: Sequence[Json]) -> Iterator[str]:
    shown = objects(change.get("actions"))
    for number, action in enumerate(told, 1):
        if number > len(shown):
            yield f"{name} was altered: it does not show action {number}, {action['action']}, of which the log tells"
            continue
        row = shown[number - 1]
        wanted = action if "digest" in row or action["action"] == Action.SIGN_OFF else {**action, "digest": ANY}
        for member in differing({"digest": ANY, **row} if wanted["digest"] is ANY else row, wanted):
            yield f"{name} was altered: `{member}` of action {number} is not what the log tells"
    for number in range(len(told) + 1, len(shown) + 1):
        yield f"{name}: no entry of the log tells of action {number}"


def _said_twice(name: str, change: Json) -> Iterator[str]:
    """What follows from the actions and the submissions, and is shown beside them."""
    actions, submissions = objects(change.get("actions")), objects(change.get("submissions"))
    first = actions[0] if actions else {}
    frozen = [each.get("submission") for each in submissions]
    last = frozen[-1] if frozen and isinstance(frozen[-1], dict) else None
    state = _state(actions, submissions)
    follows = {
        "author": first.get("by"),
        "created_at": first.get("at"),
        "state": state,
        "digest": submissions[-1].get("digest") if submissions and state != State.DRAFT else None,
        "kind": last.get("kind") if last else change.get("kind"),
    }
    for member, value in follows.items():
        if change.get(member) != value:
            yield f"{name} was altered: its `{member}` does not follow from its actions"


def _state(actions: Sequence[Json], submissions: Sequence[Json]) -> str | None:
    """The state that actions lead to; None when they are not possible in this order."""
    state, signed = State.DRAFT, set()
    roles: Mapping[object, object] = {
        each.get("digest"): (each.get("submission") or {}).get("roles") or () for each in submissions
    }
    for each in actions[1:]:
        try:
            step = RECORDED[state, Action(str(each.get("action")))]
        except (KeyError, ValueError):
            return None
        if each.get("action") == Action.SIGN_OFF:
            signed.add((each.get("digest"), each.get("role")))
            owed = [role for role in roles.get(each.get("digest"), ()) if (each.get("digest"), role) not in signed]  # type: ignore[attr-defined]  # a list of roles
            if owed:
                continue
        state = step.to
    return state.value


def _page(change: Json, lang: Any) -> bytes | None:  # noqa: ANN401  # a language
    """The page of signatures that a change makes; None when it makes none."""
    try:
        return page_of(change, lang).encode()
    except (KeyError, TypeError, ValueError, AttributeError, UnicodeEncodeError):
        return None
