"""What the pages tell the reader to type is typed, block after block, on a service begun by the commands of `make run`.

A block of ```bash is typed as it stands, in the order of its page. A block of ```sh is for another machine or another
moment: `NOT_TYPED` says of each page why. Addresses and folders of the reader's machine stand for those of the test.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from textwrap import dedent

import pytest

from tests.api.test_server import wait_until_ready
from tests.architecture.project import ROOT, markdown_files, name_of
from tests.demonstration import clone, commands_of_make_run, demonstration, environment
from tests.effort import sample
from tests.shipped import VERSIONS

BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
WRITES = re.compile(r"(?:>|--output|--drafts|-o) +([a-z][\w./-]*)")
"""Where a command writes what it makes."""
WRITTEN = "http://127.0.0.1:8000"
SECOND = "8001"
"""The port of a second service that a page begins."""
FOLDERS = ("/srv/", "/media/", "/mnt/")
"""Folders of the reader's machine that pages name."""
SAID = "var/terminal.txt"
"""What the service says on the terminal."""
NEEDED = ("bash", "curl", "awk")

NOT_TYPED = {
    "README.md": "packages of the system; the service here is begun by the commands of `make run`; what runs the tests",
    "CONTRIBUTING.md": "what runs the tests, and what writes a migration",
    "benchmarks/README.md": "takes half an hour",
    "docs/how-to/archive.md": "records of a closed year; tests/decisions has such records",
    "docs/how-to/erase-a-subject.md": "asks at a terminal; tests/cli/test_subjects.py erases and rotates so",
    "docs/how-to/find-groups.md": "an extra and a file of one's own; tests/population/test_clusters.py finds groups",
    "docs/how-to/move-to-postgresql.md": "needs a PostgreSQL server of one's own; tests/cli/test_copy.py copies there",
    "docs/how-to/register-a-population.md": "a file of one's own; tests/cli/test_populations.py registers one",
    "docs/how-to/replay-a-decision.md": "an archive of one's own; tests/cli/test_archive.py replays from one",
    "docs/how-to/run-over-a-file.md": "files, databases and a cluster of one's own; tests/population has its own",
    "docs/how-to/rotate-the-signing-key.md": "a key that nobody has; tests/verification/test_keys.py loses one",
    "docs/how-to/set-up.md": "sets another machine up; tests/wheel_check.py installs the wheel",
    "docs/how-to/sign-the-first-versions.md": "a set-up of one's own; tests/approval/test_first_versions.py signs one",
    "docs/how-to/verify-the-log.md": "places that are not here; tests/audit/test_copies.py has such places",
    "docs/reference/cli.md": "a file of one's own; tests/population/test_clusters.py has its own",
    "docs/tutorial/sign-your-first-change.md": "the service here is begun by the commands of `make run`",
}
KEY = """
KEY=$(awk '$1 == "demo-integration" {print $2}' var/demo-accounts.txt)
"""
IN_FORCE = f'"version":"{VERSIONS["tiering/rfm_value"]}"'
SESSIONS = """
PASSWORD=$(awk '$1 == "demo-author" {print $2}' var/demo-accounts.txt)
member() { python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }
sign_in() {
  curl -sS http://127.0.0.1:8000/v1/session -H 'Content-Type: application/json' \\
    -d "{\\"name\\": \\"demo-$1\\", \\"password\\": \\"$PASSWORD\\"}" | member token
}
"""
DECIDED = """
decide() {
  curl -sS http://127.0.0.1:8000/v1/decisions -H "Authorization: Bearer $KEY" \\
    -H 'Content-Type: application/json' -d "$1"
}
"""


