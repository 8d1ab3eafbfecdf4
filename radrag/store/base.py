"""What all tables share: naming of constraints, types of columns, the two kinds of key column."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Double, ForeignKey, MetaData, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from radrag.domain import Change, Polarity, Relation, Severity, Side, Status, View
from radrag.store.columns import ExactText, Words

WORDS = (Change, Polarity, Relation, Severity, Side, Status, View)


class Base(DeclarativeBase):
    """Common naming of constraints, so that a migration can name what it changes."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: ExactText(),
        float: Double(),
        **{words: Words(words) for words in WORDS},
    }


def owner(table: str) -> Mapped[int]:
    """First key column of what belongs to a case or a draft and goes with it."""
    return mapped_column(ForeignKey(f"{table}.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)


def added_later() -> Mapped[str]:
    """Text column that an earlier version did not have: its rows hold the empty string."""
    return mapped_column(server_default=text("''"))


def key_position() -> Mapped[int]:
    """Key column: place in the owner's tuple, from 0."""
    return mapped_column(primary_key=True, autoincrement=False)
