"""Networks of torchvision without their classifier: what the last linear layer reads is the vector.

Here: one from a file of weights, whole. Not here: which are known and what they are fed (`image`, `clips`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mmrec.encoders.weights import load_state
from mmrec.errors import MmrecError

# By habit a published weights file ends with the first 8 digits of its sha256.
_NAMED_DIGEST = re.compile(r"-([0-9a-f]{8})$")


def headless(name: str, path: Path, sha256: str, width: int) -> nn.Module:
    """Build the network `name`, every weight from the file, and take its classifier off; vectors are `width` wide."""
    from torchvision.models import get_model  # takes seconds, and most networks here need none of it

    named = _NAMED_DIGEST.search(path.stem)
    if named and not sha256.startswith(named[1]):
        raise MmrecError(f"{path} was refused: its sha256 starts {sha256[:8]}, its name says {named[1]}")
    state = load_state(path, sha256)
    network = get_model(name, weights=None)
    head, linear = [(place, part) for place, part in network.named_modules() if isinstance(part, nn.Linear)][-1]
    if linear.in_features != width:
        raise MmrecError(f"this torchvision's {name} is {linear.in_features} wide, not {width}")
    network.set_submodule(head, nn.Identity())
    try:
        network.load_state_dict(_without(state, head), strict=True)
    except RuntimeError as error:
        raise MmrecError(f"{path} does not hold the weights of {name}: {_first_detail(error)}") from error
    return network.eval()


def _without(state: dict[str, Tensor], head: str) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if not key.startswith(f"{head}.")}


def _first_detail(error: Any) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[1] if len(lines) > 1 else lines[0])[:200]
