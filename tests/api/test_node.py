from base64 import b64encode

import hypothesis.strategies as some
import pytest
from hypothesis import given

from tests.client import Api
from weft.declare.identity import MAX_KEY, decode_id, encode_id, key_of
from weft.errors import BadId

NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


def opaque(text: str) -> str:
    return b64encode(text.encode()).decode()


MALFORMED = {
    "empty": "",
    "garbage": "garbage",
    "a number": "1",
    "not ASCII": "💥",
    "no base64": "User:1",
    "no key": opaque("User"),
    "an empty key": opaque("User:"),
    "no type": opaque(":1"),
    "a negative key": opaque("User:-1"),
    "a signed key": opaque("User:+1"),
    "a key with zeros before it": opaque("User:01"),
    "a key in other digits": opaque("User:١"),
    "a key with a fraction": opaque("User:1.0"),
    "a key out of range": opaque(f"User:{MAX_KEY + 1}"),
    "a huge key": opaque("User:" + "9" * 90),
    "a very long text": "A" * 100_000,
    "without padding": opaque("User:12").rstrip("="),
    "with too much padding": opaque("User:1") + "====",
    "with a line end": opaque("User:1") + "\n",
    "with unused bits set": opaque("User:12").replace("==", "")[:-1] + "h==",
    "another type": opaque("Session:1"),
    "another case": opaque("user:1"),
}


class TestGlobalId:
    @given(some.sampled_from(["User", "Item"]), some.integers(0, MAX_KEY))
    def test_id_decodes_to_its_type_and_key(self, type_name: str, key: int) -> None:
        assert decode_id(encode_id(type_name, key)) == (type_name, key)

    @given(some.text() | some.binary().map(lambda raw: b64encode(raw).decode()))
    def test_id_has_one_spelling_only(self, text: str) -> None:
        try:
            type_name, key = decode_id(text)
        except BadId:
            return
        assert encode_id(type_name, key) == text

    @given(some.text(alphabet="AUVXabcdefgxyz0123456789+/=\n", max_size=40))
    def test_bad_id_raises_one_kind_of_error(self, text: str) -> None:
        with pytest.raises(BadId):
            key_of("User", text)

    def test_id_of_another_type_is_refused(self) -> None:
        with pytest.raises(BadId):
            key_of("User", encode_id("Item", 1))


class TestMalformedId:
    async def test_malformed_id_is_an_error_with_its_path(self, api: Api) -> None:
        text = """query ($id: ID!) {
            node(id: $id) { id } nodes(ids: [$id]) { id }
            user(id: $id) { id } item(id: $id) { id } }"""
        for what, id in MALFORMED.items():
            errors = await api.errors(text, {"id": id})
            paths = [["item"], ["node"], ["nodes", 0], ["user"]]
            assert sorted(errors, key=str) == [("BAD_ID", path) for path in paths], what

    async def test_id_of_another_type_is_an_error(self, api: Api) -> None:
        owner = await api.user()
        item = await api.item(owner)
        text = (
            "query ($user: ID!, $item: ID!) { a: user(id: $item) { id } b: item(id: $user) { id } }"
        )
        errors = await api.errors(text, {"user": owner.id, "item": item})
        assert sorted(errors) == [("BAD_ID", ["a"]), ("BAD_ID", ["b"])]


class TestNode:
    async def test_node_finds_users_and_items(self, api: Api) -> None:
        owner = await api.user()
        for type_name, id in (("User", owner.id), ("Item", await api.item(owner))):
            data = await api.data(NODE, {"id": id})
            assert data == {"node": {"__typename": type_name, "id": id}}

    async def test_missing_node_is_null(self, api: Api) -> None:
        text = """query ($user: ID!, $item: ID!) {
            a: node(id: $user) { id } b: node(id: $item) { id }
            user(id: $user) { id } item(id: $item) { id } }"""
        for key in (0, 999, MAX_KEY):
            ids = {"user": encode_id("User", key), "item": encode_id("Item", key)}
            assert await api.data(text, ids) == dict.fromkeys(("a", "b", "user", "item"))


class TestNodes:
    async def test_nodes_come_in_order_with_repeats_and_nulls(self, api: Api) -> None:
        owner = await api.user()
        item = await api.item(owner)
        ids = [item, owner.id, encode_id("Item", 999), item, encode_id("User", 999), owner.id]
        data = await api.data(NODES, {"ids": ids})
        found = [node and node["id"] for node in data["nodes"]]
        assert found == [item, owner.id, None, item, None, owner.id]
        types = [node and node["__typename"] for node in data["nodes"]]
        assert types == ["Item", "User", None, "Item", None, "User"]

    async def test_malformed_id_among_others_fails_alone(self, api: Api) -> None:
        owner = await api.user()
        item = await api.item(owner)
        answer = await api.answer(NODES, {"ids": [owner.id, "garbage", item, opaque("Session:1")]})
        assert [node and node["id"] for node in answer["data"]["nodes"]] == [
            owner.id,
            None,
            item,
            None,
        ]
        errors = [(error["path"], error["extensions"]["code"]) for error in answer["errors"]]
        assert errors == [(["nodes", 1], "BAD_ID"), (["nodes", 3], "BAD_ID")]

    async def test_empty_list_of_ids_gives_an_empty_list(self, api: Api) -> None:
        assert await api.data(NODES, {"ids": []}) == {"nodes": []}

    async def test_more_than_100_ids_are_refused(self, api: Api) -> None:
        owner = await api.user()
        data = await api.data(NODES, {"ids": [owner.id] * 100})
        assert len(data["nodes"]) == 100
        errors = await api.errors(NODES, {"ids": [owner.id] * 101})
        assert errors == [("BAD_USER_INPUT", None)]