@dataclass(frozen=True)
class Walk:
    """A page that is typed: what its commands print, in this order, and what it takes for granted."""

    page: str
    prints: Sequence[str]
    before: str = ""
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The file that each first block of a language is written into; a second one for the same file goes on with it."""
    typed: str = ""
    """What is typed when a command asks."""
    refused: bool = False
    """Whether the page shows a request that is refused."""
    apart: bool = False
    """Whether it has a service of its own, and waits: it is begun before the others, in a clone of its own."""


WALKS = (
    Walk("README.md", ['"tier":"A"', '"verdict":"same"', "the log is fine", "the export in log.ndjson is fine"]),
    Walk(
        "docs/tutorial/your-first-policy.md",
        ["1 file: fine", "4 of 4", "答谢方式", '"rules":["large"]'],
        files={"yaml": ["my-policies/rewards/thank_you/1.0.0.yaml"] * 2, "json": ["customer.json"]},
    ),
    Walk(
        "docs/tutorial/a-companys-own-regulation.md",
        [
            "1 file: fine",
            "2 of 2",
            "4 rows: policies decide 2, features do 1, 1 are not done yet.",
            "ready: sqlite:///acme-var/service.db",
            "submitted\nsigned_off\nscheduled\n",
            '"policy":"followup/visit_cadence"',
        ],
        "trap 'kill $(jobs -p) || true' EXIT",
        files={"yaml": ["acme/regulations/visits.yaml", "acme/followup/visit_cadence/1.0.0.yaml"]},
        apart=True,
    ),
    Walk(
        "docs/how-to/ask-for-a-decision.md",
        [
            '"policy":"tiering/absolute_value"',
            '"tier":"A"',
            "3 problems: /policies/0, /facts/recency_dais, /facts/amount_12m",
            "leave out the thousands separators",
            '"tier":"A"',
        ],
        refused=True,
    ),
    Walk(
        "docs/how-to/decide-about-many.md",
        ['"subject":"C202405001"', '"tier":"A"', '"subject":"C202405002"'],
        KEY,
        files={"json": ["customers.ndjson"]},
    ),
    Walk("docs/how-to/group-customers.md", ["# Industry × enterprise scale", "`tiering/my_groups` · version 1.0.0"]),
    Walk(
        "docs/how-to/replay-a-decision.md",
        ['"subject":"C1"', '"verdict":"same"'],
        KEY
        + SESSIONS
        + DECIDED
        + """
ID=$(decide '{"subject": "C1", "facts": {}, "policies": ["tiering/absolute_value"]}' | member decision_id)
""",
    ),
    Walk(
        "docs/how-to/record-an-override.md",
        ['"outcome":{"tier":"S"}'],
        SESSIONS
        + """
TOKEN=$(sign_in sales-director)
UNTIL=$(python3 -c 'import datetime as d; print((d.datetime.now(d.UTC) + d.timedelta(days=100)).isoformat())')
""",
    ),
    Walk(
        "docs/how-to/sign-a-change-by-program.md",
        [
            "submitted\n['sales_director', 'general_manager', 'compliance']\n",
            "you are author",
            "['compliance']\nsigned_off\nscheduled\n",
            '"version":"1.0.0"',
            "demo-author drafted the change “Thank customers”\nTrue\n",
        ],
        refused=True,
    ),
    Walk("docs/how-to/look-up-what-was-in-force.md", [IN_FORCE], SESSIONS + "TOKEN=$(sign_in author)"),
    Walk(
        "docs/how-to/make-an-audit-pack.md",
        ["tier.zip", "customer.zip", "year.zip", "the pack in tier.zip is fine"],
        ".venv/bin/policy-service audit public-key > policy-service.pub.pem",
    ),
    Walk(
        "docs/how-to/back-up-and-restore.md",
        ["copied and compared"],
        "mkdir -p /srv/backups /media/safe",
    ),
    Walk(
        "docs/how-to/erase-a-subject.md",
        ['"erased_at":"2'],
        KEY
        + SESSIONS
        + DECIDED
        + """
decide '{"subject": "C202405001", "policies": ["tiering/membership_card"],
  "facts": {"total_purchases": 0, "standing": ["villa"], "contacts": []}}' > var/decided.json
TOKEN=$(sign_in compliance)
""",
    ),
    Walk(
        "docs/how-to/manage-accounts.md",
        ["a.example was made an account", '"name":"demo-c"', '"waiting":[]'],
        SESSIONS
        + """
echo "$PASSWORD" | .venv/bin/policy-service account create demo-c --printed-name C --role sales_director > var/c.txt
curl -sS http://127.0.0.1:8000/v1/session/password -H "Authorization: Bearer $(sign_in c)" \\
  -H 'Content-Type: application/json' -d "{\\"old\\": \\"$PASSWORD\\", \\"new\\": \\"another of some length\\"}"
