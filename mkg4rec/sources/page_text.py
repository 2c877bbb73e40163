"""The plain text of a web page: what its author wrote of the matter, without markup, notes and navigation.

A page may be plain text, HTML or wikitext (https://www.mediawiki.org/wiki/Help:Formatting), or text that still has remains of either.
HTML is read by Lexbor (https://lexbor.com, through selectolax), which follows the HTML standard as browsers do, for damaged pages as well.
"""

import re
import unicodedata

from selectolax.lexbor import LexborHTMLParser

_MOST_PASSES = 8
"""Markup may be spelt within markup (`&amp;lt;b&amp;gt;`), each pass takes off a layer; deeper than this nobody means it."""

_MARKS = str.maketrans(dict.fromkeys("<>&[](){}=*", " ") | {"'": "’"})
"""What markup and notes begin with; where the passes have not been enough, it goes."""

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--|<![a-zA-Z]|<\?")
_ENTITY = re.compile(r"&(?:#[0-9]|#[xX][0-9a-fA-F]|[a-zA-Z])")
_ESCAPED_AMPERSANDS = re.compile(r"&(?:(?:amp|#0*38|#x0*26);)+", re.IGNORECASE)

_MAIN = ("#mw-content-text", "main", "article")
"""Where pages keep their matter, the best sign first."""

_BESIDE_THE_MATTER = ", ".join(
    (
        *("head", "script", "style", "noscript", "template", "svg", "math", "iframe", "object", "form", "button", "select", "textarea"),
        *("nav", "header", "footer", "aside", "[hidden]", "[role=navigation]", "[aria-hidden=true]", "ref", "sup.reference"),
        *(".mw-editsection", ".navbox", ".infobox", ".sidebar", ".hatnote", ".toc", "#toc", ".reflist", ".references", ".metadata"),
        *(".noprint", ".shortdescription", ".catlinks", ".printfooter", ".mw-jump-link", ".ext-phonos", ".IPA"),
    )
)
_BLOCKS = ", ".join(
    (
        *("p", "div", "br", "hr", "li", "ul", "ol", "dl", "dt", "dd", "tr", "td", "th", "table", "caption", "blockquote", "pre"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "main", "figure", "figcaption", "option", "title"),
    )
)
_NAME = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_ENDED_BY_WHAT_FOLLOWS = frozenset(("br", "hr", "img", "input", "link", "meta", "wbr", "p", "li", "dt", "dd", "tr", "td", "th", "option"))
_DEEPEST = 2000
"""Elements within each other; Lexbor's time grows with the square of them, and browsers stop at some 500."""
_SELF_CLOSED_NOTE = re.compile(r"<ref\b[^<>]*/>", re.IGNORECASE)

_WIKITEXT = (
    (
        re.compile(r"\{\{\s*(?:lang|transl)[^{}|]*(?:\|[^{}|=]*=[^{}|]*)*\|(?:[a-z]{2,3}(?:-[A-Za-z]+)?\|)?([^{}|]*)(?:\|[^{}]*)?\}\}"),
        r"\1",
    ),
    (re.compile(r"\{\{[^{}]*\}\}"), ""),
    (re.compile(r"\[\[(?:file|image|category):[^\[\]]*\]\]", re.IGNORECASE), ""),
    (re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]"), r"\1"),
    (re.compile(r"\[https?://[^\s\[\]]*\s*([^\[\]]*)\]"), r"\1"),
    (re.compile(r"^={2,6}([^=\n]+)={2,6}[ \t]*$", re.MULTILINE), r"\1"),
    (re.compile(r"^\*+[ \t]+", re.MULTILINE), ""),
    (re.compile(r"'{2,}"), ""),
)
_NOTES = (
    re.compile(r"\[(?:\d{1,3}|(?:note|nb|n) \d{1,3}|(?:citation|clarification) needed|(?:who|when|where|which|by whom)\?|edit)\]"),
    re.compile(r"(?<=[\w.,;:!?)”’\]])\[[a-z]\](?!\w)"),
    re.compile(r"\((?:[^()]{0,40} )?pronunciation: ?[^()]{0,120}\)|\(listen\)"),
    re.compile(r"\(\s*[;,]?\s*\)"),
)
_INVISIBLE = frozenset("\u00ad\u200b\u2060\ufeff")
"""Where a line may be broken, and marks of byte order."""


def page_text(page: str) -> str:
    """The text of `page` as one line: no markup, no scripts, navigation, footnote marks and pronunciations; NFC, single blanks.

    Applied to its own result, it changes nothing. It never fails, whatever `page` is.
    """
    text = _tidied(page)
    for _ in range(_MOST_PASSES):
        plain = _without_a_layer(text)
        if plain == text and (plain := _one_line(text)) == text:
            return text
        text = plain
    return _one_line(text.translate(_MARKS))


def _without_a_layer(text: str) -> str:
    """`text` without the outermost markup, lines kept."""
    text = _SELF_CLOSED_NOTE.sub("", _ESCAPED_AMPERSANDS.sub("&", text))
    if _TAG.search(text) or _ENTITY.search(text):
        text = _text_of_html(text)
    for pattern, replacement in _WIKITEXT:
        text = pattern.sub(replacement, text)
    for pattern in _NOTES:
        text = pattern.sub("", text)
    return _tidied(text)


def _text_of_html(text: str) -> str:
    """What a browser would show of the page's matter."""
    if _depth(text) > _DEEPEST:
        return _TAG.sub(" ", text)
    page = LexborHTMLParser(text)
    for node in page.css(_BESIDE_THE_MATTER):
        node.decompose()
    for node in page.css(_BLOCKS):
        node.insert_before("\n")
        node.insert_after("\n")
    for place in _MAIN:
        matter = page.css_first(place)
        if matter is not None and matter.text().strip():
            return matter.text()
    return page.body.text() if page.body is not None else ""


def _depth(text: str) -> int:
    """How many elements are open at most, those whose end needs no tag left aside."""
    depth = deepest = 0
    for closing, name in _NAME.findall(text):
        if name.lower() not in _ENDED_BY_WHAT_FOLLOWS:
            depth = max(depth - 1, 0) if closing else depth + 1
            deepest = max(deepest, depth)
    return deepest


def _tidied(text: str) -> str:
    """Without characters that nobody sees, composed; lines are kept."""
    seen = (character for character in text if character not in _INVISIBLE and (character in "\n\t" or _is_printable(character)))
    return unicodedata.normalize("NFC", "".join(seen))


def _is_printable(character: str) -> bool:
    # Cs: half of a surrogate pair, which JSON can spell and UTF-8 cannot.
    return character.isspace() or unicodedata.category(character) not in ("Cc", "Cs")


def _one_line(text: str) -> str:
    return " ".join(text.split())
