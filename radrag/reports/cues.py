"""How reports deny, doubt and qualify: cue phrases, in negspacy's termset form where it does the matching.

The negation lists start from negspacy's ``en_clinical`` (NegEx, Chapman et al. 2001), without what does not fit
radiology ("versus" doubts, "rule out" asks, "still" and "ro" are no cues), and with radiology's own.
"""

from __future__ import annotations

from radrag.reports.lexicon import phrases

NEGATION: dict[str, list[str]] = {
    "pseudo_negations": phrases(
        "no {significant |significantly |definite |appreciable |interval |significant interval |substantial |overt |obvious"
        " |other |suspicious |convincing |apparent |}{change|changes}, no {increase|decrease|progression|worsening"
        "|improvement|enlargement of known}, no further, without {further|difficulty|significant change|change|interval"
        " change}, not only, not {necessarily|certain if|certain whether|extend|cause|drain}, no more than, no less than,"
        " not {definitely |completely |entirely |been |be |}{excluded|ruled out|rule out}, {cannot|can not|could not|unable to"
        "|difficult to} {definitely |entirely |completely |be |}{exclude|excluded|rule out|ruled out|be excluded|be ruled out},"
        " not {significantly |appreciably |substantially |markedly |}{changed|different}, gram negative, might not, may not,"
        "{not|no} {as |}{well|fully|adequately|optimally|entirely|completely} {evaluated|seen|visualized|assessed|included"
        "|imaged|inflated|expanded|demonstrated}, not {included|imaged|available}, no {comparison|prior|previous|old}"
        " {study|studies|exam|films|film|radiographs|images|chest|comparison|}, no longer {clear|normal|sharp},"
        " {partially|partly|nearly|almost|incompletely|near|incomplete|partial} {completely |complete |}{resolved|cleared|resolution|clearing}, does not exclude, do not exclude, no doubt, without doubt, not without, non specific, no less"
    ),
    "preceding_negations": phrases(
        "no, not, without, absence of, negative for, free {of|from}, clear of, {no|without} {evidence|sign|signs"
        "|suggestion|indication|radiographic evidence|xxxx|xxxx of|findings} {of|for|to suggest|to indicate|}, {rather than"
        "|instead of|as opposed to}, lack of, lacks, neither, nor, non, never, devoid of, absent, {resolution|clearing"
        "|removal|disappearance} of, {resolved|cleared|removed}, no longer, {fails|failed} to {reveal|show|demonstrate}, rules out,"
        " ruled out, excludes, {do|does|did} not {demonstrate|show|reveal|see}, {isn't|aren't|wasn't|weren't|doesn't|don't"
        "|didn't}, unlikely {to represent|to be|}, cannot, can't, argues against, w/o, with no, denies, absence"
    ),
    "following_negations": phrases(
        "{is|are|was|were|be|has been|have been|} {not|no longer|never} {definitely |currently |convincingly |}{seen|identified|present|noted|visualized|visualised|visible|evident|appreciated|demonstrated|apparent"
        "|detected|observed|found|suggested|suspected|in place|there|recognized}, {is|are} {absent|excluded|resolved|gone|negative},"
        " {has|have} {been |now |since |completely |fully |entirely |}{resolved|cleared|disappeared|been excluded|been ruled out"
        "|been removed|removed}, {was|were|is|are} {ruled out|removed|excluded}, {is|are|is felt to be|are felt to be|thought to"
        " be|considered |}unlikely, {not|no longer} {seen|identified|present|visualized|evident}, absent, ruled out,"
        " completely resolved, fully resolved, {isn't|aren't} {seen|identified|present}, : {none|negative|absent},"
        " none {seen|identified|}"
    ),
    "termination": phrases(
        "but, however, although, though, except, except for, other than, aside from, apart from, with the exception of,"
        " nevertheless, whereas, while, yet, despite, even though, in spite of"
    ),
}

