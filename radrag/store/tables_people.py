"""The tables of people: accounts, log-ins, and who has which draft open."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from radrag.domain import Role
from radrag.store.base import Base, owner
from radrag.store.columns import Words


class AccountRow(Base):
    """A person who may use the review screen; ``password_hash`` is empty for one who logs in elsewhere (OpenID)."""

    __tablename__ = "accounts"

    name: Mapped[str] = mapped_column(primary_key=True)
    full_name: Mapped[str]
    role: Mapped[Role] = mapped_column(Words(Role))
    subject: Mapped[str] = mapped_column(index=True)
    password_hash: Mapped[str]
    disabled: Mapped[bool]
    failures: Mapped[int]
    locked_until: Mapped[str]
    created_at: Mapped[str]


class LoginRow(Base):
    """A browser that is logged in; the token itself is in its cookie alone."""

    __tablename__ = "logins"

    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("accounts.name", ondelete="CASCADE"), index=True)
    created_at: Mapped[str]
    seen_at: Mapped[str]
    expires_at: Mapped[str]


class LeaseRow(Base):
    """Who has a draft open for review, and until when it counts without another sign of life."""

    __tablename__ = "leases"

    draft_pk: Mapped[int] = owner("drafts")
    who: Mapped[str]
    taken_at: Mapped[str]
    until: Mapped[str]
