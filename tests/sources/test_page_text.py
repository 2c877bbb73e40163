import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.sources.page_text import page_text

ARTICLE = """<!DOCTYPE html><html><head><title>Gigi</title><script>var x = "<p>no</p>";</script><style>p {}</style></head><body>
<nav><a href="/">Main page</a></nav><div id="mw-content-text"><table class="infobox"><tr><td>Director</td></tr></table>
<p><i><b>Gigi</b></i> (<small>French pronunciation: <span class="IPA">[ʒiʒi]</span></small>) is a 1958 film.<sup class="reference"><a
href="#cite">[1]</a></sup> It won nine<br>awards.</p><h2>Plot
<span class="mw-editsection">[edit]</span></h2><ul><li>One</li><li>Two</li></ul>
<div class="navbox">Films of 1958</div></div><footer>Privacy</footer></body></html>"""


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (ARTICLE, "Gigi is a 1958 film. It won nine awards. Plot One Two"),
        ("Plain text, as it\n\nis  written.", "Plain text, as it is written."),
        ("1 < 2 & 3 > 2, says R&D at AT&T", "1 < 2 & 3 > 2, says R&D at AT&T"),
        ("An &eacute;clair&nbsp;&amp; a <b>D</b>rama", "An éclair & a Drama"),
        ("&amp;lt;b&amp;gt;deep&amp;lt;/b&amp;gt;", "deep"),
        (
            "It won.[12] It lost.[a][note 3][citation needed] \u201c[a] film\u201d of [2019] [sic]",
            "It won. It lost. “[a] film” of [2019] [sic]",
        ),
        ("Gigi (French pronunciation: \u200b[ʒiʒi]) is", "Gigi is"),
        (
            "'''Haine''' ({{lang-fr|Haine}}, {{lang|ja|憎}}) is a [[drama film|drama]] by [[X]]<ref name=a/>.<ref>Y</ref>{{A|b={{c}}}}",
            "Haine (Haine, 憎) is a drama by X.",
        ),
        ("== Plot ==\n* one\n* two\n[[File:a.jpg|thumb]] [https://x.org site]", "Plot one two site"),
        ("cafe\u0301 soft\u00adhyphen zero\u200bwidth \ufeffmark", "café softhyphen zerowidth mark"),
        ("half \ud800 a pair, bell\x07", "half a pair, bell"),
        ("<table><tr><td>A page laid out</td><td>in a table</td></tr></table>", "A page laid out in a table"),
        ("<p>never closed <b>at all", "never closed at all"),
        ("", ""),
        ("<script>alert(1)</script>", ""),
    ],
)
def test_what_is_left(page: str, text: str) -> None:
    assert page_text(page) == text


TAGS = ("<", ">", "<b>", "</b>", "<p", "<script>", "<!--", "-->", "<ref>", "</ref>", "<ref/>")
ENTITIES = ("&", "&amp;", "&lt;", "&#60;", "lt;")
WIKITEXT = ("[", "]", "[1]", "[[", "]]", "{{", "}}", "|", "''", "==", "* ", "\n", "https://a ", "(", ")", "pronunciation: ")
LETTERS = (" ", "a", "é", "e\u0301", "\u00ad", "\ud800")
FRAGMENTS = st.sampled_from((*TAGS, *ENTITIES, *WIKITEXT, *LETTERS))


@given(st.lists(FRAGMENTS | st.text(st.characters(exclude_categories=[]), max_size=3), max_size=30).map("".join))
def test_whatever_the_page_its_text_is_plain_and_stays_as_it_is(page: str) -> None:
    text = page_text(page)
    assert page_text(text) == text
    assert text == " ".join(text.split())
    assert unicodedata.is_normalized("NFC", text)
    text.encode()
    assert not any(mark in text for mark in ("<b>", "</b>", "<script>", "<!--", "&amp;", "&lt;", "[1]", "''"))


@pytest.mark.parametrize(
    "part", ["<div>", "<nav>", "&amp;", "{{", "[[a", "<", "(pronunciation: ", "<p>", "<table><tr><td>", "<a href=x>", "''"]
)
def test_absurd_pages_are_done_soon(part: str) -> None:
    page = f"{part * 20_000}x"
    begin = time.monotonic()
    text = page_text(page)
    assert page_text(text) == text
    assert time.monotonic() - begin < 20
