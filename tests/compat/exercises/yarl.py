"""Builds, joins and quotes URLs."""

import multidict
import yarl

MADE_WITH = "Cython"
DISTRIBUTION = "yarl"


def exercise() -> object:
    url = yarl.URL("https://ü.example.org:8080/a b/c?x=1&x=2#f") / "d"
    headers = multidict.CIMultiDict([("Accept", "a"), ("ACCEPT", "b")])
    return (
        str(url),
        url.host,
        str(url.update_query(y="ž").join(yarl.URL("../z"))),
        headers.getall("accept"),
    )