UNCERTAINTY: dict[str, list[str]] = {
    "pseudo_negations": phrases("may also, in part likely, as likely as"),
    "preceding_negations": phrases(
        "possible, possibly, probable, probably, likely, most likely, less likely, suspected, suspicious for, {suspicion|question"
        "|possibility|concern|concerns} {of|for}, concerning for, worrisome for, questionable, question, equivocal, perhaps,"
        " presumed, presumably, potential, potentially, borderline, {may|might|could|can|would} {also |be |well |}{represent"
        "|reflect|indicate|suggest|be|be due to|be related to|be secondary to|correspond to|relate to}, may, might, could,"
        " suggests, suggest, suggesting, suggestive of, suggestion of, {cannot|can not|could not|unable to|difficult to} {definitely"
        " |entirely |completely |}{exclude|rule out}, {does|do} not {exclude|rule out}, not exclude, versus, vs, either, favored,"
        " favoring, favors, favor, consider, differential, {considerations|consideration} {include|includes|including},"
        " raises {the |}{possibility|question|concern} {of|for}, if clinically, thought to {be|represent}, felt to {be|represent},"
        " appears to represent, likely {represents|representing|reflects|reflecting|related to|due to|secondary to},"
        " possibly {representing|reflecting|related to|due to}, early or mild, impending, unlikely but possible"
    ),
    "following_negations": phrases(
        "{cannot|can not|could not|not|may not} {definitely |entirely |completely |be |be entirely |be completely |}{excluded|ruled"
        " out}, {is|are|was} {not |}{possible|suspected|questioned|questionable|suggested|likely|favored|considered|equivocal"
        "|a possibility|a consideration|in the differential|of concern}, {may|might|could} {also |}{be present|be considered|coexist"
        "|be seen}, should be considered, {may|might} not be {demonstrated|seen|visible|apparent|evident|detected}, is not excluded, are not excluded, difficult to exclude, possible, likely,"
        " is {probably|possibly|likely} present, less likely, suspected, not entirely excluded, if {present|any}, {is|are} {present|seen} if, favored, versus, vs, {would be|is|are|is also|are also|may be} {a |another |also |}{consideration|considerations|possibility|possible}, not {as |so |}{well|clearly|readily} {seen|visualized|demonstrated|identified|appreciated|defined}, not {as |}well-{seen|visualized|demonstrated|defined}"
    ),
    "termination": [],
}
ADJECTIVES_OF_DOUBT = frozenset(
    phrases(
        "possible, possibly, probable, probably, likely, most likely, less likely, suspected, questionable, question, equivocal,"
        " perhaps, presumed, presumably, potential, potentially, borderline"
    )
)
"""Doubts the noun phrase that follows, not the whole rest of the clause."""

UNSAID = phrases(
    "history of, h / o, hx of, hx, {past |prior |previous |known |clinical |}history {of|significant for}, {evaluate|evaluation|assess|assessment"
    "|assessing|screen|screening|monitor|check|look|evaluating|rule out|workup} for, to {exclude|rule out|evaluate|assess|ensure"
    "|confirm|document|determine}, rule out, r / o, {should|if} {there is|symptoms}, in case of, risk of, risk for, {clinical"
    " |}{concern for} clinical, reason for exam, indication, {for|to ensure|to document|until} {complete |}{resolution|clearing}"
    " of, follow-up of, followup of, {better|further} {evaluate|evaluation of|characterize|characterization of}, treated for,"
    " diagnosis of, diagnosed with, {correlate|correlation|correlate clinically|clinical correlation} for, limits {evaluation|assessment} {of|for}, limited {evaluation|assessment} {of|for},"
    " can be seen {with|in}, sensitivity for, insensitive for, sensitive {in|for|to} {detecting|detection of|}, to identify, to detect, predispose to, prone to"
)
"""After these a finding is history, question or advice, and none of the report's findings."""

SIDE = {
    "left": phrases("left, left-sided, leftward, lt, lingula, lingular, left lung, lul, lll"),
    "right": phrases("right, right-sided, rightward, rt, right middle lobe, middle lobe, rul, rml, rll"),
    "bilateral": phrases(
        "bilateral, bilaterally, both, bibasilar, bibasal, biapical, bilateral lung, {left|right} {greater|more|larger|worse|less"
        "|smaller} than {the |}{left|right}, {left|right} > {left|right}, each lung, either lung, left and right, right and left,"
        " both sides, biapically, bibasally, either side"
    ),
}

SEVERITY = {
    "mild": phrases(
        "mild, mildly, minimal, minimally, small, tiny, trace, subtle, slight, slightly, minor, faint, low grade, low-grade,"
        " early, minute, punctate, {minimal|slight|trace} {to|or} mild, small-sized, subtly, a little, limited, subcentimeter"
    ),
    "moderate": phrases(
        "moderate, moderately, moderate-sized, moderate sized, medium, medium-sized, {mild|small|minimal|mildly|slight} {to"
        "|or|-to-|-} {moderate|moderately|moderate-sized}, modest"
    ),
    "severe": phrases(
        "severe, severely, large, massive, massively, marked, markedly, extensive, extensively, gross, advanced, huge, big,"
        " {moderate|moderately} {to|or|-to-|-} {severe|large|severely|marked}, large-sized, substantial, profound, very large,"
        " considerable, pronounced, giant, tension, complete opacification"
    ),
}

