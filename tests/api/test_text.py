"""Text that PostgreSQL cannot store, and odd text, get clear errors in every argument."""

from typing import Any

from tests.client import Api

# `%s` stands for the text, as the variable $t or as a literal.
INPUTS = {
    "id of node": "{ node(id: %s) { id } }",
    "ids of nodes": "{ nodes(ids: [%s]) { id } }",
    "id of user": "{ user(id: %s) { id } }",
    "id of item": "{ item(id: %s) { id } }",
    "search of users": "{ users(search: %s) { totalCount nodes { id } } }",
    "cursor of users": "{ users(after: %s) { nodes { id } } }",
    "cursor of items": "{ items(before: %s, last: 1) { nodes { id } } }",
    "cursor of titles": "{ items(after: %s, orderBy: {field: TITLE}) { nodes { id } } }",
    "search of items": "{ items(filter: {search: %s}) { totalCount nodes { id } } }",
    "tags of items": "{ items(filter: {tags: [%s]}) { totalCount nodes { id } } }",
    "owner of items": "{ items(filter: {ownerId: %s}) { totalCount nodes { id } } }",
    "time of items": "{ items(filter: {updatedAfter: %s}) { totalCount nodes { id } } }",
    "search of User.items": "{ viewer { items(filter: {search: %s}) { totalCount } } }",
    "title": "mutation { createItem(input: {title: %s}) { errors { code } } }",
    "description": (
        'mutation { createItem(input: {title: "T", description: %s}) { errors { code } } }'
    ),
    "tags": 'mutation { createItem(input: {title: "T", tags: [%s]}) { errors { code } } }',
    "id to update": "mutation { updateItem(input: {id: %s}) { errors { code } } }",
    "title to update": "mutation { updateItem(input: {id: $id, title: %s}) { errors { code } } }",
    "id to delete": "mutation { deleteItem(input: {id: %s}) { errors { code } } }",
    "name": "mutation { updateProfile(input: {name: %s}) { errors { code } } }",
    "email": "mutation { updateProfile(input: {email: %s}) { errors { code } } }",
    "email token": "mutation { verifyEmail(input: {token: %s}) { errors { code } } }",
    "refresh token": "mutation { refreshSession(input: {refreshToken: %s}) { errors { code } } }",
}
TYPES = {"id of": "ID!", "ids of": "ID!", "owner of": "ID", "id to": "ID!", "time of": "DateTime"}
CLEAR = {"BAD_ID", "BAD_CURSOR", "BAD_USER_INPUT", "INVALID", "EXPIRED", "BAD_REQUEST"}
UNREADABLE = {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}


def with_variable(name: str, text: str) -> str:
    type_ = next((type_ for start, type_ in TYPES.items() if name.startswith(start)), "String!")
    operation = "mutation" if text.startswith("mutation") else "query"
    body = (text % "$t").removeprefix("mutation")
    declared = f"$t: {type_}" + (", $id: ID!" if "$id" in text else "")
    return f"{operation} ({declared}) {body}"


def codes(answer: dict[str, Any]) -> list[str]:
    """Returns the codes of the operation's errors, and of those in payloads."""
    found = [error["extensions"]["code"] for error in answer.get("errors", [])]
    for payload in (answer.get("data") or {}).values():
        if isinstance(payload, dict):
            found += [error["code"] for error in payload.get("errors", [])]
    return found


class TestText:
    async def test_text_that_cannot_be_stored_is_refused_clearly(self, api: Api) -> None:
        viewer = await api.user()
        id = await api.item(viewer)
        for name, text in INPUTS.items():
            for bad in ("a\0b", "\0", "\ud800", "a\udfffb"):
                answer = await api.answer(with_variable(name, text), {"t": bad, "id": id}, viewer)
                found = codes(answer)
                assert found, (name, bad)
                assert set(found) <= CLEAR, (name, bad, answer)

    async def test_text_that_cannot_be_stored_is_refused_in_the_document_too(
        self, api: Api
    ) -> None:
        viewer = await api.user()
        id = await api.item(viewer)
        for name, text in INPUTS.items():
            for bad in (r'"a\u0000b"', r'"\u0000"', r'"\uD800"', r'"\u{0}"'):
                document = (text % bad).replace("$id", f'"{id}"')
                found = codes(await api.answer(document, {}, viewer))
                assert found, (name, bad)
                assert set(found) <= CLEAR | UNREADABLE, (name, bad, found)

    async def test_strange_text_is_never_an_error_of_the_server(self, api: Api) -> None:
        viewer = await api.user()
        id = await api.item(viewer)
        for text in ("\U0010ffff", "\u202e", "\ufeff", "x" * 50_000, "'; --", "%s%(a)s$1:b"):
            for name, document in INPUTS.items():
                variables = {"t": text, "id": id}
                answer = await api.answer(with_variable(name, document), variables, viewer)
                assert set(codes(answer)) <= CLEAR, (name, text[:20], codes(answer))
