"""Networks of transformers for pictures, sounds and films, tiny and random: only equality is tested."""

import json

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmrec import encoders
from mmrec.encoders import running
from mmrec.errors import MmrecError
from mmrec.media import pool
from mmrec.media.decoded import read_frames
from mmrec.media.pool import Decoders
from tests.helpers.clips import WEIGHTS, chirp, encode, film, registered, sound

TOWER = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def clip(transformers):
    text, vision = (
        {**TOWER, "vocab_size": 9, "bos_token_id": 1, "eos_token_id": 2},
        {**TOWER, "image_size": 32, "patch_size": 16},
    )
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    return transformers.CLIPModel(config), transformers.CLIPImageProcessor(**size), 12


def dino(transformers):
    config = transformers.Dinov2Config(**TOWER, image_size=28, patch_size=14)
    size = {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}}
    return transformers.Dinov2Model(config), transformers.BitImageProcessor(**size), 16


def siglip(transformers):
    text, vision = {**TOWER, "vocab_size": 9}, {**TOWER, "image_size": 32, "patch_size": 16}
    processor = transformers.SiglipImageProcessor(size={"height": 32, "width": 32})
    return transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision)), processor, 16


def ast(transformers):
    config = transformers.ASTConfig(**TOWER, patch_size=16, frequency_stride=16, time_stride=64, max_length=1024)
    return transformers.ASTModel(config), transformers.ASTFeatureExtractor(), 16


def wav2vec2(transformers):
    layers = {"conv_dim": (8, 8), "conv_stride": (40, 40), "conv_kernel": (40, 40), "num_feat_extract_layers": 2}
    config = transformers.Wav2Vec2Config(**TOWER, **layers, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2)
    return transformers.Wav2Vec2Model(config), transformers.Wav2Vec2FeatureExtractor(), 16