TOKEN=$(sign_in compliance)
curl -sS http://127.0.0.1:8000/v1/accounts -H "Authorization: Bearer $TOKEN" > var/accounts.json
ACCOUNT=$(python3 -c 'import json
print(*(each["id"] for each in json.load(open("var/accounts.json"))["items"] if each["name"] == "demo-c"))')
ETAG=$(curl -sS -D - -o var/c.json http://127.0.0.1:8000/v1/accounts/$ACCOUNT -H "Authorization: Bearer $TOKEN" |
  awk 'tolower($1) == "etag:" {print $2}' | tr -d '\\r')
""",
        typed="a password of some length\n",
    ),
    Walk(
        "docs/how-to/sign-in-with-oidc.md",
        ["b.example"],
    ),
    Walk(
        "docs/how-to/rotate-an-api-key.md",
        ["demo-integration", "psk_", "opens nothing any more"],
        "OLD=$(.venv/bin/policy-service api-key issue old --scope integration --days 9 | tail -n 1)",
    ),
    Walk(
        "docs/how-to/verify-the-log.md",
        ["the log is fine", "the export in log.ndjson is fine", '"fine":true', '"seq":17'],
        SESSIONS + "TOKEN=$(sign_in compliance); rm -f log.ndjson; mkdir -p /mnt/elsewhere",
    ),
    Walk(
        "docs/how-to/find-who-moved.md",
        ['"name":"tier:S"', '"group":{"name":"tier:S"', '"subject":"C202405001"', '"from":"2026-10-31"'],
        KEY,
    ),
    Walk(
        "docs/how-to/reevaluate-all-subjects.md",
        [
            "tiering/rfm_value: 0 decided again, 200 so before",
            '"kind":"reevaluation"',
        ],  # the newest decisions are of today
        SESSIONS + "TOKEN=$(sign_in compliance)",
    ),
    Walk(
        "docs/how-to/check-the-data.md",
        ['"kind":"data-check"', '"tier":"C"', '"subject":"C-18"', '"merged_into":"C202405001"'],
        KEY
        + SESSIONS
        + DECIDED
        + """
TOKEN=$(sign_in compliance)
facts='"facts": {"amount_12m": "800000.00", "recency_days": 45}, "policies": ["tiering/absolute_value"]'
decide "{\\"subject\\": \\"C-17\\", $facts}" > var/decided.json
decide "{\\"subject\\": \\"C-18\\", $facts}" > var/decided.json
DECISION=$(decide "{\\"subject\\": \\"C202405001\\", \\"as_of\\": \\"2026-11-21\\", $facts}" | member decision_id)
""",
    ),
    Walk("docs/how-to/rotate-the-signing-key.md", ["key 2 is in use, endorsed by the key before it"]),
    Walk(
        "docs/how-to/run-over-a-file.md",
        ["2 subjects decided for 2026-11-21, 1 row refused", "written: tiers.csv.manifest.json"],
    ),
    Walk(
        "docs/how-to/simulate-before-drafting.md",
        ["1 of 3 subjects move on 2026-11-21", "tier A → S", "written: movers.csv"],
        f"ln -s '{ROOT}/policies' policies; trap 'rm policies' EXIT",
    ),
    Walk("docs/how-to/compare-actual-effect.md", ["1,540,000", "4.2500", "(few)"]),
    Walk(
        "docs/how-to/renew-a-benchmark-set.md",
        ["4 subjects, 0 rows refused", "benchmark set: sha256:", "written: tiers.csv"],
    ),
    Walk("docs/reference/cli.md", ["policy: tiering/my_groups", '"tier":"A"']),
)


TUTORIALS = 3
"""The walks that are taken each time; of the how-tos a quick run takes one in twelve."""
TAKEN = [*WALKS[:TUTORIALS], *sample(WALKS[TUTORIALS:], 12)]


@dataclass(frozen=True)
class Terminal:
    """A terminal in a clone, and where the service is served that was set up there."""

    folder: Path
    address: str = ""
    begun: Mapping[str, Future[str]] = field(default_factory=dict)
    """The walks of some pages, in another clone."""

    def walk(self, walk: Walk) -> str:
        """What the commands of a page print; each must succeed, and leave nothing that git would show."""
        if walk.page in self.begun:
            return self.begun[walk.page].result()
        strict = "" if walk.refused else 'curl() { command curl --fail-with-body "$@"; }'
        script = "\n".join(["set -euo pipefail", strict, walk.before, *self._lines(walk)])
        for folder in FOLDERS:
            script = script.replace(folder, f"{self.folder}{folder}")
        script = script.replace(WRITTEN, self.address).replace(SECOND, str(free_port()))
        ended = subprocess.run(
            ["bash", "-c", script],  # noqa: S607  # the reader's own
            cwd=self.folder,
            env=environment(),
            input=walk.typed,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        left = {file.name for file in self.folder.iterdir()} - {folder.strip("/") for folder in FOLDERS}
        assert sorted(left - ignored_names()) == [], "a clone would show them as new: add them to .gitignore"
        return ended.stdout + ended.stderr

    def _lines(self, walk: Walk) -> Iterator[str]:
        """The commands of a page, and those that write its files."""
        waiting = {language: list(files) for language, files in walk.files.items()}
        for _, language, text in blocks(walk.page):
            if language == "bash":
                yield text
            elif waiting.get(language):
                yield f"cat >> {waiting[language].pop(0)} <<'WRITTEN'\n{text}WRITTEN"
        assert not any(waiting.values()), f"{walk.page} has no block for {waiting}"


def blocks(page: str) -> list[tuple[str, str, str]]:
    """The fenced blocks of a page: indentation, language, text."""
    return [
        (indent, language, dedent(text)) for indent, language, text in BLOCK.findall((ROOT / page).read_text("utf-8"))
    ]


def ignored_names() -> set[str]:
    """What git shows nobody in the folder of a clone."""
    return {line.strip("/") for line in (ROOT / ".gitignore").read_text("utf-8").splitlines()}


def pages_with(language: str) -> set[str]:
    """The pages that have a block of a language; those in Chinese have the same blocks to the letter."""
    names = [name_of(page) for page in markdown_files() if not page.name.endswith(".zh.md")]
    return {name for name in names if any(result == language for _, result, _ in blocks(name))}


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    apart = clone(tmp_path_factory.mktemp("apart") / "clone")
    with ThreadPoolExecutor() as pool:
        begun = {walk.page: pool.submit(Terminal(apart).walk, walk) for walk in WALKS if walk.apart}
        folder = demonstration(tmp_path_factory.mktemp("checkout") / "clone")
        port = free_port()
        with (folder / SAID).open("w") as output:
            server = subprocess.Popen(
                commands_of_make_run(port)[-1],
                cwd=folder,
                env=environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until_ready(server, address)
            yield Terminal(folder, address, begun)
        finally:
            server.kill()
            server.communicate()


def free_port() -> int:
    """A port that nothing listens to."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.slow
@pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"the pages are typed with {', '.join(NEEDED)}")
@pytest.mark.parametrize("walk", sorted(TAKEN, key=attrgetter("apart")), ids=attrgetter("page"))
def test_the_commands_of_a_page_do_what_it_says(terminal: Terminal, walk: Walk) -> None:
    text = terminal.walk(walk)
    rest = squeezed(text)
    for words in walk.prints:
        _, result, rest = rest.partition(squeezed(words))
        assert result, f"{words!r} is not printed, or not in its place:\n{text}"


