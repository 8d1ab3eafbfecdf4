"""Use cases around people: accounts, log-ins and leases; every act but a mere sign of life is on record.

Nothing here knows a password or a token: callers give hashes (:mod:`radrag.people`). ``now`` is the store's UTC time
(:func:`radrag.store.canonical.utc_now`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from radrag.domain import Role
from radrag.store import accounts, audit_log, drafts, leases
from radrag.store.engine import Database
from radrag.store.people_values import Account, Lease, Login
from radrag.store.values import AuditEvent

NOBODY = "unknown"  # who did it, where only a name was claimed


class People:
    """The people of a database; a part of :class:`radrag.store.repository.Store`."""

    _database: Database
    who: str
    origin: str

    # Accounts

    def accounts(self) -> list[Account]:
        """Return all accounts by name."""
        with self._database.reading() as session:
            return accounts.listed(session)

    def account(self, name: str) -> Account | None:
        """Return one account, or None."""
        with self._database.reading() as session:
            return accounts.find(session, name)

    def known_account(self, name: str) -> Account:
        """Return one account.

        Raises:
            StoreError: there is no such account.
        """
        with self._database.reading() as session:
            return accounts.known(session, name)

    def account_of_subject(self, subject: str) -> Account | None:
        """Return the account of an OpenID subject, or None."""
        with self._database.reading() as session:
            return accounts.of_subject(session, subject)

    def password_hash(self, name: str) -> str:
        """Return the hash of an account's password; empty where there is no account, or it has no password."""
        with self._database.reading() as session:
            return accounts.password_hash(session, name)

    def add_account(self, account: Account, password_hash: str, *, now: str) -> None:
        """Add an account.

        Args:
            account: of which name, full name, role and subject count.
            password_hash: empty for one who logs in with an OpenID provider.

        Raises:
            StoreError: the name, or the OpenID subject, is another's.
        """
        payload = {"account": account.name, "role": account.role, "subject": bool(account.subject)}
        with self._database.writing() as session:
            audit_log.lock(session)
            accounts.add(session, account, password_hash, now)
            self._put_on_record(session, "account.added", payload)

    def set_role(self, name: str, role: Role) -> None:
        """Change what a person may do, and end the log-ins.

        Raises:
            StoreError: there is no such account.
        """
        with self._database.writing() as session:
            audit_log.lock(session)
            before = accounts.change(session, name, role=role)
            self._end(session, name)
            payload = {"account": name, "before": before.role, "after": role}
            self._put_on_record(session, "account.role_changed", payload)

    def set_subject(self, name: str, subject: str) -> None:
        """Say who an OpenID provider calls this person (empty for nobody), and end the log-ins.

        Raises:
            StoreError: there is no such account, or the subject is another's.
        """
        with self._database.writing() as session:
            audit_log.lock(session)
            accounts.set_subject(session, name, subject)
            self._end(session, name)
            payload = {"account": name, "subject": bool(subject)}
            self._put_on_record(session, "account.subject_changed", payload)

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Close an account and end its log-ins, or open it, locked or not.

        Raises:
            StoreError: there is no such account.
        """
        with self._database.writing() as session:
            audit_log.lock(session)
            accounts.change(session, name, disabled=disabled, failures=0, locked_until="")
            if disabled:
                self._end(session, name)
            self._put_on_record(session, "account.disabled" if disabled else "account.enabled", {"account": name})

    def set_password_hash(self, name: str, password_hash: str) -> None:
        """Give an account a new password, unlock it and end its log-ins.

        Raises:
            StoreError: there is no such account.
        """
        with self._database.writing() as session:
            audit_log.lock(session)
            accounts.change(session, name, password_hash=password_hash, failures=0, locked_until="")
            self._end(session, name)
            self._put_on_record(session, "account.password_changed", {"account": name})

    def replace_password_hash(self, name: str, old: str, new: str) -> None:
        """Keep the same password by a stronger hash, unless the password was changed meanwhile."""
        with self._database.writing() as session:
            audit_log.lock(session)
            if accounts.password_hash(session, name) == old:
                accounts.change(session, name, password_hash=new)

    def remove_account(self, name: str) -> None:
        """Remove an account that never did anything.

        Raises:
            StoreError: there is no such account, or reviews or the audit log name it.
        """
        with self._database.writing() as session:
            audit_log.lock(session)
            accounts.remove(session, name)
            self._put_on_record(session, "account.removed", {"account": name})

    # Log-ins

    def log_in(
        self, name: str, token_sha256: str, *, fits: bool, now: str, origin: str = "", means: str = "password"
    ) -> Login | None:
        """Log somebody in, or count the failure; both are on record.

        What is against it is looked at under the lock: guesses that run side by side do not get past it.

        Args:
            token_sha256: of the token that the browser will hold.
            fits: whether the password, or the provider's word, was right.
            origin: the browser's address.
            means: "password" or "openid".

        Returns:
            The log-in, or None: no such account, wrong password, locked or disabled.
        """
        with self._database.writing() as session:
            audit_log.lock(session)
            account = accounts.find(session, name)
            reason = accounts.refusal(account, now, fits=fits, means=means)
            if account is not None and not reason:
                login = accounts.log_in(session, name, token_sha256, now)
                self._put_on_record(session, "login", {"means": means}, who=name, origin=origin)
                return login
            # A name that is no account's may be a password in the wrong field: it is not written down.
            payload = {"account": account.name if account else "", "means": means, "reason": reason}
            self._put_on_record(session, "login.failed", payload, who=NOBODY, origin=origin)
            if account and reason == "wrong" and accounts.count_failure(session, account, now):
                self._put_on_record(session, "account.locked", {"account": name}, who=NOBODY, origin=origin)
            return None

    def logged_in(self, token_sha256: str, *, now: str, seen: bool) -> Account | None:
        """Return whose log-in a token is; None where it is over, was never one, or the account is disabled.

        Args:
            seen: whether this is a sign of life of the person, which keeps the log-in from ending for idleness.
        """
        with self._database.reading() as session:
            found = accounts.logged_in(session, token_sha256, now)
        if found is None:
            return None
        if seen and accounts.due(found[1], now):
            with self._database.writing() as session:
                accounts.seen(session, token_sha256, now)
        return found[0]

    def log_out(self, token_sha256: str, *, origin: str = "") -> None:
        """End a log-in and the person's leases; nothing happens where there is none."""
        with self._database.writing() as session:
            audit_log.lock(session)
            if name := accounts.log_out(session, token_sha256):
                leases.drop_all(session, name)
                self._put_on_record(session, "logout", {}, who=name, origin=origin)

    def log_out_everywhere(self, name: str) -> int:
        """End all log-ins of an account; return how many there were."""
        with self._database.writing() as session:
            audit_log.lock(session)
            return self._end(session, name)

    # Leases

    def leases(self, *, now: str) -> Mapping[str, Lease]:
        """Return who has which draft open, by draft id."""
        with self._database.reading() as session:
            return leases.standing(session, now)

    def lease(self, draft_id: str, *, now: str) -> Lease | None:
        """Return who has a draft open, or None.

        Raises:
            StoreError: there is no such draft.
        """
        with self._database.reading() as session:
            return leases.of(session, draft_id, now)

    def take_lease(self, draft_id: str, who: str, *, now: str) -> Lease:
        """Return the draft's lease: that of ``who``, begun or renewed, unless someone else has it open.

        Raises:
            StoreError: there is no such draft.
        """
        with self._database.writing() as session:
            audit_log.lock(session)  # two who open one draft take turns
            held = leases.of(session, draft_id, now)
            if held and held.who != who:
                return held
            return leases.put(session, draft_id, who, now, since=held.taken_at if held else now)

    def renew_lease(self, draft_id: str, who: str, *, now: str) -> Lease | None:
        """Give a sign of life; return the lease, or None where it is no longer that of ``who``.

        Raises:
            StoreError: there is no such draft.
        """
        with self._database.writing() as session:
            audit_log.lock(session)
            held = leases.of(session, draft_id, now)
            if held is None or held.who != who:
                return None
            return leases.put(session, draft_id, who, now, since=held.taken_at)

    def take_over_lease(self, draft_id: str, who: str, *, now: str) -> Lease:
        """Take a draft from whoever has it open; that it was taken from someone is on record.

        Raises:
            StoreError: there is no such draft.
        """
        with self._database.writing() as session:
            audit_log.lock(session)
            held = leases.of(session, draft_id, now)
            if held and held.who == who:
                return leases.put(session, draft_id, who, now, since=held.taken_at)
            if held:
                payload = {"draft_id": draft_id, "from": held.who}
                key = drafts.open_one(session, draft_id).patient_key
                self._put_on_record(session, "lease.taken_over", payload, who=who, patient_key=key)
            return leases.put(session, draft_id, who, now, since=now)

    def release_lease(self, draft_id: str, who: str) -> None:
        """End a draft's lease if it is that of ``who``."""
        with self._database.writing() as session:
            leases.drop(session, draft_id, who)

    def _end(self, session: Session, name: str) -> int:
        leases.drop_all(session, name)
        ended = accounts.log_out_everywhere(session, name)
        if ended:
            self._put_on_record(session, "logout.everywhere", {"account": name, "log_ins": ended})
        return ended

    def _put_on_record(
        self,
        session: Session,
        what: str,
        payload: Mapping[str, Any],
        *,
        who: str = "",
        origin: str = "",
        patient_key: str = "",
    ) -> None:
        event = AuditEvent(what, who or self.who, origin or self.origin, patient_key, payload)
        audit_log.append(session, event)
