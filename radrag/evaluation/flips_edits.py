"""Edits that turn what a sentence says, by its words alone: whatever the labeler makes of them, its misses show.

An edit applies where the words leave no doubt what it does to the meaning; all other sentences are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from radrag.evaluation.flips import SAME, Expected

_C, _N, _S = Expected.CONTRADICTED, Expected.NOT_SUPPORTED, Expected.SUPPORTED
Edit = Callable[[str], str | None]
"""Sentence → turned sentence; None where the edit does not apply."""

_DENIED = re.compile(
    r"\b(no|not|nor|neither|without|free|negative|absen\w+|resol\w+|clear\w*|unlikely|normal|unremarkable|intact|exclude\w*"
    r"|cannot|never|removed|rather|versus|or|otherwise|if|evaluat\w+|assess\w*|rule)\b|[?:]",
    re.I,
)
_FINDING = re.compile(
    r"\b(effusions?|pneumothorax|atelectasis|opacit(?:y|ies)|infiltrates?|consolidation|pneumonia|edema|granulomas?"
    r"|nodules?|mass|cardiomegaly|emphysema|scarring|fractures?|airspace disease|hernia|scoliosis|elevat\w+"
    r"|enlarge\w*|congestion|thickening|degenerative changes?)\b",
    re.I,
)


def _turn(pattern: str, turns: dict[str, str], *, every: bool = False) -> Edit:
    """Return an edit that swaps the one word (or, with ``every``, all words) of a pattern by a table."""
    found = re.compile(pattern, re.I)

    def edit(sentence: str) -> str | None:
        words = found.findall(sentence)
        if not words or (len(words) > 1 and not every) or _DENIED.search(sentence) or not _FINDING.search(sentence):
            return None
        return found.sub(lambda match: _cased(turns[match.group().lower()], match.group()), sentence)

    return edit


def _cased(word: str, like: str) -> str:
    return word.capitalize() if like[:1].isupper() else word


_SIDES = {"left": "right", "right": "left", "left-sided": "right-sided", "right-sided": "left-sided"}
_SEVERITIES = {
    "mild": "severe", "mildly": "severely", "minimal": "extensive", "small": "large", "tiny": "massive",
    "slight": "marked", "slightly": "markedly", "subtle": "gross", "trace": "large", "severe": "mild",
    "severely": "mildly", "large": "small", "marked": "minimal", "markedly": "slightly", "extensive": "subtle",
}  # fmt: skip
_CHANGES = {
    "has increased": "has decreased", "have increased": "have decreased", "has decreased": "has increased",
    "have decreased": "have increased", "has improved": "has worsened", "have improved": "have worsened",
    "worsening": "improving", "improving": "worsening", "worsened": "improved", "improved": "worsened",
    "stable": "worsening", "unchanged": "worsened", "interval increase": "interval decrease",
    "interval decrease": "interval increase", "progressive": "improving", "enlarging": "decreasing",
    "interval improvement": "interval worsening", "interval worsening": "interval improvement",
}  # fmt: skip
_ZONES = {
    "upper lobe": "lower lobe", "upper lobes": "lower lobes", "lower lobe": "upper lobe",
    "lower lobes": "upper lobes", "upper lung": "lower lung", "lower lung": "upper lung", "apical": "basilar",
    "basilar": "apical", "bibasilar": "biapical", "biapical": "bibasilar", "apex": "base", "apices": "bases",
    "rul": "rll", "rll": "rul", "lul": "lll", "lll": "lul",
}  # fmt: skip
_FINDINGS = {
    "pleural effusion": "pneumothorax", "pleural effusions": "pneumothoraces", "pneumothorax": "hiatal hernia",
    "cardiomegaly": "scoliosis", "atelectasis": "bronchiectasis", "pneumonia": "fracture", "granuloma": "mass",
    "emphysema": "pulmonary edema", "fracture": "effusion", "hiatal hernia": "pericardial effusion",
    "consolidation": "emphysema", "scoliosis": "osteopenia", "pulmonary edema": "pulmonary fibrosis",
}  # fmt: skip


def _any_of(table: Iterable[str]) -> str:
    return r"\b(?:" + "|".join(sorted(map(re.escape, table), key=len, reverse=True)) + r")\b"


_NOT_A_SIDE = re.compile(
    r"\b(middle|lingula\w*|atri\w+|ventric\w+|heart|greater|than|bilateral|both|convex\w*|minor)\b", re.I
)
_turn_side = _turn(_any_of(_SIDES), _SIDES)


def _side(sentence: str) -> str | None:
    """Turn left to right, where it is the finding's side and the only one."""
    return None if _NOT_A_SIDE.search(sentence) else _turn_side(sentence)


