"""Makes audit packs in a worker, one at a time: much is read, replayed and proved for each."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.service import Service
from api.workers.auditing import create_private_file
from api.workers.progress import ProgressCallback, ProgressFile, watch_progress
from api.workers.work_kinds import PACKING, time_limit
from policy_service.audit.service import current_signer
from policy_service.database import Database
from policy_service.decisions.block_store import SealingFailed
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.subjects import FactCipher
from policy_service.packs.builder import PackContext, make_pack
from policy_service.packs.scope import Scope


@dataclass(frozen=True, slots=True)
class PackFile:
    """A pack that was made: its file, which the caller removes, and what its manifest says of it."""

    file: Path
    counts: Mapping[str, int]
    omitted: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class PackRequest:
    """The scope of a pack, its requester, and the instant of the request."""

    scope: Scope
    requested_by: str
    requested_at: datetime


class Packer:
    """Makes one pack after another."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def make(self, scope: Scope, requested_by: str, on_progress: ProgressCallback) -> PackFile:
        """Makes a pack of all there is on record now. Raises ProblemError, and what `write_pack` does."""
        service = self._service
        with suppress(SealingFailed):  # what was altered cannot be sealed; the pack says what has no proof
            await run_in_threadpool(service.sealer.seal_all)
        pack_request = PackRequest(scope, requested_by, service.clock.now())
        file = create_private_file("policy-service-pack-")
        try:
            async with watch_progress(on_progress) as progress_path:
                seconds, url, keys = time_limit(PACKING, service.settings), service.database.url, service.settings.keys
                manifest = await service.workers.pool(PACKING).run(
                    seconds, write_pack, url, keys, pack_request, file, ProgressFile(progress_path)
                )
        except BaseException:  # anyone who breaks it off, too, leaves nothing behind
            _remove(file)
            raise
        return PackFile(file, manifest["counts"], tuple(manifest["left_out"]))


def write_pack(url: str, keys: Path, pack_request: PackRequest, file: Path, progress: ProgressFile) -> dict[str, Any]:
    """Makes a pack, and gives its manifest. Raises KeyUnavailable, LogNotSigned, KeyFileError, DatabaseUnavailable."""
    with closing(Database(url)) as database, database.read() as session:
        maker = PackContext(
            FactCipher(MasterKeys(keys)),
            current_signer(session, keys),
            pack_request.requested_by,
            pack_request.requested_at,
        )
        return make_pack(session, maker, pack_request.scope, file, progress.write)


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
