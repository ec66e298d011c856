"""Networks in the format of transformers: finding their files, what identifies them, and loading them whole.

Here: what `hf:<folder or hub id>` means for every modality. Not here: what a network is fed and what is taken from it
(`text`, `hf`). Transformers and torch are imported by `load_network` only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmrec.encoders import EncoderIdentity
from mmrec.encoders.weights import sha256_of
from mmrec.errors import MmrecError

CONFIG = "config.json"
_WEIGHTS = "model*.safetensors"
_INDEX = "model.safetensors.index.json"
# The figures of one family or another for the width of a token vector.
_WIDTH_NAMES = ("hidden_size", "d_model", "dim", "n_embd")


def folder_of(place: str, also: list[str]) -> Path:
    """Find a model: a folder on this machine, else the local cache of the hub, else the hub itself.

    A hub id may end in `@<revision>`. `also` names the files wanted beside config and weights.
    """
    folder = Path(place).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if place.startswith((".", "/", "~")):
        raise MmrecError(f"no folder {folder}: `hf:` takes a folder with {CONFIG}, {also[0]} and model.safetensors")
    return _hub_folder(place, also)


def _hub_folder(place: str, also: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    repository, _, revision = place.partition("@")
    wanted: dict[str, Any] = {"revision": revision or None, "allow_patterns": [CONFIG, _WEIGHTS, _INDEX, *also]}
    trouble: Exception | None = None
    for only_local in (True, False):  # what was downloaded once stays the encoder until a revision is named
        try:
            folder = Path(snapshot_download(repository, local_files_only=only_local, **wanted))
        except Exception as error:  # many kinds: no such model, no network, not allowed, not a valid name
            trouble = error
            continue
        if not only_local or any(folder.glob(_WEIGHTS)):  # the cache may hold a model's config alone
            return folder
    raise MmrecError(
        f"encoder {place!r} not found: no such folder, not in the local hub cache, and the hub did not give it "
        f"({type(trouble).__name__})"
    ) from trouble


def network_fields(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Give the part of an encoder's id that its network decides: architecture, config and weight files."""
    return {
        "architecture": (config.get("architectures") or [config.get("model_type")])[0],
        "config": sha256_of(folder / CONFIG),
        "weights": {path.name: sha256_of(path) for path in _weight_files(folder)},
    }


def width_of(config: dict[str, Any]) -> int | None:
    """Give the width of a token vector, or None when the config names none."""
    return next((config[name] for name in _WIDTH_NAMES if isinstance(config.get(name), int)), None)


def _weight_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob(_WEIGHTS))
    if not files:
        raise MmrecError(f"no {_WEIGHTS} in {folder}; pickled weights of transformers networks are not read")
    return files


def present(path: Path, advice: str) -> Path:
    """Give back a path that is a file; else a `MmrecError` that ends in `advice`."""
    if not path.is_file():
        raise MmrecError(f"no {path.name} in {path.parent}; {advice}")
    return path


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file; a `MmrecError` in one line when it is not there or is none."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise MmrecError(f"no {path.name} in {path.parent}") from error
    except ValueError as error:
        raise MmrecError(f"{path} is not JSON: {error}") from error


def load_network(identity: EncoderIdentity) -> Any:
    """Read the network from its safetensors files, in the identity's precision, with every weight from the files."""
    from safetensors import SafetensorError
    from transformers import AutoModel
    from transformers.utils import logging

    from mmrec.encoders.device import DTYPES

    folder = identity.paths["folder"]
    for name, sha256 in {CONFIG: identity.fields["config"], **identity.fields["weights"]}.items():
        same_file(folder / name, sha256)
    dtype = DTYPES[identity.fields["precision"]]
    options = {"local_files_only": True, "trust_remote_code": False, "use_safetensors": True}
    showed_progress = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        network, report = AutoModel.from_pretrained(folder, dtype=dtype, output_loading_info=True, **options)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        what = f"no {identity.modality} encoder could be loaded from {folder}"
        raise MmrecError(f"{what}: {str(error).splitlines()[0]}") from error
    finally:
        if showed_progress:
            logging.enable_progress_bar()
    _check_whole(report, folder)
    return network.eval()


def _check_whole(report: dict[str, Any], folder: Path) -> None:
    """Refuse a network in which a weight was drawn at random; the pooler is not used, so it may be absent."""
    random = [name for name in (*report["missing_keys"], *report["mismatched_keys"]) if "pooler" not in str(name)]
    if random:
        raise MmrecError(f"the weights in {folder} do not fill the network: {len(random)} lack, {random[0]} first")


def same_file(path: Path, sha256: str) -> None:
    """Refuse a file that is no longer the one that was identified."""
    if sha256_of(path) != sha256:
        raise MmrecError(f"{path} changed after the encoder was identified; start again")
