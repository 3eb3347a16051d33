"""While the log is not what was signed, nothing is signed: readiness, figures and pages say so, and decisions go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.features.health.endpoints import readiness
from policy_service.audit.comparison import LogMismatch, settle
from policy_service.cli.command_line_actor import command_line
from policy_service.decisions.answer_counts.service import count_next_blocks
from policy_service.decisions.block_store import next_block
from policy_service.decisions.blocks import Block
from policy_service.decisions.sealer import Sealer, next_block_of, next_counts_of, run_in
from policy_service.workers.kind import WorkKind
from policy_service.workers.pool import Pool, WorkerDied, Workers
from tests.api.company import Company, company
from tests.approval.world import TIER
from tests.audit.store import running_store
from tests.packs.packing import decided
from tests.pages.packs.test_packs import made
from tests.pages.visitor import Visitor


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        decided(here, "C0", orders=1)
        here.app.service.sealer.seal_all()
        yield here


def figure(here: Company) -> str:
    text = here.app.service.metrics.render().decode()
    return next(line for line in text.splitlines() if line.startswith("policy_service_log_differs "))


def test_a_difference_is_told_everywhere_until_it_is_settled(here: Company) -> None:
    service = here.app.service
    copies_file = service.settings.checkpoints
    before = copies_file.read_bytes()
    copies_file.unlink()
    message = f"{copies_file.absolute()} is missing: {len(before.splitlines())} checkpoints were copied there"
    decided(here, "C1", orders=1)
    with pytest.raises(LogMismatch, match="is missing"):
        service.sealer.seal_all()

    state = readiness(service)
    assert state.status == "degraded"
    assert state.concerns == [f"nothing is sealed, because the log is not what was signed: {message}"]
    assert figure(here) == "policy_service_log_differs 1.0"
    assert decided(here, "C2", orders=1), "decisions go on"
    refusal = made(Visitor(here, "compliance"), policy=TIER).text(".refusal")
    assert "the log is not what was signed" in refusal, "a pack is signed too"
    page = Visitor(here, "compliance").get("/audit")
    assert message in page.text("[role=alert]")
    page = Visitor(here, "compliance", "zh").get("/audit")
    assert "日志与已签名内容不一致，已停止封存和签名。" in page.text("[role=alert]")
    assert "不存在：此前已复制" in page.text("[role=alert]")
    assert message in Visitor(here, "root").get("/").text()

    alarms: list[str] = []
    again = Sealer(
        here.database, here.clock, service.settings.keys, copies=service.settings.copies, on_alarm=alarms.append
    )
    again.start()
    again.close()
    assert alarms == [], "what was found before is no new alarm"
    assert again.comparison.difference == message

    by = (command_line(), service.settings.keys, service.settings.copies, "the disk was replaced")
    assert settle(here.database, here.clock, *by) == message
    assert service.sealer.seal_all() == 1
    assert copies_file.read_bytes().startswith(before)
    assert (readiness(service).concerns, figure(here)) == ([], "policy_service_log_differs 0.0")
    assert not Visitor(here, "compliance").get("/audit").has("[role=alert]")
    [entry] = here.did("GET", "/v1/audit?event=log_settled", "compliance")["items"]
    assert entry["sentence"]["en"].endswith(f"settled a difference of the log: {message}: the disk was replaced")


def test_a_store_that_refuses_is_a_concern_and_sealing_goes_on(here: Company) -> None:
    with running_store(status=403) as store:
        settings = here.app.service.settings.model_copy(update={"checkpoint_copies": store.address})
        alarms: list[str] = []
        sealer = Sealer(here.database, here.clock, settings.keys, copies=settings.copies, on_alarm=alarms.append)
        decided(here, "C3", orders=1)
        assert sealer.seal_all() == 1
        assert list(sealer.comparison.copy_errors) == [store.address]
        assert "was answered with 403" in sealer.comparison.copy_errors[store.address]
        assert alarms == []


def test_the_page_of_checkpoints_names_every_copy_and_what_lies_beside_the_database(here: Company) -> None:
    page = Visitor(here, "compliance").get("/audit/checkpoints")
    text = page.text("[aria-labelledby=copies]")
    assert str(here.app.service.settings.checkpoints.absolute()) in text
    assert all(sentence in text for sentence in here.app.service.advice)


def test_what_sealing_many_records_takes_is_done_in_a_worker(here: Company) -> None:
    database, start = here.database, Block(0, 1, 0, "")
    workers = Workers()
    try:
        run_work = run_in(workers)
        block = run_work(next_block_of, database.url, database.keys, start)
        counts = run_work(next_counts_of, database.url)
    finally:
        workers.close()
    assert counts == count_next_blocks(database)
    with database.read() as session:
        assert block == next_block(session, start)


@pytest.mark.parametrize("error", [WorkerDied, TimeoutError, MemoryError])
def test_what_a_worker_cannot_is_done_here(error: type[Exception]) -> None:
    class Failing(Workers):
        def pool(self, _kind: WorkKind) -> Pool:
            raise error

    assert run_in(Failing())(len, "four") == 4
