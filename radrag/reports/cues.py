"""How reports deny, doubt and qualify: cue phrases, in negspacy's termset form where it does the matching.

The phrases are in ``cues.toml``. The negation lists start from negspacy's ``en_clinical`` (NegEx, Chapman et al. 2001),
without what does not fit radiology ("versus" doubts, "rule out" asks, "still" and "ro" are no cues), and with
radiology's own.
"""

from __future__ import annotations

from radrag.reports.lexicon import phrases, read_table

_TABLE = read_table("cues.toml")


def _group(name: str) -> dict[str, list[str]]:
    return {value: phrases(text) for value, text in _TABLE[name].items()}


NEGATION = _group("negation")
"""negspacy termset of denial."""

DOUBT = _group("doubt")
"""negspacy termset of doubt."""

ADJECTIVES_OF_DOUBT = frozenset(phrases(_TABLE["adjectives_of_doubt"]))
"""Doubts the noun phrase that follows, not the whole rest of the clause."""

UNSAID = phrases(_TABLE["unsaid"])
"""After these a finding is history, question or advice, and none of the report's findings."""

SIDE = _group("side")
SEVERITY = _group("severity")
CHANGE = _group("change")
LOCATION = _group("location")
