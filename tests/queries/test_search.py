"""What is nearest to a sentence or a file of one's own: equal to brute force, guarded like the catalogue's media."""

import json
import os

import numpy as np
import polars as pl
import pytest
import tokenizers
from PIL import Image
from tokenizers import models, pre_tokenizers, processors

from mmrec.encoders import sentences
from mmrec.errors import MmrecError
from mmrec.lists.neighbours import LENGTH
from mmrec.published.features import Features
from mmrec.queries import search

TOWER = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
WORDS = ["red", "blue", "cup", "thing", "for", "tea"]


def found(answer):
    return [(row["item_id"], row["similarity"]) for row in answer["items"]]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


# -- within a modality -------------------------------------------------------------------------------------------------


def test_a_sentence_finds_texts_by_the_measure_of_neighbours(built):
    answer = search.by_text(built.lake, built.settings, "  A thing   number 3 ")
    assert (answer["query"], answer["by"], answer["stand_in_media"]) == ("A thing number 3", ["text"], [])
    assert [row["rank"] for row in answer["items"]] == list(range(1, len(answer["items"]) + 1))
    features = Features(built.lake)
    rows = np.flatnonzero(features.present["text"])
    block = unit(features.blocks["text"][rows].astype(float))
    twin = features.item_ids.index("item-03")
    scores = block @ block[list(rows).index(twin)]
    order = sorted(range(len(rows)), key=lambda at: (-scores[at], features.item_ids[rows[at]]))[:LENGTH]
    assert [item for item, _ in found(answer)] == [features.item_ids[rows[at]] for at in order]
    np.testing.assert_allclose([score for _, score in found(answer)], scores[order], atol=1e-6)
    assert found(answer)[0][0] == "item-03"


def test_a_picture_of_ones_own_finds_the_item_that_shows_it(built, tmp_path):
    [uri] = built.scan("validated/items", item_id="item-02")["image"]
    copy = tmp_path / "mine.png"
    copy.write_bytes((built.settings.media_root / uri).read_bytes())
    answer = search.by_file(built.lake, built.settings, copy, "image")
    assert found(answer)[0] == ("item-02", pytest.approx(1.0, abs=1e-6))
    assert answer["by"] == ["image"]
    assert all(row["compared_by"] == ["image"] for row in answer["items"])


def test_a_file_passes_the_guards_of_the_catalogue(built, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "empty.png")
    for name, told in (
        ("pipe.png", "not a regular file"),
        ("empty.png", "the file is empty"),
        ("link.png", "a symbolic link"),
        ("none.png", "the file does not exist"),
        ("none/none.png", "does not exist"),
    ):
        with pytest.raises(MmrecError, match=told) as error:
            search.by_file(built.lake, built.settings, tmp_path / name, "image")
        assert str(error.value).startswith(f"{tmp_path / name}: ")


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda *shop: search.by_text(*shop, " \n"), "--text is empty"),
        (
            lambda *shop: search.by_text(*shop, "red", "image"),
            "hash:4 reads no sentences, so no picture is found by one",
        ),
        (lambda *shop: search.by_text(*shop, "red", "smell"), "not compared by 'smell'; .* by: text, image"),
    ],
)
def test_what_cannot_be_compared_says_why(built, ask, told):
    with pytest.raises(MmrecError, match=told):
        ask(built.lake, built.settings)


def test_another_encoder_than_the_served_one_is_told(built):
    text = built.settings.embeddings["text"].model_copy(update={"encoder": "hash:9"})
    settings = built.settings.model_copy(update={"embeddings": {**built.settings.embeddings, "text": text}})
    with pytest.raises(
        MmrecError, match="the text encoder hash:9 is not the one that is served; type `mmrec run` first"
    ):
        search.by_text(built.lake, settings, "red")


def test_the_command_asks_for_one_thing(mmrec, built, tmp_path):
    answer = mmrec(built, "similar", "--text", "A thing number 3", "--json").json
    assert answer["items"][0]["title"] == "Title 3"
    assert "text: A thing number 3" in mmrec(built, "similar", "--text", "A thing number 3").out
    assert "the file does not exist" in mmrec(built, "similar", "--image", str(tmp_path / "none.png")).error
    for wrong in ((), ("--text", "red", "--item", "item-01"), ("--image", "a.png", "--by", "text")):
        answer = mmrec(built, "similar", *wrong)
        assert answer.code == 2
        assert ("leave --by out" if "--by" in wrong else "name one of --item, --text,") in " ".join(answer.err.split())


# -- across modalities -------------------------------------------------------------------------------------------------


def save_clip(folder):
    """A joint model of pictures and sentences, tiny and random."""
    import torch
    import transformers

    torch.manual_seed(0)
    text = {**TOWER, "vocab_size": 16, "bos_token_id": 1, "eos_token_id": 15, "max_position_embeddings": 8}
    vision = {**TOWER, "image_size": 32, "patch_size": 16}
    network = transformers.CLIPModel(
        transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
    ).eval()
    network.save_pretrained(folder)
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    transformers.CLIPImageProcessor(**size).save_pretrained(folder)
    tokenizer = tokenizers.Tokenizer(
        models.WordLevel({word: at for at, word in enumerate(["[UNK]", "<s>", *WORDS])} | {"</s>": 15}, "[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 15)])
    tokenizer.save(str(folder / "tokenizer.json"))
    said = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "</s>", "model_max_length": 8}
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    return network, tokenizer


def expected(network, tokenizer, sentence, pictures):
    import torch
    import transformers

    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    processor = transformers.CLIPImageProcessor(**size)
    with torch.inference_mode():
        ids = torch.tensor([tokenizer.encode(sentence).ids])
        of_text = network.get_text_features(input_ids=ids).pooler_output.numpy()
        pixels = processor([Image.open(path).convert("RGB") for path in pictures], return_tensors="pt")
        of_pictures = network.get_image_features(**pixels).pooler_output.numpy()
    return (unit(of_pictures) @ unit(of_text).T)[:, 0]


def test_a_sentence_finds_pictures_where_a_joint_model_encodes_them(shop, tmp_path):
    network, tokenizer = save_clip(tmp_path)
    shop.configure(embeddings={"image": {"encoder": f"hf:{tmp_path}"}})
    shop.run()
    answer = search.by_text(shop.lake, shop.settings, "red cup for tea", "image")
    items = shop.scan("validated/items").filter(pl.col("image").is_not_null()).sort("item_id")
    scores = expected(network, tokenizer, "red cup for tea", [shop.settings.media_root / uri for uri in items["image"]])
    cosines = dict(zip(items["item_id"], scores, strict=True))
    assert [item for item, _ in found(answer)] == sorted(cosines, key=lambda item: -cosines[item])
    np.testing.assert_allclose([score for _, score in found(answer)], sorted(cosines.values(), reverse=True), atol=1e-5)
    both = search.by_text(shop.lake, shop.settings, "red cup for tea")
    assert both["by"] == ["text", "image"]
    assert [row for row in both["items"] if row["compared_by"] == ["image"]] == answer["items"]
    (tmp_path / "tokenizer.json").unlink()
    sentences._tokenizer.cache_clear()
    with pytest.raises(MmrecError, match=r"no tokenizer\.json in"):
        search.by_text(shop.lake, shop.settings, "red", "image")
