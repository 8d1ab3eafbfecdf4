"""One message to its destination: what every way of sending is given, and how it says that it failed."""

from __future__ import annotations

import importlib
from typing import Any

from radrag.errors import RadragError
from radrag.exchange.destinations import Destination
from radrag.store.outbox_values import Message, Trouble

Acknowledgement = dict[str, Any]
"""What the receiver answered, as JSON values; codes and numbers alone, since texts may name the patient."""


class NotDelivered(RadragError):
    """A message was not delivered, as far as its sender knows; it may have been when the answer is what was lost.

    Attributes:
        trouble: whether to try again, and for how long.
        code: stable name of what happened.
    """

    def __init__(self, trouble: Trouble, code: str, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.code = code


def deliver(destination: Destination, message: Message, content: bytes) -> Acknowledgement:
    """Send a message, and wait until the receiver says that it has it.

    Raises:
        NotDelivered: it does not say so.
        MissingDependency: a package that the destination needs is not installed.
        UsageError: the destination's PEM files cannot be read.
    """
    if message.form not in destination.takes:
        raise NotDelivered(Trouble.REFUSED, "wrong_form", f"A {destination.kind} destination takes no {message.form}.")
    send = importlib.import_module(f"radrag.exchange.send_{destination.kind}").send
    acknowledgement: Acknowledgement = send(destination, message, content)
    return acknowledgement