CHANGE = {
    "none": phrases(
        "{larger|smaller|greater|worse|more|less} than {the |on the |}{left|right}, {larger|smaller|greater|worse|more|less} on"
        " {the |}{left|right}, {improved|better} {inspiration|aeration|inspiratory effort}"
    ),
    "new": phrases(
        "new, newly, interval {development|appearance|onset} {of|}, {has|have} {developed|newly developed|appeared}, developing,"
        " newly {seen|apparent|developed}, new since, not previously {seen|present|identified}, not seen previously, now seen, de novo"
    ),
    "worse": phrases(
        "worse, worsened, worsening, {has|have} {enlarged|grown}, {has|have|is|are} {progressed|increased|worsened|increasing|worsening|enlarging"
        "|progressing|grown}, increasing, progression, progressing, progressive, progressed, interval {increase|progression|worsening"
        "|enlargement|growth}, increase in, larger, increased {in|from|since|compared}, more {pronounced|prominent|conspicuous"
        "|extensive|severe|confluent|apparent|dense} {than|}, increased in {size|extent}, {slightly |mildly |interval |now }increased,"
        " enlarging, deteriorated, deterioration, {interval|now} {larger|worse}, has increased in size, growing, slight increase"
    ),
    "stable": phrases(
        "stable, stably, unchanged, {no|without} {significant |definite |appreciable |interval |significant interval |substantial"
        " |obvious |}{change|changes} {in|from|since|of|}, not {significantly |appreciably |substantially |markedly |}{changed|different},"
        " similar {to|in|appearance|}, persistent, persists, persisting, persist, again {seen|noted|demonstrated|identified|visualized"
        "|is|are|}, redemonstrated, redemonstration, redemonstration of, re-demonstrated, remain, remains, remained, continued, continues, as before,"
        " grossly unchanged, no {interval |significant |}{increase|decrease|progression|worsening|improvement} {in|of|}, constant, the same,"
        " has not changed, have not changed, {not|has not|have not} {significantly |}{increased|decreased|progressed|worsened|improved}, {has|have} not enlarged,"
        " as on the prior, still, stability of, unaltered, essentially unchanged"
    ),
    "better": phrases(
        "improved, improving, improvement, {has|have|is|are} {decreased|improved|diminished|lessened|decreasing|improving|resolving"
        "|clearing|regressed}, decreasing, interval {decrease|improvement|reduction|clearing|resolution|regression}, decrease in, smaller,"
        " resolving, partially {resolved|cleared}, {nearly|almost|near} {completely |complete |}{resolved|cleared|resolution},"
        " less {pronounced|prominent|conspicuous|extensive|severe|apparent|dense|confluent} {than|}, better, decreased {in|from|since"
        "|compared}, {slightly |mildly |interval |now }decreased, regressed, regression, reduction in, partial {resolution|clearing},"
        " clearing, nearly resolved, regressing, lessened, near-complete resolution, nearly completely resolved, interval decreased"
    ),
}

LOCATION = {
    "upper lobe": phrases("upper lobe, upper lobes, lul, rul"),
    "middle lobe": phrases("middle lobe, rml"),
    "lower lobe": phrases("lower lobe, lower lobes, lll, rll"),
    "lingula": phrases("lingula, lingular"),
    "upper lung": phrases("upper {lung|lungs|zone|zones|lung zone|lung zones|lung field|hemithorax}"),
    "mid lung": phrases(
        "{mid|middle|mid-} {lung|lungs|zone|zones|lung zone|lung zones|lung field|hemithorax}, midlung, midlungs"
    ),
    "lower lung": phrases("lower {lung|lungs|zone|zones|lung zone|lung zones|lung field|hemithorax}"),
    "apex": phrases("apex, apices, apical, biapical, apically"),
    "base": phrases("base, bases, basal, basilar, bibasilar, bibasal, lung base, lung bases"),
    "perihilar": phrases("perihilar, parahilar, hilum, hila, hilar, suprahilar, infrahilar"),
    "retrocardiac": phrases("retrocardiac, behind the heart"),
    "costophrenic angle": phrases("{costophrenic|cp|costo-phrenic} {angle|angles|sulcus|sulci}"),
    "cardiophrenic angle": phrases("cardiophrenic {angle|angles}"),
    "fissure": phrases("{minor|major|horizontal|oblique} {fissure|fissures}, fissure, fissural, intrafissural"),
    "paratracheal": phrases("paratracheal"),
    "mediastinum": phrases("mediastinum, mediastinal"),
    "peripheral": phrases("peripheral, peripherally, subpleural"),
    "diffuse": phrases("diffuse, diffusely, throughout both lungs, throughout the lungs"),
    "rib": phrases("rib, ribs"),
    "clavicle": phrases("clavicle, clavicular"),
    "thoracic spine": phrases("thoracic {spine|vertebra|vertebrae|vertebral body|vertebral bodies}"),
    "lumbar spine": phrases("lumbar {spine|vertebra|vertebrae}"),
    "shoulder": phrases("shoulder, shoulders"),
}
