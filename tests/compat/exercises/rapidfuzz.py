"""Compares strings, one by one and in a matrix."""

from rapidfuzz import distance, fuzz, process

MADE_WITH = "Cython"
DISTRIBUTION = "RapidFuzz"


def exercise() -> object:
    words = ["new york jets", "new york giants", "dallas cowboys", "žluťoučký kůň"]
    return (
        [round(fuzz.WRatio("new york mets", word), 6) for word in words],
        process.extractOne("cowboy", words, scorer=fuzz.partial_ratio, processor=str.lower)[0],
        distance.Levenshtein.editops("kitten", "sitting").as_list(),
        process.cdist(words, words, workers=2).round(3).tolist(),
    )
