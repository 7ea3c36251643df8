"""Manifests of documents, as client tools write them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

LONGEST_ID = 256


class BadManifest(ValueError):
    """The file is not a manifest of a known format."""


def read_manifests(paths: Iterable[Path]) -> dict[str, str]:
    """Returns the documents of all manifests, by id; of two with one id the last.

    Raises `BadManifest`, with the path, for a file that is not a manifest or cannot be read.
    """
    found: dict[str, str] = {}
    for path in paths:
        try:
            found |= read_manifest(path.read_bytes())
        except (BadManifest, OSError) as error:
            raise BadManifest(f"{path}: {error}") from None
    return found


def read_manifest(raw: bytes) -> dict[str, str]:
    """Returns the documents of a manifest, by id.

    - The Relay compiler's (`persistConfig`) and graphql-codegen's (`persistedDocuments`):
      `{"<id>": "<text>"}`
    - Apollo's: `{"format": "apollo-persisted-query-manifest", "operations": [{"id", "body"}]}`

    Raises `BadManifest`.
    """
    try:
        manifest: Any = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadManifest(f"This is no JSON: {error}.") from None
    if not isinstance(manifest, dict):
        raise BadManifest("A manifest is a JSON object.")
    if isinstance(manifest.get("operations"), list):
        documents: dict[Any, Any] = {
            operation.get("id"): operation.get("body")
            for operation in manifest["operations"]
            if isinstance(operation, dict)
        }
    else:
        documents = manifest
    if not documents:
        raise BadManifest("The manifest has no documents.")
    for id_, text in documents.items():
        if not isinstance(id_, str) or not 0 < len(id_) <= LONGEST_ID or not isinstance(text, str):
            raise BadManifest(f"{str(id_)[:LONGEST_ID]!r} is no id with the text of a document.")
    return documents
