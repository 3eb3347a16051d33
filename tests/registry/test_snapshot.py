"""What the registry holds is read again only when something was added; what is not there is told with what there is."""

from __future__ import annotations

import pytest

from policy_service.registry.catalogue import Catalogue
from policy_service.registry.snapshot import SnapshotCache, UnknownPolicy
from tests.approval.world import BONUS, DAY, SIGN_OFF, TIER, tier, world


def test_a_snapshot_is_kept_until_something_is_added() -> None:
    cache = SnapshotCache()
    with world() as here:
        with here.database.read() as session:
            first = cache.read(session)
            assert cache.read(session) is first
            assert sorted(first.versions) == sorted([TIER, BONUS, SIGN_OFF])
        change = here.signed(tier("1.1.0", 50))
        with here.database.read() as session:
            second = cache.read(session)
            assert [each.version for each in second.versions_of(TIER)] == ["1.1.0", "1.0.0"]
            assert second.next_piece(TIER, here.now) is None
        here.schedule(change)
        with here.database.read() as session:
            result = cache.read(session)
            assert result is not second
            following = result.next_piece(TIER, here.now)
            assert following is not None
            assert following[1].version == "1.1.0"
            active = result.active(TIER, here.now + 2 * DAY)
            assert active is not None
            assert active[1].version == "1.1.0"


def test_hidden_versions_are_not_there() -> None:
    with world() as here:
        here.import_(tier("1.1.0", 50), at=here.now)
        with here.database.read() as session:
            whole = SnapshotCache().read(session)
            newest, oldest = whole.versions_of(TIER)
            assert whole.without([newest.digest]).versions_of(TIER) == (oldest,)
            with pytest.raises(UnknownPolicy, match=r"has no version `1\.1\.0`"):
                whole.without([newest.digest]).version(TIER, "1.1.0")
            with pytest.raises(UnknownPolicy, match=f"no policy `{TIER}`"):
                whole.without([newest.digest, oldest.digest]).versions_of(TIER)


def test_what_is_not_there_is_told_with_what_there_is() -> None:
    with world() as here, here.database.read() as session:
        catalogue = Catalogue()
        with pytest.raises(UnknownPolicy, match="no policy `tiering/siz`") as unknown:
            catalogue.snapshot(session).version("tiering/siz", "1.0.0")
        assert str(unknown.value.hint) == f"did you mean `{TIER}`?"
        with pytest.raises(UnknownPolicy, match=r"`tiering/size` has no version `9\.9\.9`") as missing:
            catalogue.snapshot(session).version(TIER, "9.9.9")
        assert str(missing.value.hint) == "its versions are 1.0.0"
        assert catalogue.snapshot(session).version(TIER, "1.0.0").version == "1.0.0"


def test_a_stopped_policy_declares_its_facts_and_has_no_version_in_force() -> None:
    with world() as here:
        here.suspend(policy=BONUS, version="1.0.0")
        with here.database.read() as session:
            catalogue = Catalogue()
            with pytest.raises(UnknownPolicy, match="is suspended, and no version applies: it misjudges"):
                catalogue.version_in_force(session, BONUS, here.now)
            assert catalogue.declaring_version(session, BONUS, here.now).id == BONUS
            snapshot = catalogue.snapshot(session)
            assert snapshot.active(BONUS, here.now) is None
            assert snapshot.stop(BONUS, here.now) is not None
