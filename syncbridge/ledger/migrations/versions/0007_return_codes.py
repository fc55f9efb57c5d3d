"""What came with goods that found no order yet, so that they find it once it is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from syncbridge.ledger.types import Json

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("returns", sa.Column("codes", Json, nullable=True))
    kept = sa.text("codes IS NOT NULL")
    op.create_index(
        "ix_returns_codes", "returns", ["created_at"], unique=False, postgresql_where=kept, sqlite_where=kept
    )


def downgrade() -> None:
    op.drop_index("ix_returns_codes", "returns")
    op.drop_column("returns", "codes")
