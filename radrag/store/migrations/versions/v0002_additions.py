"""Additions that can be resumed and reported on; splits, sex, age and date of cases; likeness of images."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ADDED = {
    "corpora": ("finished_at",),
    "cases": ("source_sha256", "split", "sex", "studied_at"),
    "case_images": ("file_sha256", "perceptual_hash"),
    "draft_images": ("file_sha256", "perceptual_hash"),
}  # text columns; rows that are there get the empty string


def upgrade() -> None:
    for table, names in ADDED.items():
        for name in names:
            op.add_column(table, sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("cases", sa.Column("age", sa.Double(), nullable=True))
    op.execute("UPDATE corpora SET finished_at = added_at")  # additions of the earlier version had no other state
    op.create_index("ix_case_images_pixel_sha256", "case_images", ["pixel_sha256"])
    op.create_index("ix_case_images_file_sha256", "case_images", ["file_sha256"])
    op.create_table(
        "rejections",
        sa.Column("corpus", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["corpus"], ["corpora.name"], name="fk_rejections_corpus", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("corpus", "item", "code", name="pk_rejections"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("rejections")
    op.drop_index("ix_case_images_file_sha256", "case_images")
    op.drop_index("ix_case_images_pixel_sha256", "case_images")
    op.drop_column("cases", "age")
    for table, names in ADDED.items():
        for name in names:
            op.drop_column(table, name)
