"""What the pages tell the reader to type is typed, block after block, on a service that has demo accounts."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.api.test_server import wait_until_ready
from tests.architecture.project import ROOT

BLOCK = re.compile(r"^```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)
WRITTEN = "http://127.0.0.1:8000"
COMMAND = "from policy_service.cli import main; main()"
NEEDED = ("bash", "curl", "awk")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"the pages are typed with {', '.join(NEEDED)}"),
]


@dataclass(frozen=True)
class Terminal:
    """A terminal in the folder where the service was set up."""

    folder: Path
    address: str
    environment: dict[str, str]

    def type(self, page: str, before: str = "") -> str:
        """What the commands of a page print; each must succeed."""
        blocks = BLOCK.findall((ROOT / page).read_text("utf-8"))
        assert blocks, f"{page} has no block of commands"
        script = "\n".join(["set -euo pipefail", before, *blocks]).replace(WRITTEN, self.address)
        ended = subprocess.run(
            ["bash", "-c", script],  # noqa: S607  # the reader's own
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        return ended.stdout


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("checkout")
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    _write_program(programs / "policy-service", f"-c '{COMMAND}'")
    _write_program(programs / "python3", "")
    own = {name: text for name, text in os.environ.items() if not name.startswith(("POLICY_SERVICE_", "DATABASE_URL"))}
    environment = {**own, "PATH": f"{programs}:{own['PATH']}", "PYTHONPATH": str(ROOT)}
    environment |= {"LC_ALL": "C.UTF-8"}
    subprocess.run(
        [programs / "policy-service", "init", "--demo"], cwd=folder, env=environment, check=True, timeout=200
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    server = subprocess.Popen(
        [programs / "policy-service", "serve", "--port", str(port)],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(server, address)
        yield Terminal(folder, address, environment)
    finally:
        server.kill()
        server.communicate()


def _write_program(file: Path, arguments: str) -> None:
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
    file.chmod(0o755)


def test_the_first_page_leads_from_a_key_to_a_decision_its_replay_and_the_log(terminal: Terminal) -> None:
    said = terminal.type("README.md")
    assert '"tier":"A"' in said
    assert '"verdict":"same"' in said
    assert "the log is fine" in said
    assert "the export in log.ndjson is fine" in said


def test_a_program_leads_a_new_policy_to_its_day(terminal: Terminal) -> None:
    said = terminal.type("docs/how-to/sign-a-change-by-program.md").splitlines()
    assert said[:2] == ["submitted", "['sales_director', 'compliance']"]
    assert "you are author" in said[2]
    assert said[3:6] == ["['compliance']", "signed_off", "scheduled"]
    assert '"version":"1.0.0"' in said[6]
    assert said[-2].endswith("demo-author drafted the change “Thank customers”")
    assert said[-1] == "True"


DEMO = """
KEY=$(awk '$1 == "demo-integration" {print $2}' var/demo-accounts.txt)
PASSWORD=$(awk '$1 == "demo-sales-director" {print $2}' var/demo-accounts.txt)
member() { python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }
TOKEN=$(curl -sS http://127.0.0.1:8000/v1/session -H 'Content-Type: application/json' \
    -d "{\\"name\\": \\"demo-sales-director\\", \\"password\\": \\"$PASSWORD\\"}" | member token)
UNTIL=$(python3 -c 'import datetime as d; print((d.datetime.now(d.UTC) + d.timedelta(days=100)).isoformat())')
ID=$(curl -sS http://127.0.0.1:8000/v1/decisions -H "Authorization: Bearer $KEY" \
    -H 'Content-Type: application/json' -d '{"subject": "C1", "facts": {}, "policies": ["tiering/absolute_value"]}' |
    member decision_id)
"""
"""What the pages take for granted."""


def test_a_decision_is_replayed_and_a_customer_excepted_as_the_pages_say(terminal: Terminal) -> None:
    assert '"verdict":"same"' in terminal.type("docs/how-to/replay-a-decision.md", before=DEMO)
    assert '"outcome":{"tier":"S"}' in terminal.type("docs/how-to/record-an-override.md", before=DEMO)


def test_the_page_on_decisions_asks_and_is_refused_as_it_says(terminal: Terminal) -> None:
    said = terminal.type("docs/how-to/ask-for-a-decision.md", before=DEMO)
    assert '"tier":"A"' in said
    assert "3 problems: /policies/0, /facts/recency_dais, /facts/amount_12m" in said
    assert "leave out the thousands separators" in said
