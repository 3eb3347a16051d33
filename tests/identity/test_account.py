"""An account is its making and its changes; who may change it is said in one place."""

from datetime import UTC, datetime
from typing import Any

import pytest

from policy_service.actor import SERVICE, Actor, Role
from policy_service.identity.account import (
    Account,
    AccountChange,
    ExternalIdentity,
    external_errors,
    fold,
    may_administer,
    may_change_roles,
    may_disable,
    may_reset_password,
    name_errors,
    roles_error,
)

AT = datetime(2026, 11, 20, tzinfo=UTC)
ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})


def account(id_: str, *roles: Role, **more: Any) -> Account:  # noqa: ANN401
    return Account(id_, f"name-{id_}", f"Name {id_}", AT, **{"roles": frozenset(roles), "enabled": True, **more})


def test_an_account_is_its_making_and_all_changes_since() -> None:
    first, second = ExternalIdentity("https://a.example", "1"), ExternalIdentity("https://a.example", "2")
    changes = [
        AccountChange(roles=frozenset({Role.AUTHOR}), enabled=True),
        AccountChange(external=first),
        AccountChange(enabled=False, external=second),
        AccountChange(roles=frozenset({Role.COMPLIANCE})),
    ]
    folded = fold(Account("1", "ada", "Ada", AT), changes)
    assert (folded.roles, folded.enabled, folded.external) == (frozenset({Role.COMPLIANCE}), False, second)


def test_the_person_acts_in_the_roles_of_now() -> None:
    actor = account("1", Role.AUTHOR).actor(AT)
    assert (actor.kind, actor.roles, actor.confirmed_at) == ("person", frozenset({Role.AUTHOR}), AT)


@pytest.mark.parametrize("name", ["", "ab", "Ada", "1ada", "ada ", "ada-", "a" * 65, "ada\n", "爱达"])
def test_a_name_is_small_letters_and_a_few_signs(name: str) -> None:
    assert [fault.member for fault in name_errors(name, "Ada Example")] == ["name"]


@pytest.mark.parametrize("printed_name", ["", " Ada", "x" * 101, "Ada\nExample", "Ada\u202eelpmaxE", "A\u3164da"])
def test_a_printed_name_is_one_line_that_says_what_it_shows(printed_name: str) -> None:
    assert [fault.member for fault in name_errors("ada", printed_name)] == ["printed_name"]


@pytest.mark.parametrize(
    ("printed_name", "hint"),
    [
        ("Ada\u202eelpmaxE", "leave out the hidden character U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("Ada\u00a0Example", "write a space for the blank U+00A0 NO-BREAK SPACE"),
        (" Ada", "leave out the blanks around it"),
        ("x" * 101, None),
    ],
)
def test_a_printed_name_that_is_refused_says_what_to_write(printed_name: str, hint: str | None) -> None:
    [fault] = name_errors("ada", printed_name)
    assert fault.hint == hint
    assert fault.message == "printed_name: expected 1 to 100 characters, on one line" + (f"; {hint}" if hint else "")


def test_a_link_to_a_provider_holds_nothing_that_a_reader_does_not_see() -> None:
    assert external_errors(ExternalIdentity("https://id.example", "248289761001")) == []
    wrong = ExternalIdentity("https://id.example\u200b", "a\u2066b")
    assert [(fault.member, fault.hint) for fault in external_errors(wrong)] == [
        ("issuer", "leave out the hidden character U+200B ZERO WIDTH SPACE"),
        ("subject", "leave out the hidden character U+2066 LEFT-TO-RIGHT ISOLATE"),
    ]


@pytest.mark.parametrize(("name", "printed_name"), [("ada", "Ada Example"), ("a.b_c-9", "示例 用户")])
def test_names_that_will_do(name: str, printed_name: str) -> None:
    assert name_errors(name, printed_name) == []


@pytest.mark.parametrize("other", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_an_administrator_has_no_other_role(other: Role) -> None:
    fault = roles_error(frozenset({Role.ADMINISTRATOR, other}))
    assert fault is not None
    assert fault.expected.startswith("no other role beside administrator")
    assert roles_error(frozenset({other})) is None


@pytest.mark.parametrize(
    "actor",
    [
        account("1", *(role for role in Role if role is not Role.ADMINISTRATOR)).actor(),
        Actor("k", "key", "key", ADMINISTRATOR, "machine"),
    ],
)
def test_only_an_administrator_in_person_manages_accounts(actor: Actor) -> None:
    assert may_administer(actor) == "Only an administrator manages accounts and API keys."
    assert may_disable(actor, account("2"), {}) == may_administer(actor)
    assert may_change_roles(actor, account("2"), frozenset(), {}) == may_administer(actor)
    assert may_administer(account("1", Role.ADMINISTRATOR).actor()) is True
    assert may_administer(SERVICE) is True


@pytest.mark.parametrize("roles", [ADMINISTRATOR, frozenset({Role.SALES_DIRECTOR}), frozenset[Role]()])
def test_nobody_changes_their_own_roles(roles: frozenset[Role]) -> None:
    own, other = account("1", Role.ADMINISTRATOR), account("2", Role.ADMINISTRATOR)
    everybody = {"1": own, "2": other}
    assert str(may_change_roles(own.actor(), own, roles, everybody)).startswith("You cannot change your own roles")
    assert may_change_roles(other.actor(), own, roles, everybody) is True


def test_the_last_enabled_administrator_is_neither_demoted_nor_disabled() -> None:
    last, removed = account("1", Role.ADMINISTRATOR), account("2", Role.ADMINISTRATOR, enabled=False)
    everybody = {"1": last, "2": removed, "3": account("3", Role.AUTHOR)}
    sentence = "name-1 is the last enabled administrator: make another one first."
    assert may_change_roles(SERVICE, last, frozenset({Role.AUTHOR}), everybody) == sentence
    assert may_change_roles(SERVICE, last, ADMINISTRATOR, everybody) is True
    assert may_disable(SERVICE, last, everybody) == sentence
    assert may_disable(SERVICE, removed, everybody) is True
    assert may_disable(SERVICE, last, {**everybody, "4": account("4", Role.ADMINISTRATOR)}) is True


def test_nobody_resets_their_own_password() -> None:
    administrator, author = account("1", Role.ADMINISTRATOR), account("2", Role.AUTHOR)
    assert may_reset_password(administrator.actor(), author) is True
    assert may_reset_password(author.actor(), administrator) == may_administer(author.actor())
    own = "Change your own password under “My account”."
    assert may_reset_password(administrator.actor(), administrator) == own
