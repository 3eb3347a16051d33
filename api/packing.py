"""Makes audit packs in a worker, one at a time: much is read, replayed and proved for each."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.auditing import new_file
from api.gauge import Gauge, Moved, watched
from api.service import Service
from api.work import PACKING, seconds_of
from policy_service.audit.service import signer
from policy_service.database import Database
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.seals import NotSealable
from policy_service.decisions.subjects import Secrets
from policy_service.packs.making import Maker, make_pack
from policy_service.packs.scope import Scope


@dataclass(frozen=True, slots=True)
class Made:
    """A pack that was made: its file, which whoever asked removes, and what its manifest says of it."""

    file: Path
    counts: Mapping[str, int]
    left_out: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pack is to be about, for whom, and when it was asked for."""

    scope: Scope
    by: str
    now: datetime


class Packer:
    """Makes one pack after another."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def make(self, scope: Scope, by: str, moved: Moved) -> Made:
        """Makes a pack of all there is on record now. Raises ProblemError, and what `pack` does."""
        service = self._service
        with suppress(NotSealable):  # what was altered cannot be sealed; the pack says what has no proof
            await run_in_threadpool(service.sealer.seal_all)
        asked = Asked(scope, by, service.clock.now())
        file = new_file("policy-service-pack-")
        try:
            async with watched(moved) as gauge:
                seconds, url, keys = seconds_of(PACKING, service.settings), service.database.url, service.settings.keys
                manifest = await service.workers.of(PACKING).run(seconds, pack, url, keys, asked, file, Gauge(gauge))
        except BaseException:  # whoever breaks it off, too, leaves nothing behind
            _remove(file)
            raise
        return Made(file, manifest["counts"], tuple(manifest["left_out"]))


def pack(url: str, keys: Path, asked: Asked, file: Path, gauge: Gauge) -> dict[str, Any]:
    """Makes a pack, and gives its manifest. Raises NoKey, NotSigned, KeyFileFault, DatabaseUnavailable."""
    with closing(Database(url)) as database, database.read() as session:
        maker = Maker(Secrets(MasterKeys(keys)), signer(session, keys), asked.by, asked.now)
        return make_pack(session, maker, asked.scope, file, gauge.tell)


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
