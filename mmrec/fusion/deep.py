"""Fusion by a small gated network: what each modality says of an item's factor, and how much of it is believed.

    z_m = g_m (U_m relu(V_m x_m + v_m) + u_m),   g = softmax over the item's modalities of a_m · relu(…) + b_m

and an item's place is Σ_m z_m. It is trained to place known items at their factors, which are made of who chose what
together, while modalities are left out at random: so it has learnt to do without any of them. The z_m stand side by
side as an item's features, so that a place is split by modality as a linear map's is.

Here: the network, its training and its bytes. Not here: maps that are linear (`maps.py`), which is better
(`mmrec/evaluation/unmet.py`). Sources: Arevalo et al. 2017, arXiv:1702.01992 (gates); Neverova et al. 2016,
arXiv:1501.00102 (modality dropout).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from mmrec.fusion.layout import Blocks, Layout
from mmrec.models.solver import project, workers

if TYPE_CHECKING:
    import torch

HIDDEN = 48
EPOCHS, BATCH, RATE, DECAY = 20, 128, 2e-3, 0.05
LEFT_OUT = 0.3  # of modalities and of hidden units, in each step
_PREFIX = "deep_"
_NAMES = ("V", "v", "U", "u", "a", "b")


@dataclass(frozen=True)
class Network:
    """`weights`: modality → V [hidden, width], v [hidden], U [d, hidden], u [d], a [1, hidden], b [1]; all float64."""

    weights: Mapping[str, Mapping[str, np.ndarray]]
    scale: float  # of the targets that it was trained on

    @property
    def width(self) -> int:
        """d, the length of a place."""
        return len(next(iter(self.weights.values()))["u"])

    def apply(self, layout: Layout, features: np.ndarray) -> np.ndarray:
        """[z_1 … z_M] of features [n, p] as the layout has them, float64 [n, M d]; a row depends on itself alone."""
        parts, gates = [], []
        for place in layout.places:
            own, there = self.weights[place.modality], features[:, place.end] != 0
            hidden = np.maximum(project(_input(features[:, place.begin : place.end]), own["V"]) + own["v"], 0.0)
            parts.append((project(hidden, own["U"]) + own["u"]) * self.scale)
            gates.append(np.where(there, project(hidden, own["a"])[:, 0] + own["b"][0], -np.inf))
        gate = np.stack(gates)
        top = gate.max(axis=0)
        odds = np.exp(gate - np.where(np.isfinite(top), top, 0.0))
        total = odds.sum(axis=0)
        share = np.divide(odds, total, out=np.zeros_like(odds), where=total > 0)
        return np.concatenate([part * of[:, None] for part, of in zip(parts, share, strict=True)], axis=1)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays by name, such as `deep_text_V`."""
        named = {f"{_PREFIX}{m}_{name}": own[name] for m, own in self.weights.items() for name in _NAMES}
        return {**named, f"{_PREFIX}scale": np.array([self.scale])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self | None:
        """The inverse of `to_arrays`; None where there is none."""
        if f"{_PREFIX}scale" not in arrays:
            return None
        own = {name.removeprefix(_PREFIX): array for name, array in arrays.items() if name.startswith(_PREFIX)}
        scale = float(own.pop("scale")[0])
        modalities = sorted({name.rpartition("_")[0] for name in own})
        return cls({m: {name: own[f"{m}_{name}"] for name in _NAMES} for m in modalities}, scale)


@dataclass(frozen=True)
class Reading:
    """A layout that is read through a network: the same questions, answered by z."""

    layout: Layout
    network: Network

    @property
    def slices(self) -> dict[str, slice]:
        """modality → the columns of its z."""
        d = self.network.width
        return {place.modality: slice(at * d, (at + 1) * d) for at, place in enumerate(self.layout.places)}

    @property
    def map(self) -> np.ndarray:
        """Σ_m z_m as a matrix [d, M d]."""
        return np.tile(np.eye(self.network.width), len(self.layout.places))

    def features(self, blocks: Blocks, present: Blocks) -> np.ndarray:
        """z of every item."""
        return self.network.apply(self.layout, self.layout.features(blocks, present))

    def alone(self, modality: str, vectors: np.ndarray) -> np.ndarray:
        """z of standardised vectors of one modality, every other one missing."""
        return self.network.apply(self.layout, self.layout.alone(modality, vectors))


def train(layout: Layout, features: np.ndarray, targets: np.ndarray, seed: int) -> Network:
    """From features [n, p] to targets [n, d]; the same arguments give the same bytes on the same machine."""
    import torch

    scale = float(targets.std()) or 1.0
    draw = torch.Generator().manual_seed(seed)
    with workers():  # one thread
        inputs = [torch.from_numpy(_input(features[:, p.begin : p.end])).float() for p in layout.places]
        there = torch.from_numpy(features[:, [p.end for p in layout.places]] != 0)
        wanted = torch.from_numpy(targets / scale).float()
        layers = [_layers(x.shape[1], targets.shape[1], draw) for x in inputs]
        optimizer = torch.optim.AdamW([w for own in layers for w in own.values()], lr=RATE, weight_decay=DECAY)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(wanted), generator=draw).split(BATCH):
                kept = there[rows] & (torch.rand(there[rows].shape, generator=draw) > LEFT_OUT)
                placed = _forward(layers, [x[rows] for x in inputs], kept, draw)
                some = kept.any(dim=1)
                if some.any():
                    optimizer.zero_grad()
                    ((placed - wanted[rows])[some] ** 2).mean().backward()
                    optimizer.step()
    arrays = [{name: w.detach().double().numpy() for name, w in own.items()} for own in layers]
    return Network({p.modality: own for p, own in zip(layout.places, arrays, strict=True)}, scale)


def _forward(
    layers: list[dict[str, torch.Tensor]], inputs: list[torch.Tensor], kept: torch.Tensor, draw: torch.Generator
) -> torch.Tensor:
    import torch

    hidden = []
    for own, x in zip(layers, inputs, strict=True):
        h = torch.relu(x @ own["V"].T + own["v"])
        hidden.append(h * (torch.rand(h.shape, generator=draw) > LEFT_OUT) / (1 - LEFT_OUT))
    gates = torch.cat([h @ own["a"].T + own["b"] for own, h in zip(layers, hidden, strict=True)], dim=1)
    share = torch.softmax(gates.masked_fill(~kept, -1e9), dim=1)
    parts = [h @ own["U"].T + own["u"] for own, h in zip(layers, hidden, strict=True)]
    return sum((share[:, [at]] * part for at, part in enumerate(parts)), torch.zeros(len(kept), 1))


def _layers(width: int, d: int, draw: torch.Generator) -> dict[str, torch.Tensor]:
    """He's start for what a relu follows, and small weights elsewhere."""
    import torch

    shapes = {"V": (HIDDEN, width), "v": (HIDDEN,), "U": (d, HIDDEN), "u": (d,), "a": (1, HIDDEN), "b": (1,)}
    spread = {"V": (2 / width) ** 0.5, "U": (1 / HIDDEN) ** 0.5, "a": 0.1 / HIDDEN**0.5}
    return {
        name: (torch.randn(shape, generator=draw) * spread.get(name, 0.0)).requires_grad_()
        for name, shape in shapes.items()
    }


def _input(block: np.ndarray) -> np.ndarray:
    """A block at about one unit a number: its mean squared norm is 1, whatever its width."""
    return block * np.sqrt(block.shape[1])
