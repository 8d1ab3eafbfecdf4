"""A report's bundle to a FHIR R4 server, as one transaction (R4 3.1.0.11): all of it is taken or nothing.

The bundle puts what is the report's own under ids of its own, and makes patient, study and order only where the server
has none (:mod:`radrag.export.fhir`), so that sending it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from radrag.exchange.delivery import Acknowledgement, NotDelivered
from radrag.exchange.destinations import FhirDestination
from radrag.exchange.posting import location_path, not_posted, objects, post
from radrag.store.outbox_values import Message, Trouble

MEDIA_TYPE = "application/fhir+json"


def send(destination: FhirDestination, message: Message, content: bytes) -> Acknowledgement:  # noqa: ARG001 - as all do
    """Carry out the transaction; return ``http``, and ``location`` of the report.

    Raises:
        NotDelivered: the server does not answer with the responses to all entries.
    """
    url = destination.url.rstrip("/")
    posted = post(destination, url, content, media_type=f"{MEDIA_TYPE}; charset=utf-8", accept=MEDIA_TYPE)
    if not 200 <= posted.status < 300:
        raise not_posted(posted, *_codes(posted.body))
    responses = list(_responses(posted.body))
    if not responses:  # a log-in page in between answers 200 too
        raise NotDelivered(Trouble.FAILED, "bad_reply", "The server's answer is no transaction's response.")
    failed = [one for one in responses if not str(one.get("status", "")).startswith("2")]
    if failed:
        raise NotDelivered(Trouble.REFUSED, "entry_refused", f"The server refused {len(failed)} entries of the bundle.")
    location = posted.location or location_path(responses[0].get("location"))  # the report comes first
    return {"http": posted.status} | ({"location": location} if location else {})


def _responses(body: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(body, dict) or body.get("type") != "transaction-response":
        return
    for entry in objects(body.get("entry")):
        response = entry.get("response")
        yield response if isinstance(response, dict) else {}


def _codes(body: Any) -> Iterator[str]:
    """Yield the codes of an OperationOutcome's issues; their texts may quote what was sent."""
    if not isinstance(body, dict) or body.get("resourceType") != "OperationOutcome":
        return
    for issue in objects(body.get("issue")):
        yield str(issue.get("code", ""))
        details = issue.get("details")
        for coding in objects(details.get("coding") if isinstance(details, dict) else None):
            yield str(coding.get("code", ""))
