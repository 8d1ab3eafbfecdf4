"""One reader before one draft: where the reader is, what is being done, and what went wrong; no widgets.

Everything that is decided lies in the store at once. What is lost with the browser's socket is the place in the draft
and words that were not yet saved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from radrag.domain import Draft, DraftSentence, EvidenceLink, Finding, Omission
from radrag.errors import RadragError, ReviewCode, ReviewError
from radrag.generation.phrases import statement
from radrag.review.decisions import SECTIONS, bulk_acceptable
from radrag.review.desk import Check, Desk
from radrag.review.signoff import ATTESTATION
from radrag.review.values import Act, Decision, Item, Quoted, Reason

OMISSION = "omission:"
"""Source of a sentence that was added for a possible omission begins so; the label follows."""


class Mode(StrEnum):
    """What the reader is doing with the sentence in focus."""

    READ = "read"
    EDIT = "edit"
    REJECT = "reject"
    REWORD = "reword"
    ADD = "add"


class Sitting:
    """A reader's work on one draft.

    Args:
        draft: as stored.
        desk: where acts are carried out.
        check: what the evidence says of (section, text) pairs.
        reword: (sentence, hint) → its words as the hint wants them.
        may_decide: whether the reader's role lets anything be changed.

    Attributes:
        review: the state that the reader sees.
        focus: key of a sentence, or ``o3`` for the draft's fourth omission; empty in an empty draft.
        turn: counts what was begun; fields of one turn keep their words, those of the next are fresh.
        proposal: words that a hint made of the sentence in focus, not kept yet.
        preview: what the evidence says of words that are not kept yet.
        at_signature: whether the reader asked to go to the signature.
        revealed: whether a reader who reads the image first has asked for the draft.
        located: label of the finding that is shown on the image; empty for none.
        complaint: why the last act was not done; empty when it was.
    """

    def __init__(
        self,
        draft: Draft,
        desk: Desk,
        *,
        check: Check,
        reword: Callable[[DraftSentence, str], str],
        may_decide: bool = True,
    ) -> None:
        self.draft = draft
        self.may_decide = may_decide
        self.mode = Mode.READ
        self.turn = 0
        self.at_signature = False
        self.revealed = False
        self.located = ""
        self.proposal = ""
        self.preview: DraftSentence | None = None
        self.complaint = ""
        self._desk = desk
        self._check = check
        self._reword = reword
        self.review = desk.review()
        self.focus = next(iter([item.key for item in self.review.pending] or self.stops()), "")

    # Where the reader is

    def stops(self) -> list[str]:
        """Return what can be stepped through: sentences, then omissions that were not added."""
        added = {item.source for item in self.review.items}
        omissions = [
            f"o{number}" for number, one in enumerate(self.draft.omissions) if OMISSION + one.label not in added
        ]
        return [item.key for item in self.review.items] + omissions

    @property
    def item(self) -> Item | None:
        """The sentence in focus."""
        return next((item for item in self.review.items if item.key == self.focus), None)

    @property
    def omission(self) -> Omission | None:
        """The omission in focus."""
        number = self.focus[1:]
        if self.focus[:1] != "o" or not number.isdigit() or int(number) >= len(self.draft.omissions):
            return None
        return self.draft.omissions[int(number)]

    @property
    def focused(self) -> DraftSentence | Omission | None:
        """What the evidence is shown of."""
        return self.omission if self.item is None else self.item.checked

    def go(self, stop: str) -> None:
        """Put something into focus; what was begun on the one before is dropped."""
        self.focus = stop
        self.read()

    def step(self, by: int) -> None:
        """Go to the next stop (1) or the one before (-1); stay at the ends."""
        stops = self.stops()
        if stops:
            here = stops.index(self.focus) if self.focus in stops else 0
            self.go(stops[min(max(here + by, 0), len(stops) - 1)])

    def begin(self, mode: Mode) -> None:
        """Begin to edit, reject, reword or add."""
        self.mode = mode
        self.turn += 1
        self.preview, self.proposal, self.complaint = None, "", ""

    def read(self) -> None:
        """Drop what was begun."""
        self.begin(Mode.READ)

    def refresh(self) -> bool:
        """Read the present state; return whether someone else changed it."""
        before = self.review.version
        self.review = self._desk.review()
        if self.focus not in self.stops():
            self.go(next(iter(self.stops()), ""))
        return self.review.version != before

    def to_signature(self) -> None:
        """Go to the signature."""
        self.read()
        self.at_signature = True

    def regions(self) -> list[str]:
        """Return the findings that bear on the sentence in focus and have a region on the image."""
        held = {one.label for one in self.draft.image_findings if one.region is not None}
        named = self.item.checked.image_findings if self.item else (self.omission.label,) if self.omission else ()
        return [label for label in named if label in held]

    def locate(self) -> None:
        """Show the next of the focused sentence's regions on the image; after the last, none."""
        regions = self.regions()
        following = regions.index(self.located) + 1 if self.located in regions else 0
        self.located = regions[following] if following < len(regions) else ""

    def go_to_finding(self, label: str) -> None:
        """Put the first sentence that speaks of a finding into focus."""
        for item in self.review.items:
            if label in item.checked.image_findings or label in {one.label for one in item.checked.findings}:
                self.go(item.key)
                return
        number = next((n for n, one in enumerate(self.draft.omissions) if one.label == label), None)
        if f"o{number}" in self.stops():
            self.go(f"o{number}")

    def reveal(self) -> None:
        """Show the draft to a reader who wanted to read the image first."""
        self.revealed = True

    # Decisions on sentences

    def accept(self) -> None:
        """Accept the sentence in focus, or add the omission in focus; go on to the next that waits."""
        if self.omission is not None:
            self.add_omission(self.omission)
        elif self._act(Act.ACCEPT, item=self.focus):
            self._go_on()

    def accept_supported(self) -> None:
        """Accept all that wait and that evidence supports in full."""
        keys = [item.key for item in bulk_acceptable(self.review)]
        if keys and self._act(Act.ACCEPT, items=keys):
            self._go_on()

    def reject(self, reason: Reason, note: str = "") -> None:
        """Reject the sentence in focus; go on to the next that waits."""
        if self._act(Act.REJECT, item=self.focus, reason=reason.value, note=note):
            self._go_on()

    def reopen(self) -> None:
        """Take the decision on the sentence in focus back."""
        self._act(Act.REOPEN, item=self.focus)

    def edit(self, text: str) -> None:
        """Give the sentence in focus other words."""
        if self._act(Act.EDIT, item=self.focus, text=text.strip()):
            self.read()

    def add(self, section: str, text: str) -> None:
        """Add a sentence behind the one in focus, or at the end of a section that it does not stand in."""
        after = self.focus if self.item is not None and self.item.section == section else ""
        if self._act(Act.ADD, section=section, text=text.strip(), after=after):
            self._go_to_added()

    def add_omission(self, omission: Omission) -> None:
        """Add a sentence that states what the draft may have left out."""
        text = statement(Finding(omission.label))
        if self._act(Act.ADD, section=SECTIONS[0], text=text, source=OMISSION + omission.label):
            self._go_to_added()

    def move(self, by: int) -> None:
        """Move the sentence in focus within its section, up (-1) or down (1)."""
        if self.item is None:
            return
        keys = [one.key for one in self.review.items if one.section == self.item.section]
        here, there = keys.index(self.focus), keys.index(self.focus) + by
        if not 0 <= there < len(keys):
            return
        keys.insert(there, keys.pop(here))
        self._act(Act.MOVE, item=self.focus, after=keys[there - 1] if there else "")

    def reword(self, hint: str) -> None:
        """Put words that a hint makes of the sentence in focus into the editor; nothing is kept yet."""
        if self.item is None:
            return
        checked = self.item.checked
        try:
            text = self._reword(checked, hint)
        except RadragError as error:
            self.complaint = str(error)
            return
        self.begin(Mode.EDIT)
        self.proposal = text
        self.look(text)

    def look(self, text: str, section: str = "") -> None:
        """Show what the evidence says of words that are not kept yet."""
        where = section or (self.item.section if self.item else SECTIONS[0])
        self.preview = self._check([(where, text.strip())])[0] if text.strip() else None

    def distrust(self, link: EvidenceLink, *, misleading: bool) -> None:
        """Call a quoted sentence misleading, or take that back."""
        case_id, section, number = quoted(link)
        act = Act.DISTRUST if misleading else Act.TRUST
        self._act(act, case_id=case_id, section=section, sentence=number)

    # The report as a whole

    def acknowledge(self, label: str, to: str, how: str) -> None:
        """Record who was told of a critical finding."""
        self._act(Act.ACKNOWLEDGE, label=label, to=to, how=how)

    def mark_preliminary(self) -> None:
        """Let the report be seen as preliminary: decided, not signed."""
        self._act(Act.MARK_PRELIMINARY)

    def sign(self, *, attested: bool) -> bool:
        """Sign; return whether it was done."""
        return self._act(Act.SIGN, **_attestation(attested))

    def addendum(self, text: str, *, attested: bool) -> bool:
        """Add to a signed report."""
        return self._act(Act.ADDENDUM, text=text, **_attestation(attested))

    def correct(self, report: Mapping[str, str], why: str, *, attested: bool) -> bool:
        """Replace the text of a signed report."""
        return self._act(Act.CORRECT, report=dict(report), text=why, **_attestation(attested))

    # How acts are done

    def _act(self, act: Act, **payload: object) -> bool:
        self.complaint = ""
        try:
            self.review = self._desk.act(self.review, act, **payload)
        except RadragError as error:
            self.complaint = str(error)
            if isinstance(error, ReviewError) and error.code == ReviewCode.CHANGED:
                self.review = self._desk.review()
            return False
        return True

    def _go_on(self) -> None:
        """Go to the next sentence that waits, from here on and then from the top; without any, one step on."""
        keys = [item.key for item in self.review.items]
        here = keys.index(self.focus) if self.focus in keys else 0
        for key in (*keys[here + 1 :], *keys[: here + 1]):
            if self._waits(key):
                self.go(key)
                return
        self.read()

    def _waits(self, key: str) -> bool:
        return any(item.key == key and item.decision is Decision.PENDING for item in self.review.items)

    def _go_to_added(self) -> None:
        self.go(f"a{self.review.version}")


def quoted(link: EvidenceLink) -> Quoted:
    """Return which sentence a link quotes."""
    return link.case_id, link.section, link.sentence


def sections_of(items: Sequence[Item]) -> list[str]:
    """Return the sections of sentences, in reading order."""
    return list(dict.fromkeys(item.section for item in items))


def _attestation(attested: bool) -> dict[str, str]:
    return {"attestation": ATTESTATION} if attested else {}