_NOT_A_SIZE = re.compile(r"\b(heart is|moderate\w*|increas\w*|decreas\w*|improv\w+|wors\w+|interval|residual)\b", re.I)
_turn_size = _turn(_any_of(_SEVERITIES), _SEVERITIES)


def _severity(sentence: str) -> str | None:
    """Turn how much there is; not how much it changed, nor one end of "small to moderate"."""
    return None if _NOT_A_SIZE.search(sentence) else _turn_size(sentence)


_NO = re.compile(r"^(?:There (?:is|are) )?no (?:evidence of |evidence for |radiographic evidence of )?(?=[a-z])", re.I)
_NOT_A_DENIAL = re.compile(
    r"\b(change\w*|other|additional|further|interval|new|abnormalit\w+|abnormal|disease|process|findings?|prior|previous"
    r"|comparison|but|however|definite\w*|evaluat\w+|are|with|which|except|although|normal|clear|unremarkable)\b|[:;]|\bis\b",
    re.I,
)


def _affirm(sentence: str) -> str | None:
    """Turn a denial that is the whole sentence ("No effusion or edema.") into a statement."""
    if not _NO.search(sentence):
        return None
    rest = _NO.sub("", sentence)
    rest = re.sub(r"\s+(?:is|are) (?:seen|identified|noted|present)(?=\W*$)", "", rest)
    if _NOT_A_DENIAL.search(rest) or not _FINDING.search(rest):
        return None
    return "There is " + re.sub(r",? \b(?:n?or)\b", " and", rest)


_THERE_IS = re.compile(r"^There (is|are) (?:an? |some )?(?=[a-z])", re.I)
_SEEN = re.compile(r"\b(is|are) (seen|identified|noted|present|visualized)(?=\W*$)", re.I)
_NOT_THE_FINDING = re.compile(
    r"^There (?:is|are) (?:an? |some )?(?:[\w-]+ )?"
    r"(?:changes?|other|additional|aeration|appearance|improve\w+|increas\w+|decreas\w+|interval)",
    re.I,
)


def _deny(sentence: str) -> str | None:
    """Turn a plain statement ("There is a hiatal hernia.") into a denial."""
    if _DENIED.search(sentence) or not _FINDING.search(sentence) or _NOT_THE_FINDING.search(sentence):
        return None
    if _THERE_IS.search(sentence):
        return _THERE_IS.sub(r"There \1 no ", sentence)
    if _SEEN.search(sentence):
        return _SEEN.sub(r"\1 not \2", sentence)
    return None


def _without(sentence: str) -> str | None:
    """Turn "without X" into "with X"."""
    if len(re.findall(r"\bwithout\b", sentence)) != 1 or re.search(
        r"\b(evidence|change|abnormal\w*|sign|acute)\b", sentence
    ):
        return None
    before, after = sentence.split("without")
    if not _FINDING.search(after) or _NOT_A_DENIAL.search(after):
        return None
    return f"{before}with{re.sub(r',? (?:n?or) ', ' and ', after)}"


def _heart(sentence: str) -> str | None:
    """Turn a normal heart into a large one and back."""
    for normal, large in (
        ("heart size is normal", "heart size is enlarged"),
        ("heart is normal in size", "heart is enlarged"),
        ("heart size is within normal limits", "heart is enlarged"),
        ("heart is enlarged", "heart is normal in size"),
        ("cardiac silhouette is enlarged", "cardiac silhouette is normal in size"),
    ):
        if normal in sentence.lower():
            return re.sub(normal, large, sentence, flags=re.I)
    return None


