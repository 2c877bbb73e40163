"""A film world made from a seed, published in the formats of the real sources.

What is planted, so that a model can be asked whether it found it:

- Eight tastes (`world.TASTES`). Every film has one; a viewer has one or two, and meets films in proportion to
  affinity × activity × fame. Ratings rise with affinity.
- The graph explains the tastes of well-known films: their people, companies and subjects mostly belong to one taste.
  Genres are shared by two tastes, countries, languages and age ratings by all.
- Two films in five are rare, watched by a handful of viewers, most of them the curious ones. Their credits are
  few and mostly say nothing. What tells their taste is the poster's style, which leaves two tastes open, and the
  plot's topic, which leaves two others; together they name one.
- What an encyclopaedia has on a film, rare or not, names its taste, in words of the style's settings and of the topic.
- A rare film often lacks a poster or a plot, never both, and some posters fail as downloads do: no address, no such
  file, a web page instead, a file cut short.
"""

import numpy as np

from mkg4rec.dataset_params import Synthetic
from mkg4rec.sources.synthetic.audience import draw_ratings, draw_viewers, film_appeal
from mkg4rec.sources.synthetic.catalogue import draw_films
from mkg4rec.sources.synthetic.knowledge import draw_knowledge
from mkg4rec.sources.synthetic.publish import publish
from mkg4rec.sources.synthetic.world import World

__all__ = ["make_world", "publish"]


def make_world(sizes: Synthetic) -> World:
    """The world of `sizes.seed`.

    It has `sizes.items` films that KB4Rec links, and a few more that it does not; `sizes.interactions` ratings of 3 or
    more on the linked films; `sizes.entities` entities, these films included.
    """
    rng = np.random.default_rng([sizes.seed, 0])
    films = draw_films(sizes.items, sizes.users, sizes.interactions, rng)
    viewers = draw_viewers(sizes.users, rng)
    appeal = film_appeal(viewers, films)
    ratings = draw_ratings(viewers, films, appeal, rng)
    entities, facts = draw_knowledge(films, sizes.entities - sizes.items, np.random.default_rng([sizes.seed, 1]))
    return World(sizes.seed, films, viewers, ratings, entities, facts, appeal)
