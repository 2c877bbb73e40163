"""Writing a world as the real sources publish theirs, to the letter, laid out by public address.

Followed: MovieLens-1M (https://files.grouplens.org/datasets/movielens/ml-1m-README.txt), KB4Rec's linkage
(https://github.com/RUCDM/KB4Rec), the poster list of https://github.com/antonsteenvoorden/ml1m-images, the extra
information of https://github.com/hoyeoplee/MeLU, and Freebase's dump (`mkg4rec.sources.synthetic.dump`).
"""

import hashlib
import io
import unicodedata
import zipfile
from collections import defaultdict
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import numpy as np

from mkg4rec.dataset_params import Sources
from mkg4rec.download.addresses import Mirror, companion_of, published_name
from mkg4rec.errors import PipelineError
from mkg4rec.progress import progress
from mkg4rec.sources.synthetic.dump import freebase_dump
from mkg4rec.sources.synthetic.identifiers import Length, draw_mids
from mkg4rec.sources.synthetic.pages import page_list
from mkg4rec.sources.synthetic.posters import draw_poster
from mkg4rec.sources.synthetic.world import Film, PosterState, World

REPEATED_RATINGS = 7
"""Lines of ratings.dat that stand there twice."""

FOREIGN_LINKS = 0.2
"""Links of films that are in no rating, for each that is: KB4Rec links the larger MovieLens-20M."""

UNDESCRIBED = 0.25
"""Share of the films without a plot that have no line of extra information at all."""

_README = """\
SUMMARY
================================================================================

These files contain {ratings} ratings of {films} films made by {viewers} users.
Films, users and ratings are invented; the files have the form of MovieLens-1M.

RATINGS FILE DESCRIPTION
================================================================================

All ratings are contained in the file "ratings.dat" and are in the
following format:

UserID::MovieID::Rating::Timestamp
"""

_WEB_PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><p>Please sign in to see this poster.</p></body></html>\n"


def publish(world: World, sources: Sources, folder: Path) -> None:
    """Write every file that `sources` names, and the posters, to `folder`/HOST/PATH of its address.

    The bytes are a function of the world and the addresses alone.

    Raises:
        PipelineError: an address that no mirror can have.
    """
    archive = _ratings_archive(world, PurePosixPath(published_name(sources.ratings.address)).stem)
    checksum = hashlib.md5(archive, usedforsecurity=False).hexdigest()
    _place(folder, sources.ratings.address, archive)
    _place(folder, companion_of(sources.ratings.address), f"{checksum}  {published_name(sources.ratings.address)}\n".encode())
    _place(folder, sources.links.address, _links(world))
    addresses = poster_addresses(world, sources.file("posters").address)
    _place(folder, sources.file("posters").address, _poster_list(world, addresses))
    _place(folder, sources.file("descriptions").address, _extra_information(world, addresses))
    if sources.pages:
        _place(folder, sources.pages.address, page_list(world))
    _place(folder, sources.file("dump").address, freebase_dump(world))
    for film in progress(world.films, "posters", unit="poster"):
        content = _poster(film, world.seed)
        if content is not None:
            _place(folder, addresses[film.movie_id], content)


def poster_addresses(world: World, list_address: str) -> dict[int, str]:
    """The address of every listed poster by movie_id, on a host of its own beside that of the list."""
    host = f"https://posters.{urlsplit(list_address).hostname}"
    return {film.movie_id: f"{host}/{_slug(film)}.jpg" for film in world.films if film.poster is not PosterState.UNLISTED}


def movielens_title(title: str) -> str:
    """The title with its article behind: "Contender, The"."""
    for article in ("The", "A", "An"):
        if title.startswith(f"{article} "):
            return f"{title[len(article) + 1 :]}, {article}"
    return title


