"""What the listener turns away is counted, so that somebody who looks later sees it."""

from exchange_support import Running, dcmtk
from export_support import write_image

from radrag.exchange.ledger import refusals_of


def test_an_unknown_sender_and_an_image_of_no_chest_are_counted(tmp_path):
    foot = write_image(tmp_path / "foot.dcm", BodyPartExamined="FOOT")
    with Running(tmp_path / "workspace") as running:
        for title in ("STRANGER", "PACS", "PACS"):
            dcmtk("storescu", running.port, [foot], title=title)
    found = refusals_of(tmp_path / "workspace" / "quarantine" / "arrivals.sqlite")
    assert [(code, count) for code, count, _ in found] == [("not_chest", 2), ("calling_ae_title", 1)]