@pytest.mark.slow
def test_make_run_ends_with_the_address_to_open_and_whom_to_sign_in_as(terminal: Terminal) -> None:
    text = (terminal.folder / SAID).read_text("utf-8")
    assert text.split()[-1] == terminal.address
    secrets = dict(line.split() for line in (terminal.folder / "var/demo-accounts.txt").read_text("utf-8").splitlines())
    assert f"demo-sales-director   {secrets['demo-sales-director']}" in text
    log = (terminal.folder / "var/service.log").read_text("utf-8")
    assert "service_started" in {json.loads(line)["event"] for line in log.splitlines()}


def squeezed(text: str) -> str:
    """The text without white space: JSON is the same in one line and in many."""
    return "".join(text.split())


def test_every_page_with_commands_is_typed_or_says_why_not() -> None:
    assert sorted(pages_with("bash")) == sorted(walk.page for walk in WALKS)
    assert sorted(pages_with("sh")) == sorted(NOT_TYPED)


@pytest.mark.parametrize("walk", WALKS, ids=attrgetter("page"))
def test_what_the_commands_of_a_page_write_is_ignored_by_git(walk: Walk) -> None:
    commands = "\n".join(text for _, language, text in blocks(walk.page) if language == "bash")
    written = {name.partition("/")[0] for name in WRITES.findall(commands)}
    assert sorted(written - ignored_names()) == []
