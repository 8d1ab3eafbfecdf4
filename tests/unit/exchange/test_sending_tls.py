"""Over TLS: a receiver that cannot be trusted gets nothing, and one that asks who we are is shown a certificate."""

import pytest
from certificates import self_signed
from export_support import outgoing
from outbox_support import Archive, HospitalSystem, WebReceiver, a_destination, a_message, server_context
from outbox_support import transacted as taken

from radrag.domain import ReportState
from radrag.exchange.delivery import NotDelivered, deliver
from radrag.exchange.queueing import identity_of
from radrag.export.files import FORMS
from radrag.store.outbox_values import Trouble


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))


def receiver_of(kind, context):
    if kind == "fhir":
        return WebReceiver(taken, tls=context)
    return HospitalSystem(tls=context) if kind == "mllp" else Archive(tls=context)


def table_of(kind, receiver):
    if kind == "fhir":
        return {"kind": kind, "url": receiver.url}
    return {"kind": kind, "address": receiver.address, "tls": True} | ({"ae_title": "PACS"} if kind == "dicom" else {})


@pytest.mark.parametrize(("kind", "form"), [("dicom", "sr"), ("fhir", "fhir"), ("mllp", "hl7")])
def test_both_sides_show_who_they_are_or_nothing_is_sent(kind, form, pems, tmp_path):
    report = outgoing(ReportState.FINAL, tmp_path)
    content = FORMS[form].write(report)
    message = a_message(form, identity_of(report, form, content, kind))
    own, key = map(str, pems)
    shown = {"certificate": own, "key": key}
    with receiver_of(kind, server_context(own, key)) as receiver:
        table = table_of(kind, receiver) | {"timeout": 5}
        for refused in (shown, {"authorities": own}):  # the receiver is not trusted; we are not
            with pytest.raises(NotDelivered) as caught:
                deliver(a_destination(**table, **refused), message, content)
            assert caught.value.trouble is Trouble.AWAY
        assert receiver.got == []
        assert deliver(a_destination(**table, **shown, authorities=own), message, content)
        assert len(receiver.got) == 1
