"""LightGCN with a frozen graph of items by content: embeddings smoothed over who has what, and over what is alike.

    h^(l) = (AᵀA)^l E,  h̄ = mean of h^(0) … h^(L)        A = D_U^−½ X D^−½
    w_u = n_u^−½ Σ_i x_ui n_i^−½ h̄_i,   score = w_u · (h̄_i + (S E)_i)

E [items, d] is all that is learnt. A layer goes from items to people and back. Instead of an embedding of their own,
people have that of their items (Wu et al. 2022, INMO, arXiv:2107.05247), so whoever has a history is folded in. S is
the mean over the nearest items by content, made once and frozen (Zhou, Shen 2023, FREEDOM, arXiv:2211.06924), so an
item that nobody has met has a place. The loss is the negative log-likelihood of a person's items among all (Liang et
al. 2018, arXiv:1802.05814), minimised by Adam over batches of people, half of whose items are hidden at random from
their own factor. Source of the graph: He et al. 2020, LightGCN, arXiv:2002.02126. Slow, so it stands in comparisons
only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mmrec.models.adam_mf import batches
from mmrec.models.histories import Histories
from mmrec.models.interface import Scores
from mmrec.models.side import SideInformation
from mmrec.models.solver import workers

if TYPE_CHECKING:
    import torch

EPOCHS = 60
BATCHES, MOST_PEOPLE = 8, 512  # batches of an epoch, at least; people of a batch, at most
RATE = 0.01  # of Adam at the start; it falls to 0 along a straight line
HIDDEN = 0.5  # of a person's items in a batch
NEIGHBOURS = 10  # by content
DEPTHS = (0, 1, 2)  # L
_COMPARED = 8_000_000  # cosines held at once, 32 MB


@dataclass(frozen=True)
class LightGcn:
    """`layers` is L. `content` [items, p] makes the frozen graph; None leaves it out."""

    layers: int
    content: np.ndarray | None = field(default=None, compare=False)
    width: int = 64
    epochs: int = EPOCHS
    seed: int = 0
    name: str = "LightGCN"

    @property
    def note(self) -> str:
        """The depth and what there is beside it."""
        frozen = "a frozen graph by content" if self.content is not None else "no content"
        return f"{self.layers} layers, d {self.width}, {self.epochs} epochs, {frozen}"

    def fit(self, histories: Histories, n_items: int) -> FittedGraph:
        """Embeddings by Adam, cold from a seeded start; the same numbers give the same on one machine."""
        import torch

        rng = np.random.default_rng(self.seed)
        graph = Graph.of(histories, n_items, self.content)
        E = torch.from_numpy(rng.normal(0, 0.1, (n_items, self.width)).astype(np.float32)).requires_grad_()
        size = max(1, min(MOST_PEOPLE, -(-len(histories) // BATCHES)))
        optimizer = torch.optim.Adam([E], lr=RATE)
        steps = self.epochs * -(-len(histories) // size)
        falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, max(1, steps))
        with workers():  # small products wait for each other's threads on a busy machine
            for people in batches(rng, len(histories), size, self.epochs):
                optimizer.zero_grad()
                own = histories.take(people)
                graph.loss(E, self.layers, own, rng.random(len(own.items)) < HIDDEN).backward()
                optimizer.step()
                falling.step()
            with torch.no_grad():
                smooth, items = graph.embeddings(E, self.layers)
        return FittedGraph(graph.per_item.numpy()[:, None] * smooth.double().numpy(), items.double().numpy())


@dataclass(frozen=True)
class Graph:
    """Who has what, as sparse matrices with n_u^−½ n_i^−½ in every cell, and the frozen graph of items."""

    to_people: torch.Tensor  # A, sparse float32 [people, items]
    to_items: torch.Tensor  # its transpose
    alike: torch.Tensor | None  # S, sparse float32 [items, items]
    per_item: torch.Tensor  # n_i^−½, float32 [items]; 0 where nobody has the item

    @classmethod
    def of(cls, histories: Histories, n_items: int, content: np.ndarray | None) -> Graph:
        """From who has what, and what the items are."""
        import torch

        counts = np.bincount(histories.items, minlength=n_items)
        per_item = np.where(counts > 0, 1 / np.sqrt(np.maximum(counts, 1)), 0.0)
        per_person = 1 / np.sqrt(np.maximum(histories.lengths, 1))
        cells = per_person[histories.rows] * per_item[histories.items]
        shape, at = (len(histories), n_items), (histories.rows, histories.items)
        alike = None if content is None else _sparse(*nearest(content, NEIGHBOURS), (n_items, n_items))
        transposed = _sparse(at[::-1], cells, shape[::-1])
        return cls(_sparse(at, cells, shape), transposed, alike, torch.from_numpy(per_item).float())

    def embeddings(self, E: torch.Tensor, layers: int) -> tuple[torch.Tensor, torch.Tensor]:
        """h̄ and h̄ + S E, both [items, d]."""
        import torch

        layer = total = E
        for _ in range(layers):
            layer = torch.sparse.mm(self.to_items, torch.sparse.mm(self.to_people, layer))
            total = total + layer
        smooth = total / (layers + 1)
        return smooth, smooth if self.alike is None else smooth + torch.sparse.mm(self.alike, E)

    def loss(self, E: torch.Tensor, layers: int, own: Histories, hidden: np.ndarray) -> torch.Tensor:
        """The mean over people of the mean −log-likelihood of their items, `hidden` (bool [events]) left out of w."""
        import torch

        smooth, items = self.embeddings(E, layers)
        rows, cols = torch.from_numpy(own.rows), torch.from_numpy(own.items.astype(np.int64))
        seen = torch.from_numpy(~hidden).float()
        left = torch.zeros((len(own), E.shape[1]))
        left = left.index_add(0, rows, smooth[cols] * (self.per_item[cols] * seen)[:, None])
        lengths = torch.zeros(len(own)).index_add(0, rows, seen).clamp(min=1)
        chances = torch.log_softmax((left / lengths.sqrt()[:, None]) @ items.T, dim=1)
        shares = torch.from_numpy(1 / np.maximum(own.lengths, 1)[own.rows]).float()
        return -(chances[rows, cols] * shares).sum() / len(own)


@dataclass(frozen=True)
class FittedGraph:
    """`per_event` [items, d] is what having an item adds to a person, before n_u^−½; `items` [items, d] meets it."""

    per_event: np.ndarray
    items: np.ndarray
    weighs: bool = True

    def scores(self, histories: Histories) -> Scores:
        """People as the sum of their items."""
        left = np.zeros((len(histories), self.items.shape[1]))
        np.add.at(left, histories.rows, self.per_event[histories.items] * histories.weights[:, None])
        return Scores(left / np.sqrt(np.maximum(histories.lengths, 1))[:, None], self.items)

    def explain(self, items: np.ndarray, weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """n_u^−½ x_ui n_i^−½ h̄_i · (h̄ + S E)_target."""
        own = self.per_event[items] * (weights / np.sqrt(max(1, len(items))))[:, None]
        return self.items[targets] @ own.T


def nearest(content: np.ndarray, kept: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """The mean over each item's `kept` nearest by cosine: (rows, columns) and what stands there.

    Items without content have none and are nobody's; equal ones stand in the order of items.
    """
    norms = np.sqrt((content**2).sum(-1))
    has = np.flatnonzero(norms > 0)
    unit = content[has] / norms[has, None]
    kept = min(kept, max(0, len(has) - 1))
    step, found = max(1, _COMPARED // max(1, len(has))), [np.zeros((0, kept), np.int64)]
    for start in range(0, len(has), step):
        cosines = unit[start : start + step] @ unit.T
        cosines[np.arange(len(cosines)), np.arange(start, start + len(cosines))] = -np.inf
        found.append(np.argsort(-cosines, axis=1, kind="stable")[:, :kept])
    columns = np.concatenate(found)
    return (np.repeat(has, kept), has[columns.ravel()]), np.full(columns.size, 1 / max(1, kept))


def _sparse(at: tuple[np.ndarray, ...], values: np.ndarray, shape: tuple[int, ...]) -> torch.Tensor:
    import torch

    indices = torch.from_numpy(np.stack([each.astype(np.int64) for each in at]))
    made = torch.sparse_coo_tensor(indices, torch.from_numpy(values).float(), shape, check_invariants=False)
    return made.coalesce()


def models(side: SideInformation) -> Sequence[LightGcn]:
    """One a depth."""
    return tuple(LightGcn(each, side.content, side.width, seed=side.seed) for each in DEPTHS)
