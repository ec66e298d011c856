"""Encoders of text, their devices, and the stand-in: batch mates never change a vector."""

from pathlib import Path

import numpy as np
import pytest

from mmrec import encoders
from mmrec.encoders import Failure, Prepared, running
from mmrec.encoders.recipes import TextRecipe
from mmrec.errors import MmrecError
from mmrec.media.opening import MediaRef
from tests.helpers.clips import WEIGHTS, encode
from tests.helpers.encoded import TEXTS, weights


def test_devices_that_are_not_there_are_refused():
    import torch

    from mmrec.encoders import device

    assert device.choose("cpu") == ("cpu", "asked for by name")
    chosen, reason = device.choose("auto")
    assert reason
    assert "\n" not in reason
    if not torch.cuda.is_available():
        assert chosen == "mps" or (chosen == "cpu" and reason.startswith("no GPU is used: "))
        with pytest.raises(MmrecError, match="device 'cuda:3' cannot be used"):
            device.choose("cuda:3")
    with pytest.raises(MmrecError, match="unknown device 'tpu'"):
        device.choose("tpu")


def test_fp32_means_fp32_while_an_encoder_runs_and_the_process_keeps_its_choice():
    import torch

    from mmrec.encoders.device import Runner, full_precision

    before = torch.backends.cudnn.conv.fp32_precision
    with full_precision():
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
        assert torch.backends.mkldnn.matmul.fp32_precision == "ieee"
    assert torch.backends.cudnn.conv.fp32_precision == before
    threads, seen = torch.get_num_threads(), []

    def forward(rows):
        precision = torch.backends.mkldnn.matmul.fp32_precision
        seen.append((torch.get_num_threads(), torch.is_inference_mode_enabled(), precision))
        return rows

    rows = [np.full(2, n, dtype=np.float32) for n in range(7)]
    np.testing.assert_array_equal(Runner("cpu").run(rows, 3, forward), np.stack(rows))
    assert seen == [(1, True, "ieee")] * 3
    assert torch.backends.cudnn.conv.fp32_precision == before
    assert torch.get_num_threads() == threads


def test_a_gpu_runs_whole_tiles_and_smaller_ones_after_running_out_of_memory():
    import torch

    from mmrec.encoders.device import Runner

    shapes = []

    def forward(rows):
        shapes.append(len(rows))
        if len(rows) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return rows

    rows = [np.full(2, n, dtype=np.float32) for n in range(9)]
    runner = Runner("cpu:0")  # the path of a GPU: only "cpu" itself has tiles side by side
    np.testing.assert_array_equal(runner.run(rows, 16, forward), np.stack(rows))
    assert shapes == [9, 8, 4, 4, 1]
    runner.run(rows[:1], 16, forward)
    assert shapes[5:] == [1]

    def never(rows):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        runner.run(rows[:1], 16, never)


def test_prepared_rows_and_failures_are_plain_values():
    assert Failure("a") == Failure("a")
    assert Prepared(np.zeros(1), 4).size == 4


# -- the stand-in ------------------------------------------------------------------------------------------------------


def test_hash_vectors_are_unit_length_and_a_function_of_the_input(pictures):
    encoder = encoders.load(encoders.identity("text", "hash:16", "fp32", WEIGHTS))
    vectors = encode(encoder, ["a", "b", "a", ""])
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])
    # A fixed answer: another one on another day or machine would be another encoder.
    np.testing.assert_allclose(vectors[0, :3], [-0.104483, 0.021419, -0.345982], atol=1e-6)
    images = encoders.load(encoders.identity("image", "hash:16", "fp32", WEIGHTS))
    np.testing.assert_array_equal(encode(images, pictures[:1]), encode(encoder, [pictures[0].path.read_bytes()]))
    assert images.prepare([MediaRef(Path("gone"), pictures[0].root, "")]) == [Failure("the file does not exist")]
    assert images.identity.id != encoder.identity.id != encoders.identity("text", "hash:17", "fp32", WEIGHTS).id


# -- text --------------------------------------------------------------------------------------------------------------


def test_length_buckets_are_a_function_of_the_row_and_waste_little():
    recipe = TextRecipe(256)
    padded = [recipe.padded_tokens(tokens) for tokens in range(1, 257)]
    assert sorted(set(padded)) == [16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256]
    assert padded == sorted(padded)
    assert all(bucket >= tokens for tokens, bucket in enumerate(padded, start=1))
    assert max(bucket / tokens for tokens, bucket in enumerate(padded, start=1) if tokens >= 16) <= 1.25
    assert TextRecipe(100).padded_tokens(99) == 100


@weights
def test_related_sentences_are_closer(minilm):
    vectors = encode(minilm, TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    toys, also_toys, oil = vectors[:3]
    assert toys @ also_toys > 0.4 > 0.2 > toys @ oil


@weights
@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.full)])
def test_batch_mates_order_and_blocks_never_change_a_text_vector(minilm, precision):
    encoder = minilm
    if precision == "bf16":
        encoder = encoders.load(encoders.identity("text", "minilm", "bf16", WEIGHTS), "cpu")
    vectors = encode(encoder, TEXTS)
    for rows in (1, 2, 3, 5):
        np.testing.assert_array_equal(encode(encoder, TEXTS, rows), vectors)
    np.testing.assert_array_equal(encode(encoder, TEXTS[::-1])[::-1], vectors)
    keys = [str(number) for number in range(len(TEXTS))]
    for seed in (0, 1):
        for chunk in running.run(encoder, keys, TEXTS, chunk_seconds=0, seed=seed, block_rows=5):
            assert not chunk.failed
            np.testing.assert_array_equal(chunk.vectors, vectors[[int(key) for key in chunk.keys]])
    if precision == "bf16":
        exact = encode(minilm, TEXTS)
        assert (vectors * exact).sum(axis=1).min() > 0.999
        assert not np.array_equal(vectors, exact)


@weights
def test_batches_share_a_padded_length_and_hold_every_row_once(minilm):
    prepared = minilm.prepare(TEXTS * 20)
    batches = minilm.batches(prepared)
    assert sorted(row for batch in batches for row in batch) == list(range(len(prepared)))
    assert all(len({prepared[row].size for row in batch}) == 1 for batch in batches)
    assert max(item.size for item in prepared) == 256


@weights
def test_what_is_no_text_is_one_failure(minilm):
    (chunk,) = running.run(minilm, ["a", "b", "c"], ["fine", None, "also fine"], seed=0)
    assert sorted(chunk.keys) == ["a", "c"]
    assert chunk.failed["b"].startswith("could not be encoded: TypeError")
