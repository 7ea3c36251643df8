"""Measures what loading costs: a statement, a key, and loads joined in batches.

python -m bench.loading
"""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aiodataloader import DataLoader
from sqlalchemy.ext.asyncio import create_async_engine

from bench.timing import compare
from db.item import ITEMS_BY_ID
from db.seed import seed
from loaders.item import item_by_id
from weft.embedded import embedded_servers
from weft.loading.loader import Loader
from weft.postgres.connection import ReadConnection
from weft.postgres.database import Database
from weft.postgres.migration import async_url, upgrade

KEYS = list(range(1, 51))
CONCURRENT = 64


def main() -> None:
    """Measures against a temporary embedded server, or the database of DATABASE_URL."""
    with (
        tempfile.TemporaryDirectory() as directory,
        embedded_servers(Path(directory) / "servers", durable=False) as servers,
    ):
        url = os.environ.get("DATABASE_URL", servers.database_url)
        upgrade(url)
        asyncio.run(_measure(url))


async def _measure(url: str) -> None:
    await seed(url, users=100, items=2_000, seed=7)
    database = Database(
        url.replace("+asyncpg", "", 1),
        read_connections=4,
        write_connections=1,
        statement_timeout_ms=5_000,
        observe=lambda statement, seconds: None,
    )
    await _statements(url, database)
    await _keys(database)
    await _joining(database)
    await database.close()


async def _statements(url: str, database: Database) -> None:
    """Compares a statement of 50 rows by SQLAlchemy's engine and directly on asyncpg."""
    engine = create_async_engine(async_url(url), isolation_level="AUTOCOMMIT")
    raw = ReadConnection((await database.connect("bench")).raw, lambda statement, seconds: None)
    async with engine.connect() as connection:

        async def by_sqlalchemy() -> object:
            rows = await connection.execute(ITEMS_BY_ID.element, {"ids": KEYS})  # pyright: ignore
            return [ITEMS_BY_ID.row(*row) for row in rows]

        async def by_asyncpg() -> object:
            return await raw.all(ITEMS_BY_ID, ids=KEYS)

        sides = {"Statement on asyncpg": by_asyncpg, "SQLAlchemy's execute": by_sqlalchemy}
        await compare("A statement of 50 rows", sides, calls=200)
    await raw.close()
    await engine.dispose()


async def _keys(database: Database) -> None:
    """Compares our loader with aiodataloader on 1,000 keys that need no statement."""

    async def same(_: object, keys: Sequence[int]) -> Sequence[int]:
        return keys

    async def batch(keys: list[int]) -> list[int]:
        return keys

    many = list(range(1_000))

    async def ours() -> object:
        return await Loader(database.reads, same).load_many(many)

    async def theirs() -> object:
        return await DataLoader(batch).load_many(many)

    sides = {"Loader": ours, "aiodataloader": theirs}
    await compare("A key, in a load_many of 1,000", sides, calls=20, per=1_000)


async def _joining(database: Database) -> None:
    """Compares loads of ten items one after another, and with 64 in flight."""

    async def one() -> object:
        return await Loader(database.reads, item_by_id).load_many(KEYS[:10])

    async def alone() -> None:
        for _ in range(CONCURRENT):
            await one()

    async def together() -> None:
        await asyncio.gather(*(one() for _ in range(CONCURRENT)))

    sides = {"one after the other": alone, f"{CONCURRENT} in flight": together}
    before = database.reads.batches
    await compare("A load of ten items", sides, calls=10, per=CONCURRENT)
    print(f"  in {database.reads.batches - before:,} batches")


if __name__ == "__main__":
    main()
