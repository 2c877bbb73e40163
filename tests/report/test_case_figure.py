from pathlib import Path

import pytest
from PIL import Image

from mkg4rec.report.case_figure import draw_case
from mkg4rec.report.case_study import AttendedItem, Case
from tests.report.synthetic import poster

BLUE, ORANGE, GREEN, HIT = (0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00), (0x00, 0x9E, 0x73), (0x0A, 0x7F, 0x5A)
RED = poster("#ff0000")


def case(shares: dict[str, float], count: int = 10, hit: bool = False, image: bytes | None = None, title: str = "Heat (1995)") -> Case:
    return Case(53, [AttendedItem(rank, title, hit, shares, image) for rank in range(1, count + 1)])


def pixels(path: Path, shown: Case) -> dict[tuple[int, ...], int]:
    """Every colour of the figure, and how many pixels have it."""
    draw_case(shown, "multi_kg4rec", path)
    with Image.open(path) as picture:
        return {colour: count for count, colour in picture.convert("RGB").getcolors(1 << 24) or []}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("shares", "colours"),
    [
        ({"text": 1.0}, [BLUE]),
        ({"visual": 0.5, "text": 0.5}, [BLUE, ORANGE]),
        ({"visual": 0.2, "text": 0.3, "pages": 0.5}, [BLUE, ORANGE, GREEN]),
    ],
)
def test_every_modality_has_a_bar_in_its_colour(tmp_path: Path, shares: dict[str, float], colours: list[tuple[int, ...]]) -> None:
    drawn = pixels(tmp_path / "case.png", case(shares))

    assert [colour in drawn for colour in (BLUE, ORANGE, GREEN)] == [colour in colours for colour in (BLUE, ORANGE, GREEN)]


def test_a_bar_is_as_long_as_its_share(tmp_path: Path) -> None:
    drawn = pixels(tmp_path / "case.png", case({"visual": 0.2, "text": 0.8}))

    assert drawn[ORANGE] / drawn[BLUE] == pytest.approx(4, rel=0.1)


def test_hits_are_marked_and_posters_shown(tmp_path: Path) -> None:
    bare = pixels(tmp_path / "bare.png", case({"text": 1.0}))
    full = pixels(tmp_path / "full.png", case({"text": 1.0}, hit=True, image=RED))

    red = {colour for colour in full if colour[0] > 250 and max(colour[1:]) < 5}
    assert HIT in full
    assert HIT not in bare
    assert sum(full[colour] for colour in red) > 400_000
    assert not red & set(bare)


def test_rows_of_five_make_the_figure_as_high_as_needed(tmp_path: Path) -> None:
    heights = []
    for count in (1, 5, 6, 10, 11):
        draw_case(case({"text": 1.0}, count), "multi_kg4rec", tmp_path / "case.png")
        with Image.open(tmp_path / "case.png") as picture:
            heights.append(picture.height)

    assert heights[0] == heights[1] < heights[2] == heights[3] < heights[4]


@pytest.mark.parametrize("title", ["", "Of $_^$ alone (2001)", "x" * 300, "word " * 80, "龍 <b> & \\ _^{"])
@pytest.mark.filterwarnings("ignore:Glyph .* missing")
def test_every_title_can_be_drawn(tmp_path: Path, title: str) -> None:
    assert BLUE in pixels(tmp_path / "case.png", case({"text": 1.0}, 2, title=title))


def test_the_same_case_gives_the_same_picture(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        draw_case(case({"visual": 0.4, "text": 0.6}, hit=True, image=RED), "multi_kg4rec", tmp_path / name)

    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
