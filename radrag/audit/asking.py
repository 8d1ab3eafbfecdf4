"""Who may see what single readers did: an auditor, who is put on record for asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radrag.domain import Role
from radrag.errors import ReviewCode, ReviewError
from radrag.store.values import AuditEvent

if TYPE_CHECKING:
    from radrag.store.people_values import Account
    from radrag.store.repository import Store

NAMED = "audit.readers_named"
"""What the asking is called in the audit log."""

REFUSED = "audit.readers_refused"


def ask_for_names(store: Store, account: Account, *, means: str) -> None:
    """Put on record that an account asks for numbers by named reader.

    Args:
        means: from where, such as "command line" or "screen".

    Raises:
        ReviewError: ``not_allowed``: the account is no auditor's; that it asked is on record too.
        StoreError: it cannot be put on record; then nothing may be shown.
    """
    allowed = account.role is Role.AUDITOR
    payload = {"role": account.role.value, "means": means}
    store.record(AuditEvent(NAMED if allowed else REFUSED, account.name, store.origin, payload=payload))
    if not allowed:
        raise ReviewError(
            ReviewCode.NOT_ALLOWED,
            f"The role {account.role} may not see what single readers did; only an auditor may.",
            hint="Without names, everybody with an account may see it.",
        )
