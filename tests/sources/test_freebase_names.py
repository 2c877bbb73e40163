"""Which name an entity gets, and how its text is unescaped."""

from random import Random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.sources.freebase_names import NameStore, unescape

LITERALS = ('"Night"@en', '"Nacht"@de', '"Nuit"@fr', '"Dusk"@en', '"Noche"@es-419', '"plain"', '""@en', '"A\\u00e9 \\"b\\""@en')


@pytest.mark.parametrize(
    ("literals", "name"),
    [
        (['"Nacht"@de', '"Night"@en', '"Aften"@da'], "Night"),
        (['"Nuit"@fr', '"Nacht"@de', '"Noc"@cs'], "Noc"),
        (['"Night"@en', '"Dusk"@en', '"Night"@en'], "Dusk"),
        (['"Nacht"@de', '"Night"@en-GB'], "Nacht"),
        (['""@en', '"Nacht"@de'], "Nacht"),
        (['""@en'], None),
        (['"two\nlines"@en'], "two\nlines"),
        ([r'"say \"@de\" twice"@en'], 'say "@de" twice'),
        (['"東京"@ja'], "東京"),
    ],
)
def test_english_comes_first_then_the_alphabet(literals: list[str], name: str | None) -> None:
    for order in (literals, literals[::-1]):
        with NameStore() as names:
            for literal in order:
                names.add(*_columns([("m.0a", literal)]))
            assert names.names_of(pa.array(["m.0a"])).to_pylist() == [name]


@given(
    st.lists(st.tuples(st.sampled_from(["m.0a", "m.0b", "g.1c"]), st.sampled_from(LITERALS)), max_size=12),
    st.randoms(use_true_random=False),
)
def test_names_do_not_depend_on_order_or_batches(rows: list[tuple[str, str]], random: Random) -> None:
    wanted = pa.array(["m.0b", "m.0z", "m.0a", "m.0b"])
    with NameStore() as names:
        names.add(*_columns(rows))
        expected = names.names_of(wanted).to_pylist()
    random.shuffle(rows)
    with NameStore() as names:
        for row in rows:
            names.add(*_columns([row]))
        found = names.names_of(wanted).to_pylist()
    assert found == expected
    assert found[0] == found[3]
    assert found[1] is None
    assert (found[2] is None) == all(entity != "m.0a" or literal == '""@en' for entity, literal in rows)


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\t\b\n\r\f\"\'\\", "\t\b\n\r\f\"'\\"),
        (r"caf\u00E9 \U0001F3AC", "café 🎬"),
        (r"\uD83C\uDFAC", "🎬"),
        (r"\uD83C!", "\N{REPLACEMENT CHARACTER}!"),
        (r"\U00110000", "\N{REPLACEMENT CHARACTER}"),
        (r"\\u00e9", r"\u00e9"),
        (r"\q \u12", r"\q \u12"),
    ],
)
def test_escapes_of_n_triples(escaped: str, text: str) -> None:
    assert unescape(escaped) == text


@given(st.text())
def test_unescape_undoes_escaping(text: str) -> None:
    escaped = "".join(f"\\U{ord(character):08x}" if character in '"\\\n\r' else character for character in text)
    assert unescape(escaped) == text


def _columns(rows: list[tuple[str, str]]) -> list[pa.ChunkedArray]:
    return [pa.chunked_array([[row[part] for row in rows]], pa.string()) for part in (0, 1)]
