"""The half of a joint model that reads sentences: CLIP, SigLIP and CLAP place them beside pictures or sounds.

Here: tokens of a sentence as such a model was trained on them, and its vector. Not here: the other half (`hf`),
networks of texts alone (`text`). Torch and transformers are imported by `encode` only.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.encoders import EncoderIdentity, hub
from mmrec.errors import MmrecError

_TOKENIZER = "tokenizer.json"
# What a tokenizer may consist of; the rest of a folder is not fetched.
FILES = (_TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", "vocab.*", "merges.txt", "*.model")
# Trained on sentences filled up to this length, without a mask (transformers' documentation of SigLIP).
_FILLED_TO = {"siglip": 64, "siglip2": 64}


def encode(network: Any, identity: EncoderIdentity, text: str) -> np.ndarray:
    """Give float32 [width] of a sentence, of unit length; what is longer than the model reads is cut off."""
    import torch

    tokens = _tokens(_tokenizer(identity.paths["folder"]), network.config, text)
    with torch.inference_mode():
        found = network.get_text_features(**{name: ids.to(network.device) for name, ids in tokens.items()})
    vector = found.pooler_output[0].float()
    if vector.shape != (identity.width,):
        given = " × ".join(map(str, vector.shape))
        raise MmrecError(f"{identity.name} gave {given} numbers for a sentence, {identity.width} for a file")
    return torch.nn.functional.normalize(vector, dim=0).cpu().numpy()


def _tokens(tokenizer: Any, config: Any, text: str) -> Any:
    """Tokenize as the model was trained."""
    longest = getattr(config.text_config, "max_position_embeddings", tokenizer.model_max_length)
    filled = _FILLED_TO.get(config.model_type)
    how: dict[str, Any] = {"padding": "max_length"} if filled else {}
    limit = min(filled or longest, longest, tokenizer.model_max_length)
    tokens = tokenizer([text], truncation=True, max_length=limit, return_tensors="pt", **how)
    return {"input_ids": tokens["input_ids"]} if filled else tokens


@lru_cache(maxsize=1)
def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    hub.present(folder / _TOKENIZER, "a sentence is compared with the help of the tokenizer that the model comes with")
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise MmrecError(f"no tokenizer could be loaded from {folder}: {str(error).splitlines()[0]}") from error
