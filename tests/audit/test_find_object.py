"""What entries are about is found by its name, and people and keys by theirs."""

from __future__ import annotations

from datetime import timedelta

from policy_service.actor import SERVICE, Role
from policy_service.audit.log import find_object
from policy_service.identity.api_keys import find_key_by_name, issue_key
from policy_service.identity.service import printed_names
from tests.approval.world import SALES, TIER, tier, world


def test_a_thing_is_found_by_its_name_alone() -> None:
    with world() as here:
        change = here.create(tier("1.1.0", 50))
        with here.database.read() as session:
            assert find_object(session, TIER) == f"policy:{TIER}"
            assert find_object(session, change.id) == f"change:{change.id}"
            assert find_object(session, "nothing") is None
            assert find_object(session, "change:nothing") == "change:nothing", "a kind before it: it stands for itself"


def test_people_and_keys_are_found_by_their_names() -> None:
    with world() as here:
        here.hire(SALES)
        with here.database.write(here.clock) as transaction:
            expires = here.now + timedelta(days=1)
            key = issue_key(transaction, SERVICE, name="crm", scopes=[Role.INTEGRATION], expires_at=expires)
        with here.database.read() as session:
            assert find_key_by_name(session, "crm") == key.key.id
            assert find_key_by_name(session, "erp") is None
            assert printed_names(session, [SALES.id, "nobody"]) == {SALES.id: SALES.printed_name}
