"""A case from two sources: who wins, what stays, and that meeting a source twice changes nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.corpus.collection import Merge
from radrag.corpus.merging import merge
from radrag.domain import Case, StudyImage, View
from radrag.reports.findings import LABELS


def case(**values):
    return Case(**{"case_id": "c:1", "corpus": "c", "patient_key": "", "images": (), "sections": {}} | values)


def held(uid="", path="", pixels="", view=View.PA):
    return StudyImage(uid, view, 10, 10, path or f"/d/{uid}.png", pixels)


def known(uid, view=View.PA):
    return StudyImage(uid, view, 0, 0)


def images(stored, new, how=Merge.UPDATE):
    return merge(case(images=tuple(stored)), case(images=tuple(new)), how).images


class TestWho:
    STORED = case(
        patient_key="p1",
        sections={"findings": "Old."},
        labels=("Edema",),
        licence="A",
        split="train",
        sex="F",
        age=0.0,
        studied_at="2001",
    )
    NEW = case(patient_key="p2", sections={"findings": "New."}, labels=("Mass",), licence="B", split="test", sex="M",
               age=5.0, studied_at="2002")  # fmt: skip
    EMPTY = case()

    def test_replace_takes_the_new_one_whole(self):
        assert merge(self.STORED, self.EMPTY, Merge.REPLACE) == self.EMPTY

    def test_update_prefers_the_new_one_and_fill_the_stored_one(self):
        assert merge(self.STORED, self.NEW, Merge.UPDATE) == self.NEW
        assert merge(self.STORED, self.NEW, Merge.FILL) == self.STORED

    @pytest.mark.parametrize("how", [Merge.UPDATE, Merge.FILL])
    def test_what_one_lacks_comes_from_the_other(self, how):
        assert merge(self.STORED, self.EMPTY, how) == self.STORED
        assert merge(self.EMPTY, self.NEW, how) == self.NEW

    def test_an_age_of_nought_is_an_age(self):
        assert merge(self.STORED, self.NEW, Merge.FILL).age == 0.0
        assert merge(self.NEW, self.STORED, Merge.UPDATE).age == 0.0


class TestSections:
    def sections(self, stored, new, how):
        return merge(case(sections=stored), case(sections=new), how).sections

    def test_sections_of_both_are_joined_in_the_order_of_the_fuller_report(self):
        fuller = {"indication": "Cough.", "findings": "Clear.", "impression": "Normal."}
        shorter = {"findings": "Hazy.", "technique": "PA."}
        updated = self.sections(fuller, shorter, Merge.UPDATE)
        assert list(updated) == ["indication", "findings", "impression", "technique"]
        assert updated["findings"] == "Hazy."
        assert self.sections(fuller, shorter, Merge.FILL)["findings"] == "Clear."

    @pytest.mark.parametrize("how", [Merge.UPDATE, Merge.FILL])
    def test_of_texts_that_differ_in_blanks_alone_the_fuller_report_is_quoted(self, how):
        fuller = {"findings": "Lungs  are\nclear.", "impression": "Normal."}
        shorter = {"findings": "Lungs are clear."}
        assert self.sections(fuller, shorter, how) == fuller
        assert self.sections(shorter, fuller, how) == fuller

    @pytest.mark.parametrize("how", [Merge.UPDATE, Merge.FILL])
    def test_written_out_labels_give_way_to_a_report(self, how):
        labels, report = {LABELS: "Edema."}, {"findings": "Edema of both lungs."}
        assert self.sections(labels, report, how) == report
        assert self.sections(report, labels, how) == report
        assert self.sections(labels, {"indication": "Cough."}, how)[LABELS] == "Edema."

    @pytest.mark.parametrize("how", [Merge.UPDATE, Merge.FILL])
    def test_an_empty_section_is_no_reason_to_fail(self, how):
        assert self.sections({"findings": ""}, {"impression": "Normal."}, how) == {
            "findings": "",
            "impression": "Normal.",
        }
        assert self.sections({"findings": ""}, {"findings": "Clear."}, how) == {"findings": "Clear."}


class TestImages:
    @pytest.mark.parametrize("how", [Merge.UPDATE, Merge.FILL])
    def test_the_file_of_an_image_that_was_only_known_of_takes_its_place(self, how):
        assert images([known("1"), known("2")], [held("2"), held("1")], how) in (
            (held("1"), held("2")),
            (held("2"), held("1")),
        )
        assert images([held("1")], [known("1")], how) == (held("1"),)

    def test_of_two_files_of_one_image_the_stronger_sides_is_kept(self):
        old, new = held("1", "/old.png"), held("1", "/new.png")
        assert images([old], [new], Merge.UPDATE) == (new,)
        assert images([old], [new], Merge.FILL) == (old,)

    @pytest.mark.parametrize("how", [Merge.UPDATE, Merge.FILL])
    def test_images_are_one_by_pixels_or_path_too(self, how):
        assert len(images([held("1", "/a.png", "ff")], [held("2.25.9", "/b.png", "ff")], how)) == 1
        assert len(images([held("", "/a.png")], [held("2.25.9", "/a.png")], how)) == 1
        assert len(images([held("1", "/a.png", "ff")], [held("2", "/b.png", "ee")], how)) == 2

    def test_nothing_known_is_nothing_in_common(self):
        bare = StudyImage("", View.PA, 0, 0)
        assert len(images([bare], [bare])) == 2

    @pytest.mark.parametrize("how", [Merge.UPDATE, Merge.FILL])
    def test_a_layout_that_renumbers_its_files_replaces_what_was_known_of(self, how):
        files = (held("2.25.1", "/0.png"), held("2.25.2", "/1.png"))
        assert images([known("1"), known("2")], files, how) == files
        assert images(files, [known("1"), known("2")], how) == files

    @pytest.mark.parametrize("how", [Merge.UPDATE, Merge.FILL])
    def test_an_image_known_of_stays_beside_a_file_that_is_another_image_for_sure(self, how):
        assert set(images([known("1"), known("2")], [held("1")], how)) == {held("1"), known("2")}
        assert set(images([held("1"), known("2")], [held("1")], how)) == {held("1"), known("2")}
        assert set(images([held("1"), known("2")], [], how)) == {held("1"), known("2")}


names = st.sampled_from(["findings", "impression", "indication", LABELS])
texts = st.sampled_from(["", "Clear.", "Clear. ", "No  effusion.", "No effusion."])
uids = st.sampled_from(["1", "2", "3", "2.25.1", "2.25.2"])
some_images = st.lists(uids, max_size=3, unique=True).flatmap(
    lambda chosen: st.tuples(*[st.sampled_from([held(uid, pixels=f"p{uid}"), known(uid)]) for uid in chosen])
)
cases = st.builds(
    case,
    patient_key=st.sampled_from(["", "p1", "p2"]),
    images=some_images,
    sections=st.dictionaries(names, texts, max_size=4),
    labels=st.sampled_from([(), ("Edema",), ("Mass",)]),
    licence=st.sampled_from(["", "A", "B"]),
    restricted=st.booleans(),
    split=st.sampled_from(["", "train", "test"]),
    sex=st.sampled_from(["", "F", "M"]),
    age=st.sampled_from([None, 0.0, 61.0]),
    studied_at=st.sampled_from(["", "2001", "2002"]),
)
joins = st.sampled_from([Merge.UPDATE, Merge.FILL])


def told(merged):
    """What a case says, with sections in their order."""
    return merged, list(merged.sections.items())


@given(cases, cases, st.sampled_from(Merge))
def test_meeting_a_source_twice_changes_nothing_more(stored, new, how):
    once = merge(stored, new, how)
    assert told(merge(once, new, how)) == told(once)


@given(cases, joins)
def test_meeting_itself_changes_nothing(stored, how):
    if LABELS in stored.sections and {"findings", "impression"} & stored.sections.keys():
        stored = replace(stored, sections={"findings": "Clear."})  # no reader writes labels out beside a report
    assert told(merge(stored, stored, how)) == told(stored)


@given(cases, cases, joins)
def test_a_restriction_is_never_lost(stored, new, how):
    assert merge(stored, new, how).restricted is (stored.restricted or new.restricted)


@given(cases, cases, joins)
def test_no_text_and_no_file_is_lost_or_made_up(stored, new, how):
    merged = merge(stored, new, how)
    both = [*stored.images, *new.images]
    assert {image.path for image in merged.images} - {""} == {image.path for image in both} - {""}
    uids_of = [image.sop_instance_uid for image in merged.images]
    assert len(uids_of) == len(set(uids_of))
    for name, text in merged.sections.items():
        assert text in (stored.sections.get(name), new.sections.get(name))
    assert merged.sections.keys() | {LABELS} == stored.sections.keys() | new.sections.keys() | {LABELS}
