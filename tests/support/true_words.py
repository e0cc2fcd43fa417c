"""What may be said of an interval, from the definition of each word alone."""

import math

POSITIONS = ("higher", "lower")
READINGS = ("better off", "worse off")


def allowed_words(low, high, bounds, better):
    """Say from the definition what is true of every value in an interval."""
    if math.isnan(low) or math.isnan(high):
        return set()
    true = set()
    if low > bounds.high:
        true.add("higher")
    if high < bounds.low:
        true.add("lower")
    if high <= bounds.high:
        true.add("not higher")
    if low >= bounds.low:
        true.add("not lower")
    turned = {"high": ("higher", "lower"), "low": ("lower", "higher")}.get(better)
    if turned:
        names = dict(zip(turned, ("better off", "worse off"), strict=True))
        for word in list(true):
            bare = word.removeprefix("not ")
            true.add(word.replace(bare, names[bare]))
    return true


def untrue_words(said, true):
    """Return the words of a sentence that are not true of the whole interval."""
    said = f" {said}"
    wrong = []
    for word in (*POSITIONS, *READINGS):
        if f" not {word}" in said:
            wrong += [f"not {word}"] if f"not {word}" not in true else []
        elif f" {word}" in said and word not in true:
            wrong.append(word)
    for end, word in (
        ("which is better", "better off"),
        ("which is worse", "worse off"),
    ):
        if end in said and word not in true:
            wrong.append(end)
    return wrong
