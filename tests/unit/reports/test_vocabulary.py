"""The label set hangs together: names, maps, hierarchy, order."""

import subprocess
import sys
from pathlib import Path

import pytest

from radrag.reports import vocabulary as v
from radrag.reports.lexicon import RULES, TERMS, expand, phrases
from radrag.reports.mesh import from_mesh, is_coded, labels_of


def test_the_chexpert_labels_come_first_under_their_own_names():
    assert v.CHEXPERT == (
        "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture",
        "Lung Lesion", "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia",
        "Pneumothorax", "Support Devices",
    )  # fmt: skip


def test_names_are_unique_and_every_parent_exists():
    assert len(set(v.NAMES)) == len(v.NAMES)
    assert all(parent in v.BY_NAME for label in v.LABELS for parent in label.parents)
    assert all(label.region in v.REGIONS for label in v.LABELS)


def test_nih_names_map_both_ways():
    assert len(v.NIH) == 14
    assert v.from_nih("Effusion") == "Pleural Effusion"
    assert v.from_nih("Pleural_Thickening") == "Pleural Thickening"
    assert v.to_nih("Pleural Effusion") == "Effusion"
    assert v.to_nih("Scoliosis") is None
    assert all(v.from_nih(v.to_nih(name)) == name for name in v.NIH)


def test_a_positive_nodule_implies_lesion_and_opacity_and_a_denied_opacity_denies_it():
    assert v.ancestors("Nodule") == {"Lung Lesion", "Lung Opacity"}
    assert "Nodule" in v.descendants("Lung Opacity")
    assert v.ancestors("Cardiomegaly") == {"Enlarged Cardiomediastinum"}
    assert v.ancestors("nothing known") == frozenset()


def test_no_label_is_its_own_ancestor():
    assert all(name not in v.ancestors(name) for name in v.NAMES)


def test_labels_map_to_chexpert():
    assert v.to_chexpert("Mass") == "Lung Lesion"
    assert v.to_chexpert("Pneumonia") == "Pneumonia"
    assert v.to_chexpert("Scoliosis") is None


def test_a_report_names_devices_then_lungs_then_bones():
    assert sorted(["Fracture", "Edema", "Support Devices"], key=v.report_order) == [
        "Support Devices",
        "Edema",
        "Fracture",
    ]
    assert v.region("unknown") == "summary"
    assert v.report_order("unknown") > v.report_order("No Finding")


def test_every_term_and_rule_names_a_known_label():
    named = {label for key in TERMS for label in key.split("|")}
    named |= {label for outcome in RULES.values() for label, _ in outcome}
    assert named <= set(v.NAMES)


def test_every_label_can_be_found_in_text():
    named = {label for key in TERMS for label in key.split("|")}
    named |= {label for outcome in RULES.values() for label, _ in outcome}
    assert named == set(v.NAMES)


def test_a_pattern_expands_to_every_choice():
    assert list(expand("a {b|c|} d")) == ["a b d", "a c d", "a d"]
    assert phrases("x {y|}, x") == ["x y", "x"]


@pytest.mark.parametrize(
    ("code", "labels"),
    [
        ("normal", ("No Finding",)),
        ("Opacity/lung/base/left", ("Lung Opacity",)),
        ("Opacity/lung/round", ("Lung Opacity", "Nodule")),
        ("Density/ribs/left", ()),
        ("Density/lung/base", ("Lung Opacity",)),
        ("Lung/hypoinflation", ("Low Lung Volumes",)),
        ("Lung/hilum/prominent", ("Hilar Enlargement",)),
        ("Lung/hilum/lymph nodes/enlarged", ("Lymphadenopathy",)),
        ("Calcinosis/lung/hilum/lymph nodes/left", ("Calcified Lymph Nodes",)),
        ("Calcinosis/aorta", ("Atherosclerosis",)),
        ("Calcinosis/lung", ("Lung Calcification",)),
        ("Calcinosis/abdomen", ()),
        ("Thoracic vertebrae/degenerative", ("Degenerative Spine",)),
        ("Hydropneumothorax", ("Pneumothorax", "Pleural Effusion")),
        ("Technical Quality of Image Unsatisfactory ", ()),
        ("Never seen heading/lung", ()),
    ],
)
def test_mesh_codes_map_by_meaning(code, labels):
    assert from_mesh(code) == labels


def test_a_borderline_code_states_nothing():
    assert labels_of(["Cardiomegaly/borderline", "Scoliosis"]) == {"Scoliosis"}


def test_reports_without_a_judging_code_are_not_coded():
    assert not is_coded(["No Indexing"])
    assert not is_coded([])
    assert is_coded(["No Indexing", "normal"])


def test_the_documentation_lists_every_label():
    text = (Path(__file__).parents[3] / "docs" / "labels.md").read_text()
    table = text.split("## How text is read")[0]
    rows = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("| ")}
    for label in v.LABELS:
        assert label.region in rows[label.name]
        assert label.urgency.value in rows[label.name]


def test_the_label_set_loads_without_spacy():
    code = "import sys, radrag.reports.vocabulary, radrag.reports.mesh; sys.exit('spacy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
