"""Kills the service with SIGKILL at any instant while it is asked over HTTP, and looks whether anything is lost.

python -m tests.faults.kill --kills 200 [--backend sqlite] [--backend postgresql]

this process ──fork──► `policy-service serve` ◄──HTTP── clients: they decide, draft, submit, sign, except
      │──SIGKILL──► the service
      │── looks: all that was answered is on record, nothing is there by half, chain and blocks verify
      └── starts the next, which checks itself; asks again what was not answered, and what was: the answers are equal
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic

import httpx

import api.app
import api.service
from policy_service.actor import SERVICE, Role
from policy_service.cli import serve
from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.decisions.sealer import Sealer
from policy_service.identity.api_keys import issue_key
from policy_service.identity.sessions import PASSWORD, start_session
from tests.api.client import HERE
from tests.api.company import establish, policy_folder
from tests.databases import BACKENDS, fresh_url
from tests.faults.clients import Client, Gone, Memory, at_work
from tests.passwords import CHEAP, hashed_by
from tests.storage.faults import Lost, look

LIFE = 1.5
"""Seconds after which a service is killed at the latest, from its start or from what it is waited for."""
AFTER = ("start", "signature", "decision", "override", "decision")
"""What a service is waited for before it is killed, one kill after the other."""
READY_WITHIN = 60.0
ASKED_AGAIN = 10
"""Requests of the last life that were answered, and are sent again."""
EVERY = 25
"""After so many kills, and at the end, everything is verified; in between, the tail."""
SEALED_EVERY = 0.3
"""Seconds between seals, so that services are killed while they seal."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service lives."""

    url: str
    folder: Path

    @property
    def keys(self) -> Path:
        """The folder of its keys."""
        return self.folder / "keys"

    def environment(self) -> dict[str, str]:
        """Its settings."""
        return {
            "DATABASE_URL": self.url,
            "POLICY_SERVICE_KEYS": str(self.keys),
            "POLICY_SERVICE_CHECKPOINTS": str(self.folder / "checkpoints"),
            "POLICY_SERVICE_POLICIES": str(policy_folder()),
            "POLICY_SERVICE_ENGINE": "python",
            "POLICY_SERVICE_LOG_LEVEL": "warning",
            "POLICY_SERVICE_POLICY_CHECK_SECONDS": "300",  # the machine may be busy with other tests
        }


def prepare(place: Place) -> Memory:
    """Sets a database up, with people and a machine; gives the memory of their clients."""
    clock = SystemClock()
    people = establish(place.url, place.folder, clock)
    with closing(Database(place.url, keys=place.folder / "keys")) as database, database.write(clock) as transaction:
        tokens = {name: f"Bearer {start_session(transaction, each, PASSWORD).token}" for name, each in people.items()}
        expires = transaction.now + timedelta(days=1)
        issued = issue_key(transaction, SERVICE, name="crm", scopes=[Role.INTEGRATION], expires_at=expires)
    return Memory({**tokens, "crm": f"Bearer {issued.text}"})


# ------------------------------------------------------------------------------------------------- the service


