from tests.client import Api


class TestQueryItem:
    async def test_published_item_is_visible_to_everyone(self, api: Api) -> None:
        owner = await api.user()
        id = await api.item(owner, "Hello")
        data = await api.data(
            "query ($id: ID!) { item(id: $id) { title owner { id } } }", {"id": id}
        )
        assert data == {"item": {"title": "Hello", "owner": {"id": owner.id}}}

    async def test_draft_of_another_user_is_as_if_it_did_not_exist(self, api: Api) -> None:
        id = await api.item(await api.user(), status="DRAFT")
        stranger = await api.user()
        text = """query ($id: ID!) {
            item(id: $id) { id } node(id: $id) { id } nodes(ids: [$id]) { id } }"""
        assert await api.data(text, {"id": id}, by=stranger) == {
            "item": None,
            "node": None,
            "nodes": [None],
        }
