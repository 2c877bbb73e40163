"""An explanation by names: as a JSON document and as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mkg4rec.evaluation.significance import CONFIDENCE, Comparison
from mkg4rec.explanation.explanation import Explanation, Fact, HistoryItem, Step
from mkg4rec.explanation.faithfulness import Faithfulness
from mkg4rec.report.case_study import shown_name

Document = dict[str, Any]
"""What becomes JSON; docs/explanations.md says what stands in it."""

INTERACTS = "interacts"

FREE_USERS = (
    "no message reaches the user: its vector was learned from what it took, and now no item of its history has a part in the score. "
    "So the edges from the user bring nothing, and paths say by what the item is linked to the history."
)
"""Of a model whose users are no nodes that hear."""


@dataclass(frozen=True)
class Names:
    """How readers know nodes and relations.

    Attributes:
        users, items: published identifiers by index.
        entities: identifiers by index, items first.
        titles: what each entity is called, None where only its identifier is known.
        relations: of the model's graph but interactions, by index.
    """

    users: Sequence[int | str]
    items: Sequence[int | str]
    entities: Sequence[str]
    titles: Sequence[str | None]
    relations: Sequence[str]

    def node(self, node: int, num_entities: int) -> Document:
        """A node of a collaborative graph with so many entities."""
        if node >= num_entities:
            user = self.users[node - num_entities]
            return {"kind": "user", "id": user, "name": f"user {user}"}
        if node < len(self.items):
            return {"kind": "item", "id": self.items[node], "name": self.titles[node] or str(self.items[node])}
        return {"kind": "entity", "id": self.entities[node], "name": self.titles[node] or self.entities[node]}

    def relation(self, relation: int) -> str:
        """Of a collaborative graph, where 0 is an interaction."""
        return self.relations[relation - 1] if relation else INTERACTS


def describe(explanation: Explanation, names: Names, num_entities: int, dataset: str, model: str) -> Document:
    """The explanation as docs/explanations.md documents it; `num_entities` is that of the model's graph."""

    def edge(step: Step) -> Document:
        weights = {"attention_to_user": step.to_user, "attention_to_item": step.to_item}
        return {"relation": names.relation(step.relation), "inverse": step.inverse, **weights}

    def path(steps: Sequence[Step]) -> Document:
        nodes = [steps[0].head, *(step.tail for step in steps)]
        return {"nodes": [names.node(node, num_entities) for node in nodes], "edges": [edge(step) for step in steps]}

    def taken(item: HistoryItem) -> Document:
        links = {} if item.linked is None else {"strength_of_links": item.linked}
        return names.node(item.item, num_entities) | {"attention": item.attention, "score_drop": item.drop} | links

    def apart(fact: Fact) -> Document:
        return {"strength": fact.strength, "node": names.node(fact.step.head, num_entities)} | edge(fact.step)

    free_users = {} if explanation.users_hear else {"facts_apart": [apart(fact) for fact in explanation.apart]}
    return {
        "dataset": dataset,
        "model": model,
        "remarks": [] if explanation.users_hear else [FREE_USERS],
        "user": names.node(num_entities + explanation.user, num_entities),
        "item": names.node(explanation.item, num_entities),
        "score": explanation.score,
        "in_train": explanation.in_train,
        "paths": [{"strength": found.strength, "attention": found.attention} | path(found.steps) for found in explanation.paths],
        "score_drop_without_paths": explanation.drop,
        "modalities": explanation.modalities,
        "history": [taken(item) for item in explanation.history],
        "history_considered": explanation.considered,
        "history_length": explanation.taken,
        **free_users,
    }


@dataclass(frozen=True)
class MemberShare:
    """What a member of a blend says of a pair.

    Attributes:
        weight: of the member in the blend.
        standard_score: its score of the pair, less the mean over what the user did not take, by the deviation over it.
    """

    name: str
    weight: float
    standard_score: float

    @property
    def part(self) -> float:
        """What it adds to the blend's score."""
        return self.weight * self.standard_score


def of_blend(document: Document, shares: Sequence[MemberShare], explained: str) -> Document:
    """The explanation of the member `explained` as that of the blend, whose score it is a part of."""
    own, score = next(share for share in shares if share.name == explained), sum(share.part for share in shares)
    others = ", ".join(f"{share.name} (weight {share.weight:g}, {share.part:+.4f})" for share in shares if share is not own)
    remark = (
        f"a blend: {explained} has the weight {own.weight:g} in it and brings {own.part:+.4f} of the score. Paths, modalities and history "
        f"explain that part alone, on the scale of its own score, {document['score']:.4f}; the rest is what {others} say."
    )
    if not own.weight:
        remark += f" With the weight 0 nothing of what follows is a reason for the blend's score, only for that of {explained}."
    members = [
        {"model": share.name, "weight": share.weight, "standard_score": share.standard_score, "part": share.part} for share in shares
    ]
    blend = {"explained_member": explained, "member_score": document["score"], "members": members}
    return document | {"score": score, "remarks": [remark, *document["remarks"]], "blend": blend}