@dataclass(frozen=True, slots=True)
class Running:
    """A service in a process of its own."""

    process: int
    address: str
    log: Path

    def kill(self) -> None:
        """Kills it. Raises Lost when it had ended by itself."""
        os.kill(self.process, signal.SIGKILL)
        _, status = os.waitpid(self.process, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            raise Lost(f"the service ended by itself: {self.said()}")

    def wait(self) -> None:
        """Until it is ready. Raises Lost when it is not in time."""
        until = monotonic() + READY_WITHIN
        with httpx.Client(base_url=self.address, timeout=READY_WITHIN) as client:
            while monotonic() < until and not self._has_ended():
                with suppress(httpx.TransportError):
                    if client.get("/readyz").json()["status"] == "ready":
                        return
                threading.Event().wait(0.05)
        raise Lost(f"the service did not get ready: {self.said()}")

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def said(self) -> str:
        """The end of what it said."""
        return self.log.read_text("utf-8", "replace")[-3_000:]


def hasten() -> None:
    """Makes a service live faster: it seals all the time, and needs no process of its own to check a draft."""
    vars(api.service)["Sealer"] = partial(Sealer, interval_seconds=SEALED_EVERY)
    vars(api.app)["create_app"] = partial(api.app.create_app, workers=HERE)


def begin(place: Place) -> Running:
    """Starts a service as the command line does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    log = place.folder / "log"
    process = os.fork()
    if process == 0:  # pragma: no cover  # it is killed before it could say what it covered
        try:
            with log.open("wb") as file:
                for stream in (1, 2):
                    os.dup2(file.fileno(), stream)
            os.environ.update(place.environment())
            hasten()
            serve.run("127.0.0.1", port)
        except BaseException as fault:  # noqa: BLE001  # told to the parent, which fails
            sys.stderr.write(repr(fault))
            sys.stderr.flush()
        finally:
            os._exit(1)
    return Running(process, f"http://127.0.0.1:{port}", log)


# ------------------------------------------------------------------------------------------------- the parent


def live_once(place: Place, memory: Memory, number: int) -> None:
    """Starts a service, asks it, and kills it. Raises Lost."""
    running, after, moment = begin(place), AFTER[number % len(AFTER)], LIFE * _fraction()
    threads: list[threading.Thread] = []
    try:
        if after == "start":
            threading.Event().wait(moment)
        else:
            running.wait()
            ask_again(running.address, memory)
            memory.life = number
            threads = at_work(running.address, memory)
            memory.wait(after, READY_WITHIN)
            threading.Event().wait(moment / 2)
    finally:
        running.kill()
        for thread in threads:
            thread.join()
    if memory.faults:
        raise Lost("\n".join([*memory.faults, running.said()]))


def revive(place: Place, memory: Memory) -> None:
    """Starts a service after the last kill, and asks it again. Raises Lost."""
    running = begin(place)
    try:
        running.wait()
        ask_again(running.address, memory)
    finally:
        running.kill()


def ask_again(address: str, memory: Memory) -> None:
    """Sends again what was not answered, twice, and the last that was: each key has one answer. Raises Lost."""
    client, unanswered = Client(address, memory), list(memory.unanswered)
    memory.unanswered.clear()
    try:
        for request in unanswered:
            client.did(request)
        for result in memory.told[-ASKED_AGAIN:]:
            again = client.send(result.request)
            if again != result:
                raise Lost(f"{result.request} was answered {result.status} {result.content!r}, then {again}")
    except Gone:
        raise Lost("the service went away while it was asked again") from None
    finally:
        client.close()


def _fraction() -> float:
    return int.from_bytes(os.urandom(4)) / 2**32


def run(backend: str, kills: int, write: Callable[[str], object] = print) -> Counter[str]:
    """Kills so many services on a database of its own; gives how many of each kind were answered. Raises Lost."""
    with fresh_url(backend) as url, tempfile.TemporaryDirectory() as folder:
        place = Place(url, Path(folder))
        memory = prepare(place)
        for number in range(1, kills + 1):
            live_once(place, memory, number)
            look(place.url, place.keys, memory.kept, thoroughly=number % EVERY == 0)
            if number % EVERY == 0:
                write(f"{backend}: {number} kills, {len(memory.kept):,} answered, none lost")
        revive(place, memory)
        look(place.url, place.keys, memory.kept, thoroughly=True)
        return Counter(each.kind for each in memory.kept)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    options = parser.parse_args()
    for backend in options.backend or BACKENDS:
        with hashed_by(CHEAP):  # and so do the services, which are forked from here
            result = run(backend, options.kills)
        print(  # noqa: T201  # a command
            f"{backend}: {options.kills} kills; kept: {', '.join(f'{many:,} {kind}' for kind, many in result.items())}"
        )


if __name__ == "__main__":
    main()
