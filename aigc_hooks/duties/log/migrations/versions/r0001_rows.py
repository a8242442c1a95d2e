"""The rows, the heads of their chains, and the triggers that keep rows from being changed by mistake."""

from __future__ import annotations

import sqlalchemy
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXTS = (
    "time",
    "outcome",
    "provider",
    "producer",
    "modality",
    "source",
    "produce_id",
    "label",
    "places",
    "digest",
    "reason",
    "reference",
    "details",
    "previous",
    "hash",
)

_SQLITE = (
    """
    CREATE TRIGGER aigc_rows_unchanged BEFORE UPDATE ON aigc_rows
    BEGIN SELECT RAISE(ABORT, 'rows of the record are never changed'); END
    """,
    """
    CREATE TRIGGER aigc_rows_kept BEFORE DELETE ON aigc_rows
    WHEN OLD.sequence > COALESCE((SELECT purged FROM aigc_writers WHERE writer = OLD.writer), 0)
    BEGIN SELECT RAISE(ABORT, 'rows of the record are only purged: aigc-hooks log purge'); END
    """,
)

_POSTGRESQL = (
    """
    CREATE FUNCTION aigc_rows_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'DELETE' AND OLD.sequence <= (SELECT purged FROM aigc_writers WHERE writer = OLD.writer) THEN
        RETURN OLD;
      END IF;
      RAISE EXCEPTION 'rows of the record are never changed, and only purged: aigc-hooks log purge';
    END $$
    """,
    "CREATE TRIGGER aigc_rows_unchanged BEFORE UPDATE OR DELETE ON aigc_rows "
    "FOR EACH ROW EXECUTE FUNCTION aigc_rows_guard()",
    "CREATE TRIGGER aigc_rows_kept BEFORE TRUNCATE ON aigc_rows FOR EACH STATEMENT EXECUTE FUNCTION aigc_rows_guard()",
)


def upgrade() -> None:
    """Makes everything."""
    text = sqlalchemy.Text
    op.create_table(
        "aigc_writers",
        sqlalchemy.Column("writer", text, primary_key=True),
        sqlalchemy.Column("host", text, nullable=False),
        sqlalchemy.Column("active", sqlalchemy.Boolean, nullable=False),
        sqlalchemy.Column("sequence", sqlalchemy.BigInteger, nullable=False),
        sqlalchemy.Column("hash", text, nullable=False),
        sqlalchemy.Column("purged", sqlalchemy.BigInteger, nullable=False),
        sqlalchemy.Column("purged_hash", text, nullable=False),
    )
    op.create_table(
        "aigc_rows",
        sqlalchemy.Column("writer", text, primary_key=True),
        sqlalchemy.Column("sequence", sqlalchemy.BigInteger, primary_key=True, autoincrement=False),
        *(sqlalchemy.Column(name, text, nullable=False) for name in _TEXTS),
        sqlite_with_rowid=False,
    )
    op.create_index("aigc_rows_produce_id", "aigc_rows", ["produce_id"])
    op.create_index("aigc_rows_time", "aigc_rows", ["time"])
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Refused: the record is kept by law."""
    raise RuntimeError("the record is kept by law: its tables are not dropped")
