from datetime import UTC, datetime
from typing import Any

from tests.client import Api, Member
from weft.declare.identity import encode_id

TEXT = """query ($filter: ItemFilter) {
    items(filter: $filter, orderBy: {field: TITLE}) { totalCount nodes { title } } }"""


async def titles(api: Api, by: Member | None = None, **filter: Any) -> str:
    """Returns the first letters of the titles that a filter gives, in order, as one text."""
    items = (await api.data(TEXT, {"filter": filter}, by))["items"]
    assert items["totalCount"] == len(items["nodes"])
    return "".join(node["title"][0] for node in items["nodes"])


class TestSearch:
    async def test_search_finds_words_in_any_form_in_title_and_description(self, api: Api) -> None:
        owner = await api.user()
        await api.item(owner, "A running horse", description="over the hills")
        await api.item(owner, "B", description="Horses ran. He runs.")
        await api.item(owner, "C cat", description=None)
        for search, found in {
            "run": "AB",
            "HORSES": "AB",
            "hill": "A",
            "horse cat": "",
            "horse or cat": "ABC",
            "horse -hills": "B",
            '"running horse"': "A",
            '"horse running"': "",
            "the": "",
            "!!!": "",
            "'": "",
            '"unclosed horse': "",
            "horse & | ! ( ) : *": "AB",
            "\\": "",
            "": "ABC",
            "  ": "ABC",
            None: "ABC",
        }.items():
            assert await titles(api, search=search) == found, search

    async def test_search_has_at_most_200_characters(self, api: Api) -> None:
        assert await titles(api, search="x" * 200) == ""
        for text in (
            "query ($search: String) { items(filter: {search: $search}) { totalCount } }",
            "query ($search: String) { users(search: $search) { totalCount } }",
        ):
            [(code, _)] = await api.errors(text, {"search": "x" * 201})
            assert code == "BAD_USER_INPUT"

    async def test_search_finds_users_by_the_words_of_their_names(self, api: Api) -> None:
        for name in ("Ada Lovelace", "ada byron", "Grace"):
            await api.user(name)
        text = "query ($search: String) { users(search: $search) { totalCount nodes { name } } }"
        for search, count in {
            "ADA": 2,
            "ada byron": 1,
            "grace or byron": 2,
            "zoe": 0,
            " ": 3,
        }.items():
            users = (await api.data(text, {"search": search}))["users"]
            assert users["totalCount"] == len(users["nodes"]) == count, search


class TestTags:
    async def test_items_must_have_all_tags_of_the_filter(self, api: Api) -> None:
        owner = await api.user()
        await api.item(owner, "A", tags=["red", "blue"])
        await api.item(owner, "B", tags=["red"])
        await api.item(owner, "C", tags=['qu"o\\te', "a,b", "{c}", "NULL"])
        for tags, found in (
            (["red"], "AB"),
            (["red", "red"], "AB"),
            (["blue", "red"], "A"),
            (["red", "NULL"], ""),
            (["RED"], ""),
            (['qu"o\\te', "a,b", "{c}", "NULL"], "C"),
            ([], "ABC"),
            (None, "ABC"),
        ):
            assert await titles(api, tags=tags) == found, tags

    async def test_too_many_or_too_long_tags_are_refused(self, api: Api) -> None:
        for tags in (["x"] * 21, ["x" * 51]):
            errors = await api.errors(TEXT, {"filter": {"tags": tags}})
            assert errors == [("BAD_USER_INPUT", ["items"])]


class TestStatus:
    async def test_status_filter_shows_only_what_the_viewer_may_see(self, api: Api) -> None:
        owner, admin = await api.user(), await api.user(admin=True)
        for title, status in (("A", "ARCHIVED"), ("D", "DRAFT"), ("P", "PUBLISHED")):
            await api.item(owner, title, status=status)
        for status, public, all_of_them in (
            (["DRAFT"], "", "D"),
            (["DRAFT", "DRAFT", "PUBLISHED"], "P", "DP"),
            (["ARCHIVED", "DRAFT", "PUBLISHED"], "P", "ADP"),
            ([], "", ""),
            (None, "P", "ADP"),
        ):
            assert await titles(api, status=status) == public
            assert await titles(api, admin, status=status) == all_of_them


