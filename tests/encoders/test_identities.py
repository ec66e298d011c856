"""What identifies an encoder, and what is said where there is none."""

import hashlib
import shutil
import subprocess
import sys

import pytest

from mmrec import encoders
from mmrec.encoders import EncoderIdentity
from mmrec.errors import MmrecError
from tests.helpers.clips import WEIGHTS, encode
from tests.helpers.encoded import TEXTS, weights


def test_identities_are_made_without_torch():
    code = (
        "import sys; from pathlib import Path; from mmrec import encoders\n"
        "from mmrec.encoders import recipes, running; from mmrec.media import decoded, opening\n"
        f"root = Path({str(WEIGHTS)!r})\n"
        "encoders.identity('audio', 'hash:8', 'fp32', root)\n"
        "encoders.identity('video', 'frames:hash:8', 'fp32', root)\n"
        "names = [('text', 'minilm'), ('image', 'efficientnet-lite0'), ('audio', 'aisfx')]\n"
        "[encoders.identity(*name, 'fp32', root) for name in names if (root / name[1]).is_dir()]\n"
        "sys.exit(', '.join({'torch', 'torchvision', 'transformers', 'av', 'soundfile'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("smell", "minilm", "fp32"), "unknown modality 'smell'; allowed: text, image, audio, video"),
        (("text", "minilm", "int8"), "unknown precision 'int8'; allowed: fp32, bf16"),
        (("text", "bert", "fp32"), "unknown text encoder 'bert'; known: minilm, e5-small, hf:<folder or hub id>, "),
        (("image", "minilm", "fp32"), "unknown image encoder 'minilm'; known: efficientnet-lite0, torchvision:"),
        (("text", "hf:", "fp32"), "unknown text encoder 'hf:'"),
        (("text", "hash:0", "fp32"), "the width must be a whole number from 1 to 8192"),
        (("text", "hash:wide", "fp32"), "the width must be a whole number from 1 to 8192"),
        (
            ("text", "minilm", "fp32"),
            r"weights of minilm not found: no config.json in .*nowhere/minilm; run `mmrec fetch`",
        ),
        (("image", "efficientnet-lite0", "fp32"), "weights of efficientnet-lite0 not found: .* run `mmrec fetch`"),
        (("image", "torchvision:resnet50", "fp32"), "names no weights file: write torchvision:resnet50@/path"),
        (("image", "torchvision:resnet50@/no/such.pth", "fp32"), "weights of resnet50 not found: no file /no/such.pth"),
        (
            ("image", "torchvision:resnet7@/no/such.pth", "fp32"),
            "unknown torchvision network 'resnet7'; known: resnet18",
        ),
        (("text", "hf:/no/such/folder", "fp32"), "no folder /no/such/folder"),
    ],
)
def test_what_cannot_be_an_encoder_is_said_in_one_line(asked, message, tmp_path):
    with pytest.raises(MmrecError, match=message) as error:
        encoders.identity(*asked, tmp_path / "nowhere")
    assert "\n" not in str(error.value)


def test_the_id_is_a_function_of_the_fields_alone(tmp_path):
    here = EncoderIdentity("text", "a", 3, {"b": 1, "a": [1, 2]}, {"folder": tmp_path})
    there = EncoderIdentity("text", "z", 3, {"a": [1, 2], "b": 1}, {"folder": tmp_path / "elsewhere"})
    assert here.id == there.id == hashlib.sha256(b'{"a":[1,2],"b":1}').hexdigest()
    assert EncoderIdentity("text", "a", 3, {"a": [1, 2], "b": 2}).id != here.id


@weights
def test_the_same_files_elsewhere_are_the_same_encoder_and_changed_files_another(tmp_path):
    for name in ("config.json", "tokenizer.json", "sentence_bert_config.json"):
        shutil.copy(WEIGHTS / "minilm" / name, tmp_path)
    (tmp_path / "model.safetensors").symlink_to(WEIGHTS / "minilm" / "model.safetensors")
    default = encoders.identity("text", "minilm", "fp32", WEIGHTS)
    assert encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS).id == default.id
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    changed = encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS)
    assert changed.id != default.id
    assert encoders.identity("text", f"hf:{tmp_path}", "bf16", WEIGHTS).id != changed.id
    for name in ("tokenizer.json", "config.json"):
        before = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(before + b"\n")
        assert encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS).id != changed.id
        (tmp_path / name).write_bytes(before)
    with pytest.raises(MmrecError, match="no text encoder could be loaded"):
        encoders.load(changed, "cpu")
    (tmp_path / "model.safetensors").write_bytes(b"and others again")
    with pytest.raises(MmrecError, match="changed after the encoder was identified"):
        encoders.load(changed, "cpu")


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_folder_that_is_not_whole_is_named(tmp_path, missing):
    for name in {"model.safetensors", "tokenizer.json", "config.json"} - {missing}:
        (tmp_path / name).write_text('{"hidden_size": 4}')
    with pytest.raises(MmrecError, match=f"no {missing.replace('.', '.*')} in"):
        encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS)


@weights
def test_a_network_that_its_files_do_not_fill_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    for name in ("config.json", "tokenizer.json"):
        shutil.copy(WEIGHTS / "minilm" / name, tmp_path)
    state = load_file(WEIGHTS / "minilm" / "model.safetensors")
    kept = {name: value for name, value in state.items() if not name.startswith(("encoder.layer.5.output", "pooler"))}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    short = encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS)
    with pytest.raises(MmrecError, match=r"do not fill the network: 4 lack, encoder\.layer\.5\.output"):
        encoders.load(short, "cpu")
    whole = {name: value for name, value in state.items() if not name.startswith("pooler")}
    save_file(whole, tmp_path / "model.safetensors", metadata={"format": "pt"})
    encoder = encoders.load(encoders.identity("text", f"hf:{tmp_path}", "fp32", WEIGHTS), "cpu")
    assert encode(encoder, TEXTS[:2]).shape == (2, 384)


def test_a_hub_that_cannot_be_reached_is_said_in_one_line(tmp_path, monkeypatch):
    import huggingface_hub

    def unreachable(name, **options):
        raise ConnectionError("no\nnetwork")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(MmrecError, match=r"encoder 'some/model' not found: .* \(ConnectionError\)$"):
        encoders.identity("text", "hf:some/model", "fp32", tmp_path)
