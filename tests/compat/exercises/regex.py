"""Matches with recursion, fuzziness, named lists and possessive quantifiers."""

import regex

MADE_WITH = "C"
DISTRIBUTION = "regex"


def exercise() -> object:
    nested = regex.compile(r"\((?:[^()]|(?R))*\)")
    return (
        nested.findall("f(a(b)c) + g(x) (open"),
        regex.search(r"(?:hello world){e<=2}", "say helo wrld now").group(),
        regex.findall(r"\L<words>", "the cat sat on a mat", words=["cat", "mat"]),
        regex.sub(r"\p{Lu}++(?=\d)", lambda m: m.group().lower(), "ABC1 DEF GH2"),
        regex.fullmatch(r"(?P<y>\d{4})-(?P<m>\d\d)", "2024-05").capturesdict(),
    )
