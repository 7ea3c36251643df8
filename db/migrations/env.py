"""Runs migrations on the connection that `db.migration` hands over, or writes them as SQL."""

from collections.abc import Collection
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext

from db.tables import metadata

COLUMN = "ALTER TABLE alembic_version ADD COLUMN IF NOT EXISTS compatible_from text"


def store_compatibility(ctx: MigrationContext, heads: Collection[str], **_: Any) -> None:
    """Writes beside the revision which releases it works with: see `db.revision`."""
    for revision in heads:
        found = context.script.get_revision(revision)
        assert found is not None
        oldest: str | None = getattr(found.module, "compatible_from", None)
        ctx.execute(COLUMN)
        value = "NULL" if oldest is None else f"'{oldest}'"
        ctx.execute(f"UPDATE alembic_version SET compatible_from = {value}")


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    dialect_name="postgresql",
    target_metadata=metadata,
    transactional_ddl=True,
    # A revision that fails leaves those before it done, and holds no locks of theirs.
    transaction_per_migration=True,
    on_version_apply=store_compatibility,  # pyright: ignore[reportArgumentType]
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
