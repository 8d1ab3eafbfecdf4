"""What readers did to drafts."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "review_events",
        sa.Column("draft_pk", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_pk"], ["drafts.id"], name="fk_review_events_draft_pk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("draft_pk", "position", name="pk_review_events"),
    )


def downgrade() -> None:
    op.drop_table("review_events")
