"""Manifests as client tools write them."""

import json

import pytest

from weft.documents.manifest import BadManifest, read_manifest

TEXT = "query A { viewer { id } }"
SHA256 = "f3fb7ad1d7cf4f9a5a7ad27ae1ee5d5e0cd0e8e7cd2eb6c5ca5f3f1aa7a4f9a1"


class TestReadManifest:
    def test_manifest_of_the_relay_compiler_is_read(self) -> None:
        # relay.config.json: {"persistConfig": {"file": "./persisted_queries.json"}}: MD5 by default
        raw = json.dumps({"1ad3d0c8f9b1b9a3c1cdbc3fe1d0d1f1": TEXT}).encode()
        assert read_manifest(raw) == {"1ad3d0c8f9b1b9a3c1cdbc3fe1d0d1f1": TEXT}

    def test_manifest_of_graphql_codegen_is_read(self) -> None:
        # persisted-documents.json of the client preset with `persistedDocuments`
        assert read_manifest(json.dumps({SHA256: TEXT}).encode()) == {SHA256: TEXT}

    def test_manifest_of_apollo_is_read(self) -> None:
        operation = {"id": SHA256, "name": "A", "type": "query", "body": TEXT}
        manifest = {
            "format": "apollo-persisted-query-manifest",
            "version": 1,
            "operations": [operation],
        }
        assert read_manifest(json.dumps(manifest).encode()) == {SHA256: TEXT}

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\xff",
            b"[]",
            b"{}",
            b'{"a": 1}',
            b'{"": "{ a }"}',
            b'{"%b": "{ a }"}' % (b"x" * 257),
            b'{"operations": []}',
            b'{"operations": [{"id": "a"}]}',
        ],
    )
    def test_anything_else_is_refused(self, raw: bytes) -> None:
        with pytest.raises(BadManifest):
            read_manifest(raw)
