import asyncio
from typing import Any

from tests.api import Api, Member

UPDATE = """mutation ($input: UpdateProfileInput!) {
    updateProfile(input: $input) { user { id name email } errors { code path } } }"""


async def update(api: Api, by: Member | None, **input: Any) -> dict[str, Any]:
    return (await api.data(UPDATE, {"input": input}, by))["updateProfile"]


def refused(*errors: tuple[str, list[str]]) -> dict[str, Any]:
    return {"user": None, "errors": [{"code": code, "path": path} for code, path in errors]}


async def accounts(api: Api) -> list[tuple[Any, ...]]:
    rows = await api.connection.fetch("SELECT name, email FROM users ORDER BY id")
    return [tuple(row) for row in rows]


class TestUpdateProfile:
    async def test_changes_what_is_given(self, api: Api) -> None:
        ada = await api.user("Ada")
        user = {"id": ada.id, "name": "Ada", "email": "user1@example.com"}
        for change in (
            {},
            {"name": "Ada L."},
            {"email": "Ada@example.com"},
            {"name": "A", "email": "a@b.org"},
        ):
            user |= change
            assert await update(api, ada, **change) == {"user": user, "errors": []}
        assert await accounts(api) == [("A", "a@b.org")]

    async def test_trims_and_normalises(self, api: Api) -> None:
        payload = await update(api, await api.user(), name=" A\u0308da ", email=" Ada@EXAMPLE.com ")
        assert payload["user"]["name"] == "\u00c4da"
        assert payload["user"]["email"] == "Ada@example.com"

    async def test_may_change_the_case_of_its_own_address(self, api: Api) -> None:
        payload = await update(api, await api.user(), email="USER1@example.com")
        assert payload["user"]["email"] == "USER1@example.com"

    async def test_refuses_what_breaks_a_rule_with_every_path_and_writes_nothing(
        self, api: Api
    ) -> None:
        ada = await api.user("Ada")
        for input, paths in (
            ({"name": ""}, ["name"]),
            ({"name": "  "}, ["name"]),
            ({"name": "x" * 101}, ["name"]),
            ({"name": None}, ["name"]),
            ({"name": "A\tda"}, ["name"]),
            ({"email": None}, ["email"]),
            ({"email": "nobody"}, ["email"]),
            ({"email": "a@" + "b" * 300 + ".org"}, ["email"]),
            ({"name": "", "email": "a@"}, ["name", "email"]),
            ({"name": "New", "email": "a@"}, ["email"]),
        ):
            payload = await update(api, ada, **input)
            assert payload == refused(*(("INVALID", [path]) for path in paths)), input
        assert await accounts(api) == [("Ada", "user1@example.com")]

    async def test_refuses_an_address_that_is_taken_whatever_its_case(self, api: Api) -> None:
        ada, _ = await api.user("Ada"), await api.user("Bob")
        for email in ("user2@example.com", "User2@Example.COM", "USER2@EXAMPLE.COM"):
            payload = await update(api, ada, name="New", email=email)
            assert payload == refused(("TAKEN", ["email"]))
        assert (await accounts(api))[0] == ("Ada", "user1@example.com")

    async def test_gives_an_address_to_one_of_many(self, api: Api) -> None:
        members = [await api.user() for _ in range(8)]
        cases = ("new@example.com", "NEW@example.com")
        payloads = await asyncio.gather(
            *(update(api, member, email=cases[place % 2]) for place, member in enumerate(members))
        )
        assert len([payload for payload in payloads if payload["user"]]) == 1
        lost = [payload for payload in payloads if not payload["user"]]
        assert lost == [refused(("TAKEN", ["email"]))] * 7
        owned = [email for _, email in await accounts(api) if email.lower() == "new@example.com"]
        assert len(owned) == 1

    async def test_is_for_those_who_are_signed_in(self, api: Api) -> None:
        assert await update(api, None, name="New") == refused(("FORBIDDEN", []))
