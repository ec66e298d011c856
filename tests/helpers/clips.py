"""Pictures, sounds and films for the tests, made on the spot."""

import hashlib
import io
import os
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from mmrec.encoders import Failure
from mmrec.media.opening import MediaRef

WEIGHTS = Path(os.environ.get("MMREC_WEIGHTS", Path(__file__).resolve().parents[2] / ".mmrec" / "weights"))


def needs_weights(*names):
    absent = not all((WEIGHTS / name).is_dir() for name in names)
    skip = pytest.mark.skipif(absent, reason=f"no fetched weights in {WEIGHTS}: run `mmrec fetch`")
    return lambda test: pytest.mark.weights(skip(test))


def registered(path):
    return MediaRef(path, path.parent, hashlib.sha256(path.read_bytes()).hexdigest())


def picture(size=(61, 47), mode="RGB", detail=8):
    grid = (size[1] // detail + 1, size[0] // detail + 1, 3)
    samples = np.random.default_rng(0).integers(0, 256, grid, dtype=np.uint8)
    return Image.fromarray(samples).resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chirp(seconds=4.0, rate=44_100):
    time = np.arange(int(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * (200 + 150 * time) * time) * np.exp(-time)).astype(np.float32)


def sound(path, samples=None, rate=44_100, **options):
    """Writes samples; the kind follows from the name."""
    soundfile.write(path, chirp(rate=rate) if samples is None else samples, rate, **options)
    return registered(path)


def film(path, frames=75, size=(64, 48), codec="mpeg4", rate=25, draw=None, title="", options=None, **stream_options):
    """Writes a film whose frame n is grey of 3 n, unless `draw` gives the pixels of a frame."""
    kinds = {".mp4": "mp4", ".mov": "mov", ".webm": "webm", ".mkv": "matroska", ".avi": "avi"}
    grey = draw or (lambda number: np.full((size[1], size[0], 3), 3 * number % 256, dtype=np.uint8))
    with av.open(path, "w", format=kinds[path.suffix], options=options or {}) as container:
        container.metadata["title"] = title
        stream = container.add_stream(codec, rate=rate, options=stream_options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        container.start_encoding()
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey(number), format="rgb24")))
        container.mux(stream.encode())
    return registered(path)


def sound_only(path):
    """Writes a film without pictures."""
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), dtype=np.float32), format="fltp", layout="mono")
        frame.rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return registered(path)


def cut(ref, share, to=None):
    """Writes the beginning of a file beside it, and registers that."""
    data = ref.path.read_bytes()
    path = ref.path.with_name(to or f"cut-{ref.path.name}")
    path.write_bytes(data[: int(len(data) * share)])
    return registered(path)


def encode(encoder, inputs, batch_rows=1000):
    """Vectors of all inputs in order, in batches of at most `batch_rows` rows."""
    prepared = encoder.prepare(inputs)
    assert not [item for item in prepared if isinstance(item, Failure)]
    vectors = np.empty((len(inputs), encoder.identity.width), dtype=np.float32)
    for batch in encoder.batches(prepared):
        for start in range(0, len(batch), batch_rows):
            rows = batch[start : start + batch_rows]
            vectors[rows] = encoder.encode([prepared[row] for row in rows])
    return vectors