def _place(folder: Path, address: str, content: bytes) -> None:
    path = Mirror(folder).locate(address)
    if not (isinstance(path, Path) and path.is_relative_to(folder)):
        raise PipelineError(f"{address}: a synthetic data set is published at http or https addresses; correct it in params.yaml.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _ratings_archive(world: World, name: str) -> bytes:
    rng = np.random.default_rng([world.seed, 3])
    ratings = [f"{rating.user_id}::{rating.movie_id}::{rating.rating}::{rating.timestamp}\n" for rating in world.ratings]
    for position in sorted(rng.choice(len(ratings), size=REPEATED_RATINGS, replace=False), reverse=True):
        ratings.insert(int(position) + 1, ratings[int(position)])
    movies = [f"{film.movie_id}::{movielens_title(film.title)} ({film.year})::{'|'.join(film.genres)}\n" for film in world.films]
    users = [f"{user.user_id}::{user.gender}::{user.age}::{user.occupation}::{user.zip_code}\n" for user in world.viewers]
    readme = _README.format(ratings=len(ratings), films=len(movies), viewers=len(users))

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file, lines in {"README": [readme], "movies.dat": movies, "ratings.dat": ratings, "users.dat": users}.items():
            entry = zipfile.ZipInfo(f"{name}/{file}")  # dated 1980, whenever it is made
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, "".join(lines).encode("latin-1"), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _links(world: World) -> bytes:
    linked = [(film.movie_id, film.entity) for film in world.films if film.linked]
    first_foreign = 10 * world.films[-1].movie_id
    foreign = draw_mids(round(FOREIGN_LINKS * len(linked)), Length.BYSTANDER, np.random.default_rng([world.seed, 4]))
    rows = linked + [(first_foreign + 2 * index, mid) for index, mid in enumerate(foreign)]
    return "".join(f"{movie_id}\t{mid}\r\n" for movie_id, mid in rows).encode()


def _poster_list(world: World, addresses: dict[int, str]) -> bytes:
    order = np.random.default_rng([world.seed, 5]).permutation(len(world.films))
    listed = [world.films[index].movie_id for index in order if world.films[index].movie_id in addresses]
    return "".join(["item_id,image\n", *(f"{movie_id},{addresses[movie_id]}\n" for movie_id in listed)]).encode()


def _extra_information(world: World, addresses: dict[int, str]) -> bytes:
    """MeLU's eleven fields: id, title, year, rating, date, genres, director, writer, actors, plot, poster."""
    rng = np.random.default_rng([world.seed, 6])
    names = {entity.mid: entity.name for entity in world.entities}
    credited: dict[tuple[str, str], list[str]] = defaultdict(list)
    for fact in world.facts:
        if fact.tail in names:
            credited[fact.head, fact.relation].append(names[fact.tail])
    lines = []
    for film in world.films:
        month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[int(rng.integers(12))]
        fields = (
            str(film.movie_id),
            film.title,
            str(film.year),
            str(rng.choice(["G", "PG", "PG-13", "R", "UNRATED"])),
            f"{rng.integers(1, 29):02d} {month} {film.year}",
            ", ".join(film.genres),
            ", ".join(credited[film.entity, "film.film.directed_by"]) or "N/A",
            ", ".join(f"{name} (screenplay)" for name in credited[film.entity, "film.film.written_by"]) or "N/A",
            ", ".join(credited[film.entity, "film.film.actor"][:4]) or "N/A",
            film.plot or "N/A",
            addresses.get(film.movie_id, "N/A"),
        )
        if film.plot or rng.random() >= UNDESCRIBED:
            lines.append("::".join(fields) + "\r\n")
    return "".join(lines).encode()


def _poster(film: Film, seed: int) -> bytes | None:
    """What the film's poster address answers; nothing where it leads nowhere."""
    if film.poster in (PosterState.UNLISTED, PosterState.GONE):
        return None
    if film.poster is PosterState.WEB_PAGE:
        return _WEB_PAGE
    image = draw_poster(film.title, film.year, film.style, np.random.default_rng([seed, 7, film.movie_id]))
    return image[: len(image) // 2] if film.poster is PosterState.TRUNCATED else image


def _slug(film: Film) -> str:
    letters = unicodedata.normalize("NFKD", film.title.lower()).encode("ascii", "ignore").decode()
    words = "".join(letter if letter.isalnum() else " " for letter in letters.replace("'", "")).split()
    return "-".join([*words, str(film.year)])
