"""Looking up a claim: both sides are sought, neither crowds the other out, and what was asked is on record."""

import pytest

from radrag.corpus.catalogue import IndexedCase
from radrag.domain import Finding, Hit, Polarity, Side
from radrag.retrieval.feedback import claim_words, retrieve_for_claim

CASES = {f"s:{n}": IndexedCase("", {"Mass": 1.0}) for n in range(1, 9)}
CASES |= {f"d:{n}": IndexedCase("", {"Mass": -1.0}) for n in range(1, 9)}
CASES |= {"q:1": IndexedCase("", {"Edema": 1.0})}


class Searches:
    """Finds every case that is not excluded, in order of id, whatever is asked."""

    def __init__(self, *kinds):
        self.kinds = kinds
        self.queries = []

    def search(self, query, k):
        self.queries.append(query)
        found = [name for name in sorted(CASES) if name[0] in self.kinds and name not in query.exclude_cases]
        return tuple(Hit(name, rank, 1.0, {"labels": (rank, 1.0)}, "shares mass") for rank, name in enumerate(found, 1))


def found(claim, *, kinds="sdq", **options):
    return [hit.case_id for hit in retrieve_for_claim(Searches(*kinds), CASES, claim, **options)]


def test_half_of_the_cases_state_the_finding_and_half_deny_it_the_claims_own_side_first():
    assert found(Finding("Mass"), k=4) == ["s:1", "d:1", "s:2", "d:2"]
    assert found(Finding("Mass", Polarity.NEGATIVE), k=4) == ["d:1", "s:1", "d:2", "s:2"]


def test_a_side_that_is_short_is_not_filled_up_with_the_other():
    assert found(Finding("Mass"), kinds="dq", k=6) == ["d:1", "d:2", "d:3"]
    assert found(Finding("Mass"), kinds="q", k=6) == []


def test_both_searches_keep_the_patient_and_known_cases_out():
    searches = Searches(*"sd")
    held = frozenset({"s:1", "d:1"})
    hits = retrieve_for_claim(searches, CASES, Finding("Mass"), exclude_patient="key", exclude_cases=held, k=2)
    assert [hit.case_id for hit in hits] == ["s:2", "d:2"]
    assert {query.exclude_patient for query in searches.queries} == {"key"}


def test_each_hit_says_for_which_claim_it_was_found_and_ranks_start_at_one():
    hits = retrieve_for_claim(Searches(*"sd"), CASES, Finding("Mass", side=Side.LEFT), k=2)
    assert [(hit.rank, hit.why) for hit in hits] == [
        (1, "found for the claim “left mass”; shares mass"),
        (2, "found for the claim “left mass”; shares mass"),
    ]


def test_polarity_and_side_are_in_the_words_that_are_searched():
    searches = Searches(*"sd")
    retrieve_for_claim(searches, CASES, Finding("Mass", side=Side.RIGHT), k=2)
    assert [query.text for query in searches.queries] == ["Right mass.", "No right mass."]
    assert [query.sides for query in searches.queries] == [{"Mass": Side.RIGHT}, {}]
    assert claim_words(Finding("Mass", Polarity.UNCERTAIN)) == "possible mass"


@pytest.mark.parametrize("polarity", [Polarity.POSITIVE, Polarity.NEGATIVE])
def test_normality_is_not_looked_up_since_no_report_could_deny_it(polarity):
    assert found(Finding("No Finding", polarity)) == []
