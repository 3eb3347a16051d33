"""Every field that a pack shows is what the entries in it tell; a row that is left out, or put in, is named."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policy_service.packs.checks import (
    PackFiles,
    check_changes,
    check_counts,
    check_decisions,
    check_entries,
    check_log,
    check_versions,
)
from policy_service.packs.governance_checks import check_governance
from policy_service.packs.scope import Scope
from policy_service.packs.verification import verify_pack
from policy_service.subject import Subject
from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER
from tests.databases import START
from tests.effort import sample
from tests.packs.packing import HOSTILE, Pack, fill_all, packed

pytestmark = pytest.mark.one_in(4)

SCOPES = {
    "policy": Scope(policy=TIER),
    "subject": Scope(subject=Subject("C1", "customer")),
    "period": Scope(since=START),
}
CHECKS = (check_log, check_versions, check_changes, check_governance, check_decisions, check_counts)
Path_ = tuple[str | int, ...]


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """What packs are made of, and beside it a ratified suspension that was ended, and an exception that was ended."""
    with company(furnish=fill_all) as here:
        yield here


@pytest.fixture(scope="module", params=SCOPES)
def pack(request: pytest.FixtureRequest, here: Company, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return packed(here, tmp_path_factory.mktemp("pack") / "pack.zip", SCOPES[request.param])


class Altered(PackFiles):
    """The files of a pack, some of them with another content, and none at all where it is None."""

    def __init__(self, archive: zipfile.ZipFile, pack: Pack, contents: dict[str, bytes | None]) -> None:
        listed = {name: text for name, text in pack.manifest["files"].items() if contents.get(name, b"") is not None}
        super().__init__(archive, {**listed, **{name: {} for name, content in contents.items() if content is not None}})
        self.contents = contents

    def read(self, name: str) -> bytes:
        content = self.contents.get(name)
        return super().read(name) if content is None else content


def faults(pack: Pack, **contents: bytes | None) -> list[str]:
    """What the parts of a pack say of each other when somebody altered some and mended the list."""
    with zipfile.ZipFile(pack.file) as archive:
        opened = Altered(archive, pack, contents)
        errors = list(check_entries(opened, pack.manifest, [pack.key]))
        return errors + [fault for check in CHECKS for fault in check(opened, pack.manifest, [pack.key])]


def leaves(value: Any, path: Path_ = ()) -> Iterator[Path_]:  # noqa: ANN401  # JSON
    """Where everything stands that is no object and no list; an empty one is a leaf."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not members or not value:
        yield path
    for name, member in members:
        yield from leaves(member, (*path, name))


