"""Every verdict in words: one place, from the question, the interval, the direction."""

from __future__ import annotations

from dataclasses import dataclass

from recovery_research.analyses.verdicts import (
    CANNOT_TELL,
    HIGHER,
    LOWER,
    NO_DIFFERENCE,
    NO_PARADOX,
    NOT_HIGHER,
    NOT_LOWER,
    PARADOX,
    Bounds,
    place_interval,
)

# What is asked. Only the first is about a paradox.
ASKS_PARADOX = "paradox"
ASKS_MADE_GOOD = "made good"
ASKS_FAILED_RECOVERY = "failed recovery"
ASKS_SILENT = "silent"
ASKS_ANSWER = "answer"
TOPICS = (
    ASKS_PARADOX, ASKS_MADE_GOOD, ASKS_FAILED_RECOVERY, ASKS_SILENT, ASKS_ANSWER,
)  # fmt: skip
DIRECTIONS = ("high", "low", "")

BETTER_OFF, WORSE_OFF = "better off", "worse off"
NOT_BETTER_OFF, NOT_WORSE_OFF = "not better off", "not worse off"
READINGS = {
    "high": {
        HIGHER: BETTER_OFF, LOWER: WORSE_OFF,
        NOT_HIGHER: NOT_BETTER_OFF, NOT_LOWER: NOT_WORSE_OFF,
    },
    "low": {
        LOWER: BETTER_OFF, HIGHER: WORSE_OFF,
        NOT_LOWER: NOT_BETTER_OFF, NOT_HIGHER: NOT_WORSE_OFF,
    },
    "": {},
}  # fmt: skip
VERDICTS_OF_PARADOX = {
    BETTER_OFF: PARADOX, WORSE_OFF: NO_PARADOX,
    NOT_BETTER_OFF: NO_PARADOX, NOT_WORSE_OFF: CANNOT_TELL,
}  # fmt: skip
SURE = (HIGHER, LOWER, BETTER_OFF, WORSE_OFF)
# What a question's own answer begins with, by what is found.
BEGINNINGS = {
    ASKS_PARADOX: {
        BETTER_OFF: "a paradox: ", WORSE_OFF: "no paradox: ",
        NOT_BETTER_OFF: "no paradox: ",
        NOT_WORSE_OFF: "these data cannot tell a paradox from none: ",
    },
    ASKS_MADE_GOOD: {
        **dict.fromkeys(SURE, "whether it was made good matters: "),
        NO_DIFFERENCE: "whether it was made good matters little: ",
    },
    ASKS_FAILED_RECOVERY: {
        WORSE_OFF: "yes: ", BETTER_OFF: "no: ", NOT_WORSE_OFF: "no: ",
    },
    ASKS_SILENT: {},
    ASKS_ANSWER: {},
}  # fmt: skip
# Of answers to complaints: where it lies, and then which way that is.
WHICH_IS = {BETTER_OFF: ", which is better", WORSE_OFF: ", which is worse"}
NOBODY_SAYS = "; whether that is better, the mapping does not say"


@dataclass(frozen=True, slots=True)
class Wording:
    """What may be said of one difference.

    Attributes
    ----------
    verdict : str
        In a word, for tables: ``paradox``, ``no paradox``, ``no difference worth
        naming`` and ``cannot tell`` where a paradox is asked for and a direction is
        known; else ``higher``, ``lower``, ``not higher``, ``not lower``, ``no
        difference worth naming`` and ``cannot tell``.
    reading : str
        ``better off``, ``worse off``, ``not better off`` or ``not worse off``; empty
        where neither can be said, or nobody said which way is better.
    answer : str
        The answer to the question, in words of that question.
    """

    verdict: str
    reading: str
    answer: str


def word_verdict(
    topic: str, ci_low: float, ci_high: float, bounds: Bounds, better: str
) -> Wording:
    """Word what an interval says to a question.

    Parameters
    ----------
    topic : str
        What is asked, one of `TOPICS`.
    ci_low, ci_high : float
        Confidence limits of treated minus control, never turned round; NaN if none.
    bounds : Bounds
        Differences from `low` to `high`, both included, are not worth naming.
    better : str
        Which way the outcome is better, ``high`` or ``low``; empty if nobody said.

    Returns
    -------
    Wording

    Raises
    ------
    ValueError
        If the topic or the direction is unknown.

    Examples
    --------
    >>> bounds = Bounds(-0.01, 0.01, "set by the caller")
    >>> word_verdict("answer", -0.24, -0.11, bounds, "low").answer
    'lower by more than is worth naming, which is better'
    >>> word_verdict("paradox", -0.24, -0.11, bounds, "").verdict
    'lower'
    """
    if topic not in TOPICS or better not in DIRECTIONS:
        raise ValueError(
            f"a verdict is on one of {list(TOPICS)}, better one of "
            f"{list(DIRECTIONS)}; got {topic!r} and {better!r}."
        )
    place = place_interval(ci_low, ci_high, bounds)
    reading = READINGS[better].get(place, "")
    verdict = place
    if topic == ASKS_PARADOX and better:
        verdict = VERDICTS_OF_PARADOX.get(reading, place)
    return Wording(verdict, reading, say_answer(topic, place, reading, better))


def say_answer(topic: str, place: str, reading: str, better: str) -> str:
    """Return the answer to a question, from where the interval lies and what it is."""
    found = place if topic == ASKS_ANSWER or not reading else reading
    begin = BEGINNINGS[topic].get(found, "")
    if place == CANNOT_TELL:
        return f"{begin}these data cannot tell"
    if place == NO_DIFFERENCE:
        return f"{begin}no difference worth naming, either way"
    # Where less is better both are said, so that a minus before it is no surprise.
    both = f", that is {place}," if better == "low" and found == reading else ""
    much = "by more than is" if found in SURE else "by anything"
    end = WHICH_IS.get(reading, "") if topic == ASKS_ANSWER else ""
    end = end or (NOBODY_SAYS if not better and found in SURE else "")
    return f"{begin}{found}{both} {much} worth naming{end}"
