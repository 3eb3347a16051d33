"""Install a wheel where there is no compiler, and let what was installed decide: `make wheel-check`.

    python -m tests.wheel_check WHEEL

In an environment of its own whose PATH holds nothing but that environment. What was installed decides the regulation's
customers by the rules engine, sets a database up, serves, answers one request for a decision, gives a page and the
typeface, and registers a population. It ends with an error at the first thing that is not as it should be.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from api.faces import FOLDER
from tests.api.test_server import wait_until_ready
from tests.architecture.project import ROOT

REQUEST = {
    "subject": "C202405001",
    "as_of": "2026-11-21",
    "policies": ["tiering/absolute_value"],
    "facts": {"amount_12m": "800000.00", "recency_days": 45},
}
POPULATION = b"subject,amount_12m\nC1,800000.00\nC2,1000.00\n"


def main(wheel: str) -> None:
    """Check the wheel. Raises CalledProcessError, AssertionError."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        programs = folder / "venv" / "bin"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("POLICY_", "DATAB"))}
        environment["PATH"] = str(programs)
        assert not any(shutil.which(name, path=str(programs)) for name in ("gcc", "cc", "clang", "make"))

        def run(*command: str | Path) -> None:
            subprocess.run([programs / command[0], *command[1:]], check=True, cwd=folder, env=environment)

        constraints = ROOT / "constraints.txt"
        run(
            "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-cache-dir",
            "--constraint",
            constraints,
            Path(wheel).resolve(),
        )
        run("policy-service", "demo")
        run("policy-service", "init", "--demo")
        run(
            "python",
            "-c",
            "from policy_service.documents import document; assert document('how-to/sign-a-change', 'zh')",
        )
        decide(folder, programs, environment)
    print(f"{Path(wheel).name} was installed without a compiler, and decides")  # noqa: T201  # a report on the screen


def decide(folder: Path, programs: Path, environment: dict[str, str]) -> None:
    """Serve what was installed, and ask it for a decision, a page and the typeface."""
    accounts = (folder / "var" / "demo-accounts.txt").read_text("utf-8").splitlines()
    secrets = dict(line.split() for line in accounts)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with ExitStack() as closing:
        command: list[str | Path] = [programs / "policy-service", "serve", "--port", str(port)]
        log = closing.enter_context((folder / "log").open("w"))
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, text=True)
        closing.callback(server.wait)
        closing.callback(server.terminate)
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(server, address)
        answer: Any = httpx.post(f"{address}/v1/decisions", json=REQUEST, headers=bearer(secrets["demo-integration"]))
        outcome = answer.json()["outcomes"]["tiering/absolute_value"]
        assert (outcome["outcome"], outcome["rules"]) == ({"tier": "A"}, ["A"]), answer.text
        assert httpx.get(f"{address}/sign-in", headers={"accept": "text/html"}).status_code == 200
        face = httpx.get(f"{address}/static/sans-400.woff2")
        assert face.content == (FOLDER / "sans-400.woff2").read_bytes()
        account = {"name": "demo-compliance", "password": secrets["demo-compliance"]}
        session = httpx.post(f"{address}/v1/session", json=account).json()
        # In a worker, whose memory other packages of this environment would divide otherwise.
        registered = httpx.post(
            f"{address}/v1/populations?name=spring&as_of=2026-11-30",
            content=POPULATION,
            headers={**bearer(session["token"]), "content-type": "text/csv"},
            timeout=60,
        )
        assert (registered.status_code, registered.json()["subjects"]) == (201, 2), registered.text


def bearer(secret: str) -> dict[str, str]:
    """The header of a request of the owner of a key or a session."""
    return {"authorization": f"Bearer {secret}"}


if __name__ == "__main__":
    main(*sys.argv[1:])