def clap(transformers, fuses=False):
    shape = {"patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [1, 1], "hidden_size": 16}
    tower = {**shape, "num_hidden_layers": 2, "enable_fusion": fuses, "enable_patch_fusion": fuses, "aff_block_r": 2}
    text = {**TOWER, "vocab_size": 9, "pad_token_id": 1}
    config = transformers.ClapConfig(text_config=text, audio_config=tower, projection_dim=12)
    processor = transformers.ClapFeatureExtractor(truncation="fusion" if fuses else "rand_trunc")
    return transformers.ClapModel(config), processor, 12


def fused_clap(transformers):
    return clap(transformers, fuses=True)


def videomae(transformers):
    config = transformers.VideoMAEConfig(**TOWER, image_size=32, patch_size=16, num_frames=4, tubelet_size=2)
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    return transformers.VideoMAEModel(config), transformers.VideoMAEImageProcessor(**size), 16


def pictures(folder, _=None):
    chance = np.random.default_rng(0)
    for number in range(3):
        drawn = chance.integers(0, 256, (40 + number, 50, 3), dtype=np.uint8)
        Image.fromarray(drawn).save(folder / f"{number}.png")
        yield registered(folder / f"{number}.png")


def sounds(folder, rate):
    made = [(10, rate), (3, 22_050), (21, 8_000)]
    return [sound(folder / f"{n}.wav", chirp(*one), one[1]) for n, one in enumerate(made)]


def films(folder, _=None):
    return [film(folder / f"{n}.mp4", 10 + n) for n in range(3)]


NETWORKS = [
    ("image", clip, pictures),
    ("image", siglip, pictures),
    ("image", dino, pictures),
    ("audio", ast, sounds),
    ("audio", wav2vec2, sounds),
    ("audio", clap, sounds),
    ("audio", fused_clap, sounds),
    ("video", videomae, films),
]


def save(make, folder):
    import torch
    import transformers

    torch.manual_seed(0)
    network, processor, width = make(transformers)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return network.eval(), processor, width


def expected(network, processor, modality, files):
    """The vector of the first file by transformers alone."""
    import torch

    if modality == "audio":
        samples, rate = soundfile.read(files[0].path, dtype="float32")
        inputs = processor(samples, sampling_rate=rate, return_tensors="pt")
    elif modality == "image":
        inputs = processor(Image.open(files[0].path), return_tensors="pt")
    else:
        frames = read_frames(Decoders(), files[0], [1 / 8, 3 / 8, 5 / 8, 7 / 8])
        inputs = processor([Image.fromarray(frame) for frame in frames], return_tensors="pt")
    compared = getattr(network, f"get_{modality}_features", None)
    with torch.inference_mode():
        vector = compared(**inputs).pooler_output[0] if compared else network(**inputs).last_hidden_state[0].mean(0)
    return (vector / vector.norm()).numpy()


@pytest.mark.parametrize(("modality", "make", "media"), NETWORKS, ids=lambda value: getattr(value, "__name__", value))
def test_a_network_of_transformers_encodes_files_of_its_modality(modality, make, media, tmp_path):
    network, processor, width = save(make, tmp_path / "model")
    files = list(media(tmp_path, getattr(processor, "sampling_rate", None)))
    encoder = encoders.load(encoders.identity(modality, f"hf:{tmp_path / 'model'}", "fp32", WEIGHTS), "cpu")
    vectors = encode(encoder, files)
    assert vectors.shape == (3, width)
    np.testing.assert_allclose(vectors[0], expected(network, processor, modality, files), atol=1e-5)
    assert len(np.unique(vectors.round(4), axis=0)) == 3
    np.testing.assert_array_equal(encode(encoder, files[::-1], 1)[::-1], vectors)
    files[1].path.write_bytes(b"neither picture, sound nor film")
    (chunk,) = running.run(encoder, ["a", "b", "c"], files, chunk_seconds=60, seed=0)
    assert chunk.failed == {"b": "the file changed since it was registered"}


def test_frames_of_a_film_go_through_a_picture_network(tmp_path):
    save(clip, tmp_path / "model")
    files = list(films(tmp_path))
    encoder = encoders.load(encoders.identity("video", f"frames:hf:{tmp_path / 'model'}", "fp32", WEIGHTS), "cpu")
    assert encode(encoder, files).shape == (3, 12)


def test_files_decide_the_identity_and_what_is_missing_or_wrong_is_said(tmp_path, monkeypatch):
    save(dino, tmp_path)
    name = f"hf:{tmp_path}"
    first = encoders.identity("image", name, "fp32", WEIGHTS)
    assert first.fields["architecture"] == "Dinov2Model"
    processor = tmp_path / "preprocessor_config.json"
    before = processor.read_text()
    processor.write_text(before + " ")
    assert encoders.identity("image", name, "fp32", WEIGHTS).id != first.id
    with pytest.raises(MmrecError, match="changed after the encoder was identified"):
        encoders.load(first, "cpu")
    with pytest.raises(MmrecError, match="names no sampling_rate: not an encoder of sounds"):
        encoders.identity("audio", name, "fp32", WEIGHTS)
    config = tmp_path / "config.json"
    said = json.loads(config.read_text())
    config.write_text(json.dumps(said | {"projection_dim": 5, "text_config": {}}))
    wrong = encoders.load(encoders.identity("image", name, "fp32", WEIGHTS), "cpu")
    with pytest.raises(MmrecError, match="gave 16 numbers, its config says 5"):
        list(running.run(wrong, ["a"], list(pictures(tmp_path))[:1], seed=0))
    config.write_text(json.dumps({"model_type": "siglip", "vision_config": {"model_type": "siglip_vision_model"}}))
    assert encoders.identity("image", name, "fp32", WEIGHTS).width == 768
    config.write_text(json.dumps({"model_type": "dinov2"}))
    with pytest.raises(MmrecError, match="names no width of a vector"):
        encoders.identity("image", name, "fp32", WEIGHTS)
    monkeypatch.setattr(pool, "find_spec", lambda name: None)
    config.write_text(json.dumps(said))
    with pytest.raises(MmrecError, match="the package `av` is not installed"):
        encoders.load(encoders.identity("video", name, "fp32", WEIGHTS), "cpu")
    processor.unlink()
    with pytest.raises(MmrecError, match=r"no preprocessor_config\.json in"):
        encoders.identity("image", name, "fp32", WEIGHTS)
