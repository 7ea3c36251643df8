"""Bodies that came before are not read again."""

import json
from typing import Any

import pytest

from weft.errors import BadRequest
from weft.transport.request import MAX_BODIES, Bodies, from_body


def body(query: str, **more: Any) -> bytes:
    return json.dumps({"query": query, **more}).encode()


class TestBodies:
    @pytest.mark.parametrize("variables", [None, {}, {"id": "7", "first": 3, "on": None}])
    def test_give_the_same_request_again(self, variables: Any) -> None:
        bodies, sent = Bodies(), body("query ($id: ID) { item }", variables=variables)
        first = bodies.read(sent)
        assert first == from_body(sent)
        assert bodies.read(bytes(bytearray(sent))) is first

    @pytest.mark.parametrize(
        "sent",
        [
            body('mutation { signIn(password: "secret") { id } }'),
            body("query ($in: In) { item }", variables={"in": {"password": "secret"}}),
            body("query ($in: [In!]) { item }", variables={"in": []}),
            body("{ item }", extensions={"explain": True}),
            body("", documentId="a"),
        ],
    )
    def test_read_again_what_can_be_changed_or_kept_secret(self, sent: bytes) -> None:
        bodies = Bodies()
        first = bodies.read(sent)
        assert bodies.read(sent) == first
        assert (bodies.read(sent) is first) == ("documentId" in sent.decode())

    def test_refuse_again(self) -> None:
        bodies = Bodies()
        for _ in range(2):
            with pytest.raises(BadRequest):
                bodies.read(b'{"query": "{ a }", "query": "{ b }"}')

    def test_are_kept_in_a_bounded_number(self) -> None:
        bodies = Bodies()
        hot = body("{ hot }")
        first = bodies.read(hot)
        assert bodies.read(hot) is first
        for number in range(2 * MAX_BODIES):
            bodies.read(body("{ item }", variables={"id": number}))
        assert len(bodies) <= MAX_BODIES
        assert bodies.read(hot) is first
