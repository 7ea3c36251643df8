from typing import Any

from tests.client import Api, Member

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
    async def test_update_changes_the_given_fields(self, api: Api) -> None:
        ada = await api.user("Ada")
        user = {"id": ada.id, "name": "Ada", "email": "user1@example.com"}
        for change in ({}, {"name": "Ada L."}, {"currentPassword": "not looked at"}):
            user["name"] = change.get("name", user["name"])
            assert await update(api, ada, **change) == {"user": user, "errors": []}
        assert await accounts(api) == [("Ada L.", "user1@example.com")]

    async def test_name_is_trimmed_and_normalised(self, api: Api) -> None:
        payload = await update(api, await api.user(), name=" A\u0308da ")
        assert payload["user"]["name"] == "\u00c4da"

    async def test_invalid_update_is_refused_with_every_path_and_not_written(
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

    async def test_anonymous_update_is_refused(self, api: Api) -> None:
        assert await update(api, None, name="New") == refused(("FORBIDDEN", []))
