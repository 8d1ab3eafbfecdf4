"""Only a named reader signs, only what is decided and attested; afterwards there are addenda and corrections."""

import pytest
from review_support import Reader, checked

from radrag.domain import ReportState, Role
from radrag.errors import ReviewError
from radrag.review.report import report_of
from radrag.review.signoff import ATTESTATION, critical_findings, missing_acknowledgements
from radrag.review.values import Act, Reason, sentence_to_plain


def refused(code, call, *arguments, **payload):
    with pytest.raises(ReviewError) as error:
        call(*arguments, **payload)
    assert error.value.code == code


def signed(*sentences):
    reader = Reader(*sentences)
    reader.accept_all()
    reader.sign()
    return reader


def test_a_report_is_signed_when_all_is_decided_and_attested():
    reader = Reader()
    refused("pending", reader.sign)
    reader.accept_all()
    refused("not_attested", reader.sign, attestation="yes")
    reader.sign(who="Dr. Adams")
    (signature,) = reader.review.signatures
    assert (reader.review.state, signature.who) == (ReportState.FINAL, "Dr. Adams")
    assert signature.text["impression"] == "Pleural effusion."


def test_a_report_of_which_nothing_stands_is_not_signed():
    reader = Reader()
    for item in reader.review.items:
        reader(Act.REJECT, item=item.key, reason=Reason.NOT_SEEN)
    refused("no_text", reader.sign)


def test_a_trainee_decides_and_marks_preliminary_and_a_reader_signs():
    reader = Reader(role=Role.TRAINEE)
    reader.accept_all()
    reader(Act.MARK_PRELIMINARY)
    assert reader.review.state is ReportState.PRELIMINARY
    refused("not_allowed", reader.sign)
    reader.sign(role=Role.READER)
    assert reader.review.state is ReportState.FINAL


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMIN])
@pytest.mark.parametrize("act", list(Act))
def test_auditor_and_admin_change_no_report(role, act):
    refused("not_allowed", Reader(role=role), act, item="d0", reason=Reason.OTHER)


@pytest.mark.parametrize("act", [Act.SIGN, Act.ADDENDUM, Act.CORRECT])
def test_a_trainee_signs_nothing_and_changes_nothing_signed(act):
    reader = signed()
    refused("not_allowed", reader, act, role=Role.TRAINEE, attestation=ATTESTATION, text="More.")


def test_a_preliminary_report_can_still_be_decided_anew():
    reader = Reader()
    reader.accept_all()
    reader(Act.MARK_PRELIMINARY)
    reader(Act.REJECT, item="d1", reason=Reason.NOT_SEEN)
    reader.sign()
    assert [signature.state for signature in reader.review.signatures] == [ReportState.PRELIMINARY, ReportState.FINAL]
    assert "nodule" in reader.review.signatures[0].text["findings"]
    assert "nodule" not in reader.review.signatures[1].text["findings"]


@pytest.mark.parametrize("act", [Act.ACCEPT, Act.EDIT, Act.REJECT, Act.REOPEN, Act.ADD, Act.MOVE])
def test_a_signed_report_is_read_only(act):
    refused("signed", signed(), act, item="d0")


@pytest.mark.parametrize("act", [Act.SIGN, Act.MARK_PRELIMINARY])
def test_a_signed_report_is_not_signed_again(act):
    refused("signed", signed(), act, attestation=ATTESTATION)


def test_an_addendum_leaves_the_text_and_a_correction_replaces_it_and_both_keep_what_was_before():
    reader = signed()
    before = reader.review.signatures[0].text
    refused("not_attested", reader, Act.ADDENDUM, text="Comparison was made.")
    refused("no_text", reader, Act.ADDENDUM, attestation=ATTESTATION, text=" ")
    reader(Act.ADDENDUM, attestation=ATTESTATION, text="Comparison was made.")
    assert reader.review.state is ReportState.ADDENDED
    assert reader.review.signatures[1].text == before
    refused("no_text", reader, Act.CORRECT, attestation=ATTESTATION, text="Wrong side.")
    right = checked("Right effusion.", "Pleural Effusion")
    reader(Act.CORRECT, attestation=ATTESTATION, text="Wrong side.", sentences=[sentence_to_plain(right)])
    assert reader.review.state is ReportState.CORRECTED
    assert [one.text for one in reader.review.signatures] == [before, before, {"findings": "Right effusion."}]
    reader(Act.ADDENDUM, attestation=ATTESTATION, text="Told the ward.")
    assert reader.review.signatures[-1].text == {"findings": "Right effusion."}
    assert report_of(reader.draft, reader.review).sentences == (right,)


def test_nothing_is_added_to_a_report_before_it_is_signed():
    refused("not_final", Reader(), Act.ADDENDUM, attestation=ATTESTATION, text="Too early.")


class TestCriticalFindings:
    def reader(self):
        reader = Reader(checked("There is a pneumothorax.", "Pneumothorax"), checked("Clear."))
        reader.accept_all()
        return reader

    def test_someone_must_be_told_before_the_signature(self):
        reader = self.reader()
        assert missing_acknowledgements(reader.review) == ("Pneumothorax",)
        refused("not_acknowledged", reader.sign)
        refused("not_acknowledged", reader, Act.ACKNOWLEDGE, label="Pneumothorax", to="", how="telephone")
        refused("not_acknowledged", reader, Act.ACKNOWLEDGE, label="Nodule", to="ward 3", how="telephone")
        reader(Act.ACKNOWLEDGE, label="Pneumothorax", to="ward 3", how="telephone")
        reader.sign()
        assert reader.review.acknowledged[0].to == "ward 3"

    def test_what_was_rejected_or_is_denied_needs_nobody(self):
        reader = self.reader()
        reader(Act.REJECT, item="d0", reason=Reason.NOT_SEEN)
        assert critical_findings(reader.review) == ()
        reader.sign()
        assert reader.review.state is ReportState.FINAL


def test_misleading_evidence_is_on_record_and_changes_no_report():
    reader = signed()
    before = report_of(reader.draft, reader.review)
    quoted = {"case_id": "c:1", "section": "findings", "sentence": 0}
    reader(Act.DISTRUST, **quoted, note="another side")
    assert reader.review.distrusted == {("c:1", "findings", 0)}
    assert report_of(reader.draft, reader.review).sentences == before.sentences
    reader(Act.TRUST, **quoted)
    assert reader.review.distrusted == frozenset()


def test_a_report_has_what_stands_and_what_waits_and_never_what_was_rejected():
    reader = Reader()
    reader(Act.REJECT, item="d1", reason=Reason.NOT_SEEN)
    reader(Act.ACCEPT, item="d0")
    report = report_of(reader.draft, reader.review)
    assert [one.text for one in report.sentences] == [item.text for item in reader.review.items if item.key != "d1"]
    assert report.state is ReportState.DRAFT
    assert report.text()["impression"] == "Pleural effusion."
