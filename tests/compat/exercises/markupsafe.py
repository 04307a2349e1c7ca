"""Escapes text."""

from markupsafe import Markup, escape

MADE_WITH = "C"
DISTRIBUTION = "MarkupSafe"


def exercise() -> object:
    return (
        str(escape("<a href='x'>&\"ž</a>" * 20)),
        str(Markup("<b>%s</b>") % "<i>"),
        escape(Markup("<b>")) == "<b>",
    )
