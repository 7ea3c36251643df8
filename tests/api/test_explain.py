"""The explanation of what an operation took, for clients that request it and are allowed to."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app import create_app
from settings import Settings
from tests.client import Api, Member

OWNERS = "{ items(first: 10) { nodes { title owner { name items(first: 1) { totalCount } } } } }"
COUNT = "query ($id: ID!) { user(id: $id) { itemCount } }"


async def explained(
    api: Api, query: str, by: Member | None = None, *, ask: Any = True, **variables: Any
) -> Any:
    """Returns the explanation for this value of `explain`; None if there is none."""
    answer = await api.http.post(
        "/graphql",
        json={"query": query, "variables": variables, "extensions": {"explain": ask}},
        headers={"authorization": f"Bearer {by.token}"} if by else {},
    )
    assert "errors" not in answer.json()
    return answer.json().get("extensions", {}).get("explain")


@asynccontextmanager
async def another(api: Api, **update: Any) -> AsyncGenerator[Api]:
    """Yields the same server with other settings."""
    own = api.settings.model_copy(update=update)
    async with Api(create_app(own), own, api.connection, api.clock, []) as server:
        yield server


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"executor": "compiled"})


class TestFields:
    async def test_fields_have_their_calls_batches_and_statements(self, api: Api) -> None:
        for owner in (await api.user(), await api.user()):
            await api.item(owner)
            await api.item(owner)
        told = (await explained(api, OWNERS))["fields"]
        assert {
            name: (field["calls"], field["parents"], field["batches"], field["keys"])
            for name, field in told.items()
        } == {
            "Query.items": (1, 1, 1, 1),
            "Item.owner": (1, 4, 1, 2),
            "User.items": (1, 2, 1, 2),
            "ItemConnection.totalCount": (1, 2, 1, 2),
        }
        assert all(field["statements"] for field in told.values())
        for field in told.values():
            assert field["ms"] >= field["statementMs"] > 0

    async def test_fields_have_all_statements_that_ran(self, api: Api) -> None:
        await api.item(await api.user())
        del api.statements[:]
        told = await explained(api, OWNERS)
        assert sorted(api.statements) == sorted(each["sql"] for each in told["statements"])
        assert {each["field"] for each in told["statements"]} == set(told["fields"])
        assert sum(field["statements"] for field in told["fields"].values()) == len(api.statements)

    async def test_mutation_field_has_its_write(self, api: Api) -> None:
        told = await explained(
            api,
            'mutation { createItem(input: {title: "New"}) { item { owner { name } } } }',
            await api.user(),
        )
        written = [each for each in told["statements"] if "INSERT INTO items" in each["sql"]]
        assert [each["field"] for each in written] == ["Mutation.createItem"]
        assert "keys" not in written[0]

    async def test_mutation_field_has_a_write_that_was_joined_with_others(self, api: Api) -> None:
        owner = await api.user()
        ids = [await api.item(owner) for _ in range(20)]
        update = 'mutation {{ updateItem(input: {{id: "{}", title: "New"}}) {{ item {{ id }} }} }}'
        told, *_ = await asyncio.gather(
            explained(api, update.format(ids[0]), owner),
            *(api.data(update.format(id), by=owner) for id in ids[1:]),
        )
        [written] = [each for each in told["statements"] if "UPDATE items" in each["sql"]]
        assert written["field"] == "Mutation.updateItem"
        assert 1 <= written["keys"] <= 20

    async def test_fields_have_nothing_of_other_operations(self, api: Api) -> None:
        owner = await api.user()
        await api.item(owner)
        alone = await explained(api, OWNERS)
        together, *_ = await asyncio.gather(
            explained(api, OWNERS),
            *(api.data(COUNT, {"id": owner.id}) for _ in range(20)),
            *(api.data("{ users { nodes { name } } }") for _ in range(20)),
        )
        for name, field in alone["fields"].items():
            assert together["fields"][name]["statements"] == field["statements"]
        assert set(together["fields"]) == set(alone["fields"])


class TestAvailability:
    @pytest.mark.parametrize("ask", [False, None, 1, "true"])
    async def test_operation_that_requests_no_explanation_gets_none(
        self, api: Api, ask: Any
    ) -> None:
        assert await explained(api, "{ viewer { id } }", ask=ask) is None

    @pytest.mark.parametrize(
        ("environment", "explain", "audience"),
        [
            ("test", None, ["stranger", "member", "admin"]),
            ("test", "admins", ["admin"]),
            ("test", "none", []),
            ("production", None, []),
            ("production", "admins", ["admin"]),
            ("production", "all", ["stranger", "member", "admin"]),
        ],
    )
    async def test_setting_decides_which_viewers_get_an_explanation(
        self, api: Api, environment: str, explain: str | None, audience: list[str]
    ) -> None:
        viewers = {"stranger": None, "member": await api.user()}
        viewers["admin"] = await api.user(admin=True)
        async with another(api, environment=environment, explain=explain) as server:
            told = {
                name: await explained(server, "{ viewer { id } }", viewer)
                for name, viewer in viewers.items()
            }
        assert [name for name, told_to in told.items() if told_to is not None] == audience