class TestOwnerId:
    async def test_owner_filter_gives_the_items_of_one_user(self, api: Api) -> None:
        ada, bob = await api.user(), await api.user()
        await api.item(ada, "A")
        await api.item(bob, "B")
        await api.item(bob, "D", status="DRAFT")
        assert await titles(api, ownerId=ada.id) == "A"
        assert await titles(api, bob, ownerId=bob.id) == "B"
        assert await titles(api, ownerId=encode_id("User", 99)) == ""
        assert await titles(api, ownerId=None) == "AB"

    async def test_owner_filter_on_the_items_of_another_user_gives_none(self, api: Api) -> None:
        ada, bob = await api.user(), await api.user()
        await api.item(ada, "A")
        await api.item(bob, "B")
        text = """query ($of: ID!, $by: ID!) { user(id: $of) {
            items(filter: {ownerId: $by}) { totalCount nodes { title } } } }"""
        for of, by, found in ((ada, ada, ["A"]), (ada, bob, [])):
            items = (await api.data(text, {"of": of.id, "by": by.id}))["user"]["items"]
            assert [node["title"] for node in items["nodes"]] == found
            assert items["totalCount"] == len(found)

    async def test_owner_filter_that_is_no_id_of_a_user_is_an_error(self, api: Api) -> None:
        for id in ("garbage", encode_id("Item", 1)):
            errors = await api.errors(TEXT, {"filter": {"ownerId": id}})
            assert errors == [("BAD_ID", ["items"])]


class TestUpdatedAfter:
    async def test_time_filter_gives_items_updated_later_in_any_time_zone(self, api: Api) -> None:
        owner = await api.user()
        for title, minute in (("A", 0), ("B", 1), ("C", 2)):
            at = datetime(2026, 1, 1, 12, minute, tzinfo=UTC)
            await api.item(owner, title, updated_at=at)
        for time, found in {
            "2026-01-01T12:00:00Z": "BC",
            "2026-01-01T12:00:59.999999Z": "BC",
            "2026-01-01T14:01:00+02:00": "C",
            "2026-01-01T07:01:00-05:00": "C",
            "2026-01-01T12:01:00": "C",
            "2026-01-01T12:02:00Z": "",
            "0001-01-01T00:00:00Z": "ABC",
            "9999-12-31T23:59:59.999999Z": "",
        }.items():
            assert await titles(api, updatedAfter=time) == found, time
        assert await titles(api, updatedAfter=None) == "ABC"

    async def test_time_filter_that_is_no_time_in_utc_is_an_error(self, api: Api) -> None:
        for time in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
            errors = await api.errors(TEXT, {"filter": {"updatedAfter": time}})
            assert errors == [("BAD_USER_INPUT", ["items"])]
        for time in ("yesterday", "", "2026-13-01T00:00:00Z"):
            [(code, _)] = await api.errors(TEXT, {"filter": {"updatedAfter": time}})
            assert code == "BAD_USER_INPUT"


class TestCombination:
    async def test_items_must_fulfil_all_conditions_of_the_filter(self, api: Api) -> None:
        ada, bob = await api.user(), await api.user()
        late = datetime(2030, 1, 1, tzinfo=UTC)
        whole: dict[str, Any] = {"description": "horse", "tags": ["red"], "updated_at": late}
        await api.item(ada, "A", **whole)
        for title, lacking in (
            ("B", {"description": "cat"}),
            ("C", {"tags": ["blue"]}),
            ("D", {"updated_at": datetime(2020, 1, 1, tzinfo=UTC)}),
            ("E", {"status": "ARCHIVED"}),
        ):
            await api.item(ada, title, **whole | lacking)
        await api.item(bob, "F", **whole)
        everything = {
            "search": "horses",
            "tags": ["red"],
            "updatedAfter": "2029-01-01T00:00:00Z",
            "status": ["PUBLISHED"],
            "ownerId": ada.id,
        }
        assert await titles(api, ada, **everything) == "A"
        for condition, found in (
            ("search", "AB"),
            ("tags", "AC"),
            ("updatedAfter", "AD"),
            ("status", "A"),
            ("ownerId", "AF"),
        ):
            others = {name: value for name, value in everything.items() if name != condition}
            assert await titles(api, ada, **others) == found, condition
