"""Groups found in tags are a draft: the same each time, with rows that part all subjects, and it passes the checks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from policy_service.cli.app import app
from policy_service.cli.status import UsageError
from policy_service.cross_groups.policy_file import Heading
from policy_service.language.load import load_bytes
from policy_service.population import clusters
from policy_service.population.cluster_policy import write_cluster_policy
from policy_service.population.clusters import Clustering, ClusterRequest, propose_groups
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping
from policy_service.population.source import open_source
from tests.effort import sample
from tests.population.files import read_result, run_file, write_csv

pytestmark = pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")

TAGS = """
policy: tiering/tags
version: 1.0.0
title: {zh: 标签, en: Tags}
subject: customer
facts:
  sector:
    type: choice
    of: [it, retail, farming, other]
    title: {zh: 行业, en: sector}
    words: {it: {zh: 信息技术, en: IT}}
  needs: {type: tags, of: [price, urgent, "long term"], title: {zh: 需求, en: needs}}
  contract: {type: boolean, title: {zh: 有框架协议, en: has a framework contract}}
  staff: {type: integer, title: {zh: 员工, en: staff}}
outcome:
  seen: {type: boolean}
rules:
  hit: FIRST
  rows: [{id: all, when: "true", then: ["true"], because: {zh: 全部, en: all}}]
"""
HEADINGS = ("subject", "sector", "needs", "contract", "staff")
KINDS = (("it", "urgent", "true"), ("retail", "price", "false"), ("farming", "", "false"), ("it", "long term", "true"))
"""Tags of customers who are alike; the first kinds have the most."""
HEADING = Heading("tiering/tag_groups", source=("R-CLUST-1",))


def population(folder: Path, counts: Sequence[int] = (60, 40, 30)) -> Path:
    rows = [
        (f"C{kind}-{index}", *KINDS[kind][:2], "" if index == 1 else KINDS[kind][2], "7")
        for kind, count in enumerate(counts)
        for index in range(count)
    ]
    rows[0] = ("C0", "it", "urgent;price", "true", "1,000")
    return write_csv(folder / "tags.csv", rows, HEADINGS)


def propose(path: Path, **changes: object) -> Clustering:
    settings: dict[str, object] = {
        "policies": [load_bytes(TAGS.encode())],
        "facts": None,
        "kind": "customer",
        "mapping": Mapping(),
        "groups": 3,
        "rows": 8,
        "smallest": 20,
        "seed": 0,
    }
    return propose_groups(ClusterRequest(**(settings | changes)), open_source(path, Mapping()), lambda _: None)  # type: ignore[arg-type]


def test_groups_are_found_and_described_by_rows(tmp_path: Path) -> None:
    path = population(tmp_path)
    proposal = propose(path)
    assert [(group.number, group.subjects) for group in proposal.groups] == [(1, 60), (2, 40), (3, 30)]
    assert (proposal.agreeing, proposal.subjects, len(proposal.rows)) == (130, 130, 3)
    assert proposal.left_out == (
        "`staff` is a whole number, inside ±2^53 in its smallest unit: groups are made of choices, tags and booleans",
    )
    text = write_cluster_policy(proposal, HEADING)
    assert text == write_cluster_policy(propose(path), HEADING)
    policy = load_bytes(text.encode())
    assert policy.source == ("R-CLUST-1",)
    assert policy.notes is not None
    assert "A proposal: a person edits it, and it applies when it has been signed." in policy.notes.en
    report = run_file(path, tmp_path / "o.csv", policies=[policy], requested=[policy.id])
    found = {row["subject"].split("-")[0]: row[f"{policy.id}.tag_groups"] for row in read_result(report.paths[0])}
    assert found == {"C0": "group_1", "C1": "group_2", "C2": "group_3"}


@pytest.mark.parametrize(
    "facts", sample([None, ["sector"], ["contract", "needs"], ["needs"], ["sector", "contract"]], 2)
)
def test_every_draft_passes_the_checks(facts: list[str] | None, tmp_path: Path) -> None:
    """Whatever it is made of, with facts that some lack: each subject has one row, each row its example."""
    path = population(tmp_path, (30, 25, 21, 5))
    output = tmp_path / "tiering" / "tag_groups" / "1.0.0.yaml"
    output.parent.mkdir(parents=True)
    text = write_cluster_policy(propose(path, facts=facts, groups=2, smallest=1), HEADING)
    output.write_text(text, encoding="utf-8")
    for command in ("check", "test"):
        result = CliRunner().invoke(app, [command, str(output)])
        assert result.exit_code == 0, f"{result.output}\n{text}"


def test_small_groups_are_marked_and_the_share_is_stated(tmp_path: Path) -> None:
    proposal = propose(population(tmp_path, (60, 40, 30, 5)), groups=4, smallest=10)
    assert [group.subjects for group in proposal.groups][-1] == 5
    assert (proposal.agreeing, proposal.subjects) == (130, 135)
    text = write_cluster_policy(proposal, HEADING)
    assert "Groups of fewer than 10 subjects: 4." in text
    assert "130 of 135 into the group they were found in" in text
    assert "group_4" not in text  # no row has enough of them


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"facts": ["sectr"]}, "tags.csv: no policy has a fact or an outcome `sectr`: did you mean `sector`?"),
        ({"facts": ["staff"]}, "`staff` is a whole number, .*: groups are made of choices, tags and booleans"),
        ({"kind": "order"}, "no column holds tags: `sector` is about a customer"),
        ({"groups": 20}, "tags.csv: 7 combinations of tags make no 20 groups: ask for fewer"),
        ({"smallest": 500}, "no row of 500 subjects tells the groups apart: ask for smaller ones"),
    ],
)
def test_what_makes_no_groups_is_told(changes: dict[str, object], problem: str, tmp_path: Path) -> None:
    with pytest.raises(PopulationRejected, match=problem):
        write_cluster_policy(propose(population(tmp_path), **changes), HEADING)


def test_too_many_combinations_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "MAX_POINTS", 3)
    with pytest.raises(PopulationRejected, match="more than 3 combinations of tags: name fewer facts by --fact"):
        propose(population(tmp_path))


def test_the_command_writes_a_draft_and_never_over_another_file(tmp_path: Path) -> None:
    folder = tmp_path / "policies" / "tiering" / "tags"
    folder.mkdir(parents=True)
    folder.joinpath("1.0.0.yaml").write_text(TAGS, encoding="utf-8")
    output = tmp_path / "draft.yaml"
    command = ["cluster", "--population", str(population(tmp_path)), "--policy", "tiering/tag_groups"]
    command += ["--policies", str(tmp_path / "policies"), "--output", str(output), "--groups", "3"]
    told = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)
    assert (told["agreeing"], told["subjects"], told["refused"]) == (130, 130, 0)
    assert told["groups"][0] == {"group": 1, "subjects": 60, "small": False, "described": True}
    assert load_bytes(output.read_bytes()).id == "tiering/tag_groups"
    assert isinstance(CliRunner().invoke(app, command).exception, UsageError)
    output.unlink()
    assert "3 rows put 130 of 130 subjects (100.0 %)" in CliRunner().invoke(app, command).output