def as_text(document: Document, shown_history: int = 10) -> str:
    """The document for a terminal, the first items of the history only."""
    lines = [f"{document['model']} gives {document['user']['name']} {title(document['item'])} the score {document['score']:.4f}"]
    if document["in_train"]:
        lines.append("the user took the item in train, so that the graph joins the two")
    lines += document["remarks"]
    what = "them and the facts below" if document.get("facts_apart") else "them"
    lines.append(f"\nstrongest paths (the score falls by {document['score_drop_without_paths']:.4f} without {what})")
    paths = [f"  {path['strength']:+.4f}  {_chain(path)}  (attention {path['attention']:.2e})" for path in document["paths"]]
    lines += paths or [f"  {no_path(document)}"]
    if document.get("facts_apart"):
        lines.append("\nfacts of the item that link it to nothing in the history")
        lines += [f"  {fact['strength']:+.4f}  {_chain(fact_as_path(fact, document['item']))}" for fact in document["facts_apart"]]
    lines.append("\nshare of each modality")
    lines += [f"  {share:.3f}  {shown_name(name)}" for name, share in document["modalities"].items()] or ["  the model reads none"]
    return "\n".join([*lines, *_history_as_text(document, shown_history)])


def _history_as_text(document: Document, shown: int) -> list[str]:
    history = document["history"]
    counts = f"({document['history_considered']} of {document['history_length']}"
    if "facts_apart" in document:
        lines = [f"\nhistory: the score falls by nothing without an item; what its links to {document['item']['name']} bring {counts})"]
        return lines + [f"  {item['strength_of_links']:+.4f}  {title(item)}" for item in history[:shown]]
    lines = [f"\nhistory: by how much the score falls without an item {counts}, by attention)"]
    return lines + [f"  {item['score_drop']:+.4f}  {title(item)}  (attention {item['attention']:.3f})" for item in history[:shown]]


def no_path(document: Document) -> str:
    """What is said where there is none."""
    return "no path of up to 3 edges" + (" that speaks for the item" if "facts_apart" in document else "")


def fact_as_path(fact: Document, item: Document) -> Document:
    """A path of one edge from the fact's node to the item."""
    return {"nodes": [fact["node"], item], "edges": [fact]}


def title(node: Mapping[str, Any]) -> str:
    """Name and identifier of an item."""
    return f"{node['name']} [{node['id']}]"


def _chain(path: Document) -> str:
    text = str(path["nodes"][0]["name"])
    for edge, node in zip(path["edges"], path["nodes"][1:], strict=True):
        label = f"{edge['relation']} {edge['attention_to_user']:.3f}|{edge['attention_to_item']:.3f}"
        text += f" ←{label}— {node['name']}" if edge["inverse"] else f" —{label}→ {node['name']}"
    return text


def describe_faithfulness(measured: Faithfulness, dataset: str, model: str, num_paths: int, seed: int) -> Document:
    """What was measured over the pairs, as docs/explanations.md documents it."""

    def against(drops: float, comparison: Comparison, larger: float) -> Document:
        interval = {"low": comparison.low, "high": comparison.high, "p_value": comparison.p_value}
        return {"score_drop": drops, "difference": comparison.difference, **interval, "explained_drops_more": larger}

    return {
        "dataset": dataset,
        "model": model,
        "pairs": len(measured.explained),
        "seed": seed,
        "paths": num_paths,
        "links_removed": measured.links,
        "score_drop_explained": float(measured.explained.mean()),
        "random": against(float(measured.random.mean()), measured.against_random(), float((measured.explained > measured.random).mean())),
        "matched": against(
            float(measured.matched.mean()), measured.against_matched(), float((measured.explained > measured.matched).mean())
        ),
    }


def faithfulness_as_text(document: Document) -> str:
    """The table for a terminal."""
    name, member = document["model"], document.get("explained_member")
    name = f"{name}, its member {member}," if member else name
    lines = [
        f"{name} on {document['dataset']}: {document['pairs']} pairs of a user and a recommended item, "
        f"{document['links_removed']:.1f} links removed of each",
        f"score falls by {document['score_drop_explained']:.4f} without the explained links, and without as many drawn",
        f"{'':10}{'score drop':>12}{'difference':>12}{f'{CONFIDENCE:.0%} interval':>22}{'p (Wilcoxon)':>14}{'explained more':>16}",
    ]
    for kind in ("random", "matched"):
        row = document[kind]
        interval = f"{row['low']:.4f} – {row['high']:.4f}"
        numbers = (
            f"{row['score_drop']:12.4f}{row['difference']:12.4f}{interval:>22}{row['p_value']:14.1e}{row['explained_drops_more']:16.1%}"
        )
        lines.append(f"{kind:10}{numbers}")
    return "\n".join(lines)
