"""Parses requests and URLs."""

import httptools

MADE_WITH = "Cython"
DISTRIBUTION = "httptools"


class _Events:
    def __init__(self) -> None:
        self.events: list[object] = []

    def on_url(self, url: bytes) -> None:
        self.events.append(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.events.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.events.append(body)

    def on_message_complete(self) -> None:
        self.events.append("complete")


def exercise() -> object:
    events = _Events()
    parser = httptools.HttpRequestParser(events)
    parser.feed_data(b"POST /a?b=c HTTP/1.1\r\nHost: sesha\r\nContent-")
    parser.feed_data(b"Length: 5\r\n\r\nhello")
    url = httptools.parse_url(b"https://user@example.org:81/path?query#part")
    try:
        httptools.HttpRequestParser(_Events()).feed_data(b"NONSENSE\r\n\r\n")
    except httptools.HttpParserError as error:
        failure = type(error).__name__
    return events.events, parser.get_method(), (url.host, url.port, url.path, url.query), failure
