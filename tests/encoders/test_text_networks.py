"""Text networks of every kind: what their own settings say, decoders, prefixes, long texts. Tiny and random weights."""

import json

import numpy as np
import pytest
import tokenizers
from tokenizers import models, pre_tokenizers, processors

from mmrec import encoders
from mmrec.encoders import running
from mmrec.encoders.recipes import WindowRecipe
from mmrec.errors import MmrecError
from tests.helpers.clips import WEIGHTS, encode

WORDS = ["red", "blue", "cup", "bowl", "for", "tea", "query", "item", ":"]
TEXTS = ["red cup", "blue bowl for tea", "tea", "red red red cup for blue tea bowl", "cup"]
SHAPE = {"vocab_size": 16, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def bert(transformers):
    return transformers.BertModel(transformers.BertConfig(**SHAPE, max_position_embeddings=64))


def llama(transformers):
    return transformers.LlamaModel(transformers.LlamaConfig(**SHAPE, max_position_embeddings=64))


def qwen(transformers):
    config = transformers.Qwen3Config(**SHAPE, num_key_value_heads=1, head_dim=8, max_position_embeddings=64)
    return transformers.Qwen3Model(config)


def save(folder, make=bert, pooling=None, prompts=None, max_tokens=24):
    """A model's folder, as sentence-transformers writes it; also its network and tokenizer."""
    import torch
    import transformers

    torch.manual_seed(0)
    network = make(transformers)
    network.save_pretrained(folder)
    vocabulary = {word: at for at, word in enumerate(["[UNK]", "<s>", "</s>", *WORDS])}
    tokenizer = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": max_tokens}))
    if pooling:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, **pooling}))
    if prompts:
        (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
    return network.eval(), tokenizer


def load(folder, family="hf:"):
    return encoders.load(encoders.identity("text", f"{family}{folder}", "fp32", WEIGHTS), "cpu")


def expected(network, tokenizer, text, taken):
    import torch

    with torch.inference_mode():
        tokens = network(input_ids=torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[0]
    vector = {"mean_tokens": tokens.mean(0), "cls_token": tokens[0], "lasttoken": tokens[-1]}[taken]
    return (vector / vector.norm()).numpy()


@pytest.mark.parametrize("make", [bert, llama, qwen])
@pytest.mark.parametrize("taken", ["mean_tokens", "cls_token", "lasttoken"])
def test_encoders_and_decoders_are_pooled_as_their_own_settings_say(make, taken, tmp_path):
    said = {f"pooling_mode_{mode}": mode == taken for mode in ("mean_tokens", "cls_token", "lasttoken", "max_tokens")}
    network, tokenizer = save(tmp_path, make, said | {"include_prompt": True})
    encoder = load(tmp_path)
    vectors = encode(encoder, TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(vector, expected(network, tokenizer, text, taken), atol=2e-6)
    np.testing.assert_array_equal(encode(encoder, TEXTS[::-1], 2)[::-1], vectors)


def test_a_model_that_names_no_pooling_is_averaged_and_one_that_names_another_is_refused(tmp_path):
    network, tokenizer = save(tmp_path)
    [vector] = encode(load(tmp_path), TEXTS[:1])
    np.testing.assert_allclose(vector, expected(network, tokenizer, TEXTS[0], "mean_tokens"), atol=2e-6)
    (tmp_path / "1_Pooling").mkdir()
    for modes, told in (({"max_tokens": True}, "max_tokens"), ({}, "nothing")):
        said = {f"pooling_mode_{name}": on for name, on in modes.items()}
        (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(said))
        with pytest.raises(MmrecError, match=f"asks for {told}; one of pooling_mode_mean_tokens, "):
            load(tmp_path)


def test_the_prefixes_of_items_and_queries_are_those_of_the_model_and_part_of_what_it_is(tmp_path):
    network, tokenizer = save(tmp_path, prompts={"query": "query : ", "document": "item : "})
    encoder = load(tmp_path)
    [item] = encode(encoder, ["red cup"])
    np.testing.assert_allclose(item, expected(network, tokenizer, "item : red cup", "mean_tokens"), atol=2e-6)
    query = encoder.encode_query("red cup")
    np.testing.assert_allclose(query, expected(network, tokenizer, "query : red cup", "mean_tokens"), atol=2e-6)
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"query": "", "document": ""}}))
    without = load(tmp_path)
    assert "prefixes" not in without.identity.fields
    assert without.identity.id != encoder.identity.id


def test_a_long_text_is_the_mean_of_windows_that_leave_no_word_out(tmp_path):
    network, tokenizer = save(tmp_path, prompts={"document": "item : "}, max_tokens=12)  # room for 8 words
    encoder = load(tmp_path, "windows:hf:")
    words = [WORDS[at % 6] for at in range(20)]
    long = " ".join(words)
    vectors = encode(encoder, [long, *TEXTS])
    windows = [" ".join(words[first : first + 8]) for first in (0, 6, 12)]
    parts = [expected(network, tokenizer, f"item : {window}", "mean_tokens") for window in windows]
    mean = np.mean(parts, axis=0)
    np.testing.assert_allclose(vectors[0], mean / np.linalg.norm(mean), atol=2e-6)
    np.testing.assert_allclose(vectors[1:], encode(load(tmp_path), TEXTS), atol=1e-6)
    texts = [long, *TEXTS, f"{long} {long}", "", long[:-4]] * 40
    named = [str(at) for at in range(len(texts))]
    chunks = list(running.run(encoder, named, texts, seed=0))
    found = {key: vector for chunk in chunks for key, vector in zip(chunk.keys, chunk.vectors, strict=True)}
    alone = dict(zip(texts[:9], encode(encoder, texts[:9], 1), strict=True))
    assert len(found) == len(texts)
    assert all((found[key] == alone[text]).all() for key, text in zip(named, texts, strict=True))


def test_windows_are_spread_over_a_text_that_is_longer_than_all_of_them():
    spans = np.stack([np.arange(100), np.arange(100) + 1], axis=1)
    text = "".join(chr(33 + at % 90) for at in range(100))
    assert WindowRecipe().cut(text, spans, 100) == [text]
    cut = WindowRecipe(max_windows=3).cut(text, spans, 10)
    assert cut == [text[:10], text[45:55], text[90:]]


def test_windows_want_a_network_of_texts():
    with pytest.raises(MmrecError, match="'hash:8' reads no tokens"):
        encoders.identity("text", "windows:hash:8", "fp32", WEIGHTS)