def another(value: Any) -> Any:  # noqa: ANN401  # JSON
    """A value like it, and not it."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str() if value[:4].isdigit() and value.endswith("Z"):
            return f"{int(value[:4]) + 1}{value[4:]}"
        case str():
            return f"{value}x"
        case _:
            return "x"


def set_at(document: Any, path: Path_, value: Any) -> bytes:  # noqa: ANN401  # JSON
    changed = copy.deepcopy(document)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return json.dumps(changed, ensure_ascii=False).encode()


def governance_files(pack: Pack) -> list[str]:
    """The files that show what people decided."""
    tables = [name for name in ("timeline.json", "overrides.json") if pack.json(name)]
    return tables + [name for name in pack.names() if name.startswith("suspensions/") or name.endswith("/change.json")]


def test_a_pack_is_fine_as_it_was_made(pack: Pack) -> None:
    assert faults(pack) == []
    assert verify_pack(pack.file, [pack.key]).faults == ()


def test_every_field_that_is_altered_is_named(pack: Pack) -> None:
    names = governance_files(pack)
    assert {name.partition("/")[0] for name in names} >= {"timeline.json", "overrides.json", "suspensions", "changes"}
    for name in names:
        document = pack.json(name)
        for path in sample(leaves(document), 7):
            value = document
            for step in path:
                value = value[step]
            errors = faults(pack, **{name: set_at(document, path, another(value))})
            assert any(fault.startswith((name, name.partition("/")[0])) for fault in errors), (name, path)


def test_a_second_signature_in_a_role_is_shown_as_one_and_missed(pack: Pack) -> None:
    rows = pack.json("overrides.json")
    results = [row for row in rows if row["policy"] == BONUS]
    assert len(results) == (pack.manifest["scope"].get("policy") is None)
    for row in results:
        first, second = row["signatures"]
        assert [(each["by"], each["role"]) for each in (first, second)] == [
            ("Compliance", "compliance"),
            ("Both", "compliance"),
        ]
        for signatures in ([first], [second], [second, first]):
            altered = [{**each, "signatures": signatures} if each is row else each for each in rows]
            message = (
                f"overrides.json was altered: `signatures` of override {row['override']} is not what the log tells"
            )
            assert message in faults(pack, **{"overrides.json": json.dumps(altered).encode()})


def test_every_row_that_is_left_out_doubled_or_made_up_is_named(pack: Pack) -> None:
    for name, key in (("timeline.json", "activation"), ("overrides.json", "override")):
        rows = pack.json(name)
        for number, row in sample(enumerate(rows), 3):
            others = [*rows[:number], *rows[number + 1 :]]
            message = f"{name} was altered: it does not show {key} {row[key]}, of which the log tells"
            assert message in faults(pack, **{name: json.dumps(others).encode()})
            message = f"{name} was altered: it shows {key} {row[key]} twice"
            assert message in faults(pack, **{name: json.dumps([*rows, row]).encode()})
            made_up = {**row, key: "0197-made-up"}
            message = f"{name}: no entry of the log records {key} 0197-made-up"
            assert message in faults(pack, **{name: json.dumps([*rows, made_up]).encode()})


def test_every_file_that_is_left_out_is_named(pack: Pack) -> None:
    """With the list mended: of a suspension, of a change, of what is shown beside JSON."""
    for name in pack.names():
        if name.startswith("suspensions/"):
            id_ = name.removeprefix("suspensions/").removesuffix(".json")
            message = f"suspensions was altered: it does not show suspension {id_}, of which the log tells"
        elif name.endswith("/change.json"):
            message = f"changes was altered: it does not show change {name.split('/')[1]}, of which the log tells"
        else:
            continue
        assert message in faults(pack, **{name: None})


def test_every_action_that_is_left_out_is_named(pack: Pack) -> None:
    for name in pack.names():
        if name.endswith("/change.json"):
            change = pack.json(name)
            for number in sample(range(len(change["actions"])), 3):
                actions = [each for at, each in enumerate(change["actions"]) if at != number]
                errors = faults(pack, **{name: json.dumps({**change, "actions": actions}).encode()})
                assert any(fault.startswith(name) for fault in errors), (name, number)


def test_what_is_shown_beside_the_parts_is_made_of_them(pack: Pack) -> None:
    for name in pack.names():
        if name.endswith((".csv", ".pem")) or "/signatures." in name:
            errors = faults(pack, **{name: pack.read(name).replace(b"a", b"b", 1) + b" "})
            assert any(fault.startswith(name) for fault in errors), name


@pytest.mark.parametrize(
    "content", sample([b"", b"[]", b"{}", b"[1]", b'[{"activation": 5}]', b"null", b"{", b"\xff"], 3)
)
def test_parts_that_are_none_are_named_and_break_nothing(pack: Pack, content: bytes) -> None:
    for name in [
        *governance_files(pack),
        "audit/checkpoints.ndjson",
        "audit/entries.ndjson",
        "decisions/decisions.csv",
    ]:
        assert faults(pack, **{name: content}) != [], name


def test_entries_that_do_not_say_what_their_event_does_are_named(pack: Pack) -> None:
    lines = pack.read("audit/entries.ndjson")
    altered = lines.replace(b'\\"override\\":', b'\\"overrule\\":')
    assert any(
        "does not say what its event does" in fault for fault in faults(pack, **{"audit/entries.ndjson": altered})
    )
    other = lines.replace(b'\\"event\\":\\"version_submitted\\"', b'\\"event\\":\\"gossip\\"')
    assert any("entries.csv was altered" in fault for fault in faults(pack, **{"audit/entries.ndjson": other}))


def test_the_figures_of_the_manifest_are_those_of_what_is_there(pack: Pack) -> None:
    for name in (
        "versions",
        "changes",
        "signatures",
        "suspensions",
        "activations",
        "overrides",
        "decisions",
        "entries",
    ):
        counts = {**pack.manifest["counts"], name: 99}
        message = f"the manifest counts 99 {name}, and {pack.manifest['counts'][name]} are there"
        with zipfile.ZipFile(pack.file) as archive:
            opened = Altered(archive, pack, {})
            list(check_entries(opened, pack.manifest, [pack.key]))
            assert list(check_counts(opened, {**pack.manifest, "counts": counts}, [])) == [message]


def test_a_pack_names_its_log_and_a_checkpoint_of_another_is_told(pack: Pack) -> None:
    assert pack.manifest["log"]["id"] == pack.json("audit/checkpoint.json")["log"]
    manifest = {**pack.manifest, "log": {**pack.manifest["log"], "id": "sha256:0"}}
    with zipfile.ZipFile(pack.file) as archive:
        errors = list(check_log(Altered(archive, pack, {}), manifest, [pack.key]))
    assert any("is of another log" in fault for fault in errors)


def test_accounts_are_named_as_their_entries_do(pack: Pack) -> None:
    """The printed name of an author stands in no entry but that of the account."""
    names = [name for name in pack.names() if name.endswith("/change.json")]
    created = [json.loads(line["entry"]) for line in pack.lines("audit/entries.ndjson")]
    assert any(entry["event"] == "account_created" for entry in created)
    change = pack.json(names[0])
    by = change["actions"][0]["by"]
    altered = set_at(change, ("actions", 0, "by"), {**by, "printed_name": HOSTILE})
    message = f"{names[0]} was altered: `by.printed_name` of action 1 is not what the log tells"
    assert message in faults(pack, **{names[0]: altered})


def test_a_pack_of_the_first_format_is_still_read(here: Company, tmp_path: Path) -> None:
    made = packed(here, tmp_path / "pack.zip", SCOPES["policy"])
    with zipfile.ZipFile(made.file) as archive:
        opened = Altered(archive, made, {"timeline.json": b"[]"})
        assert list(check_governance(opened, {**made.manifest, "format": 1}, [made.key])) == []