_MEASURE = re.compile(r"\b(\d+(?:\.\d+)?)(\s?-?\s?)(mm|cm|millimeters?|centimeters?)\b", re.I)
_LEVEL = re.compile(r"\b([TL])-?(\d{1,2})\b")
_ORDINALS = ("third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINAL = re.compile(rf"\b({'|'.join(_ORDINALS)})\b(?=[^.]*\brib)", re.I)


def _number(sentence: str) -> str | None:
    """Turn a measure, a vertebra's or a rib's number into another one."""
    if _DENIED.search(sentence) or not _FINDING.search(sentence):
        return None
    if len(_MEASURE.findall(sentence)) == 1:
        return _MEASURE.sub(lambda found: f"{float(found[1]) * 3:g}{found[2]}{found[3]}", sentence)
    if len(_LEVEL.findall(sentence)) == 1:
        return _LEVEL.sub(lambda found: f"{found[1]}{int(found[2]) % 5 + 1}", sentence)
    if len(_ORDINAL.findall(sentence)) == 1:
        return _ORDINAL.sub(lambda found: _ORDINALS[(_ORDINALS.index(found[1].lower()) + 3) % 8], sentence)
    return None


def _swap(sentence: str) -> str | None:
    """Turn one finding into another that the sentence does not speak of."""
    found = re.findall(_any_of(_FINDINGS), sentence, re.I)
    if len(found) != 1 or _FINDINGS[found[0].lower()] in sentence.lower():
        return None
    return re.sub(_any_of(_FINDINGS), _cased(_FINDINGS[found[0].lower()], found[0]), sentence, flags=re.I)


_WORDS = (
    (r"\bThere is no evidence of\b", "There is no"),
    (r"^No evidence of\b", "No"),
    (r"\bis seen\b", "is identified"),
    (r"\bare seen\b", "are present"),
    (r"\bheart size is normal\b", "heart is normal in size"),
    (r"\bwithin normal limits\b", "normal"),
    (r"\bunremarkable\b", "normal"),
    (r"\bright upper lobe\b", "RUL"),
    (r"\bright lower lobe\b", "RLL"),
    (r"\bleft upper lobe\b", "LUL"),
    (r"\bleft lower lobe\b", "LLL"),
    (r"\bcardiomegaly\b", "enlargement of the heart"),
    (r"\bbilaterally\b", "on both sides"),
    (r"\bunchanged\b", "stable"),
    (r"\bpneumothorax\b", "ptx"),
    (r"\blungs are clear(?! of)\b", "lungs are clear bilaterally"),
)


def _reword(sentence: str) -> str | None:
    """Say the same in other words of the vocabulary."""
    turned = sentence
    for pattern, words in _WORDS:
        turned = re.sub(pattern, words, turned, flags=re.I)
    return turned if turned != sentence and _FINDING.search(sentence) else None


_LIST = re.compile(r"^(No |There is no )((?:[a-z]+ ?){1,3}), ((?:[a-z]+ ?){1,3}),? or ((?:[a-z]+ ?){1,3})\.$")


def _reorder(sentence: str) -> str | None:
    """Name the items of a denied list in another order."""
    turned = _LIST.sub(r"\1\4, \3, or \2.", sentence)
    return turned if turned != sentence and not re.search(r"\b(focal|large|acute|pleural)\b", sentence) else None


def _respell(sentence: str) -> str | None:
    """Change letter case, white space and the full stop."""
    return " ".join(sentence.upper().rstrip(".").split()).replace(" ", "  ", 1) if _FINDING.search(sentence) else None


def _again(sentence: str) -> str | None:
    """Leave the sentence as it is."""
    return sentence if _FINDING.search(sentence) else None


EDITS: tuple[tuple[str, Expected, Edit], ...] = (
    ("affirmed", _C, _affirm),
    ("denied", _C, _deny),
    ("without", _C, _without),
    ("heart size", _C, _heart),
    ("side", _C, _side),
    ("severity", _C, _severity),
    ("change", _C, _turn(_any_of(_CHANGES), _CHANGES)),
    ("zone", _C, _turn(_any_of(_ZONES), _ZONES)),
    ("number", _N, _number),
    ("finding", _N, _swap),
    (SAME, _S, _again),
    (SAME, _S, _reword),
    (SAME, _S, _reorder),
    (SAME, _S, _respell),
)
