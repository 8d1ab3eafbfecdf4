"""Whatever a receiver answers: the message is delivered or it is not, with a code, and none of the answer's texts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outbox_support import a_destination, a_message

from radrag.exchange import send_fhir, send_mllp, send_stow
from radrag.exchange.delivery import NotDelivered
from radrag.exchange.posting import Posted

words = st.sampled_from(
    ["Doe^Jane", "transaction-response", "OperationOutcome", "200 OK", "422", "1.2.3", "invalid", ""]
)
names = st.sampled_from(
    [
        *("resourceType", "type", "entry", "response", "status", "location", "issue", "code", "details", "coding"),
        *("Value", "00081198", "00081199", "00081155", "00081196", "00081197"),
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 70000) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


def outcome(call):
    """Return what is kept: the acknowledgement, or code and reason."""
    try:
        return str(call())
    except NotDelivered as error:
        assert re.fullmatch(r"[a-z0-9_]+", error.code)
        return f"{error.code} {error}"


@pytest.mark.parametrize("kind", ["fhir", "stow"])
@given(status=st.sampled_from([200, 202, 302, 400, 409, 422, 503]), body=values)
def test_any_json_of_a_server_ends_in_a_coded_way(kind, status, body):
    sender, form = (send_fhir, "fhir") if kind == "fhir" else (send_stow, "sr")
    destination = a_destination(kind=kind, url="http://127.0.0.1:1/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sender, "post", lambda *_, **__: Posted(status, "", body))
        said = outcome(lambda: sender.send(destination, a_message(form), b""))
    assert "Doe" not in said


segments = st.sampled_from(
    ["MSH|^~\\&|", "MSA|AA|", "MSA|AE|M1|Doe^Jane", "MSA|AA|M1", "ERR|||Doe^Jane", "ERR|||204^x", "MS", ""]
)


@given(block=st.binary(max_size=60) | st.lists(segments, max_size=5).map(lambda lines: "\r".join(lines).encode()))
def test_any_block_of_a_hospital_system_ends_in_a_coded_way(block):
    destination = a_destination(kind="mllp", address="127.0.0.1:1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(send_mllp, "_exchanged", lambda *_: block)
        said = outcome(lambda: send_mllp.send(destination, a_message("hl7", "M1"), b""))
    assert "Jane" not in said
