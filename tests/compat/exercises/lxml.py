"""Parses, queries, transforms and validates XML and HTML."""

from lxml import etree, html, objectify

MADE_WITH = "Cython"
DISTRIBUTION = "lxml"


STYLE = """<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/"><out><xsl:for-each select="//item"><i><xsl:value-of select="@n"/></i>
</xsl:for-each></out></xsl:template></xsl:stylesheet>"""
SCHEMA = """<element name="list" xmlns="http://relaxng.org/ns/structure/1.0"><oneOrMore>
<element name="item"><attribute name="n"/><text/></element></oneOrMore></element>"""


def exercise() -> object:
    tree = etree.fromstring(
        "<list>" + "".join(f'<item n="{k}">t{k}</item>' for k in range(20)) + "</list>"
    )
    functions = etree.FunctionNamespace("urn:sesha")
    functions["double"] = lambda _, n: n * 2
    try:
        etree.fromstring("<a><b></a>")
    except etree.XMLSyntaxError as error:
        failure = str(error)
    return (
        tree.xpath("sum(//item/@n)"),
        tree.xpath("s:double(21)", namespaces={"s": "urn:sesha"}),
        str(etree.XSLT(etree.fromstring(STYLE))(tree)),
        etree.RelaxNG(etree.fromstring(SCHEMA)).validate(tree),
        html.fromstring("<p>one<br>two <b>three").text_content(),
        objectify.fromstring("<a><b>5</b></a>").b + 1,
        etree.tostring(tree[3]),
        failure,
    )
