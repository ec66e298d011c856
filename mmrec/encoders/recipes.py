"""The CPU half of encoding: from text, picture, sound and film to what a network was trained on.

Here: every choice that changes what a network sees, each as a recipe with a name and a version that goes into the
encoder's id; whoever changes what a recipe does, here or in `signals` and `decoding`, raises its version. Does not
belong here: networks, devices, and reading files (`media`, `decoding`). Needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from mmrec.encoders.signals import mel_energies, power_spectra, resample

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SMALLEST_BUCKET_TOKENS = 16


@dataclass(frozen=True)
class Recipe:
    """What all recipes are: some choices, of which each decides a vector."""

    def fields(self) -> dict[str, Any]:
        """Give what goes into the encoder's id, as JSON."""
        chosen = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()}


@dataclass(frozen=True)
class TextRecipe(Recipe):
    """How a text becomes token ids: cut to `max_tokens` (special tokens included), padded up to a length bucket."""

    max_tokens: int
    name: str = "tokens"
    version: int = 1

    def fields(self) -> dict[str, Any]:
        """See `Recipe.fields`."""
        return super().fields() | {"buckets": "quarters of powers of two from 16"}

    def set_up(self, tokenizer: Tokenizer) -> None:
        """Let a tokenizer cut texts to `max_tokens` and pad none, once, before threads use it."""
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_tokens)

    def tokenize(self, tokenizer: Tokenizer, texts: Sequence[str]) -> list[np.ndarray]:
        """Turn each text into its int64 token ids, special tokens included, without padding."""
        return [np.asarray(encoding.ids, dtype=np.int64) for encoding in tokenizer.encode_batch_fast(list(texts))]

    def padded_tokens(self, tokens: int) -> int:
        """Give the length a row of `tokens` ids is padded to: 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, … `max_tokens`.

        A function of the row alone: padded to the longest of its batch, a vector would change with its batch mates
        (in the seventh digit, measured on MiniLM). Four steps to a doubling waste a tenth of the work on average.
        """
        octave = max(tokens - 1, _SMALLEST_BUCKET_TOKENS - 1).bit_length()
        step = max(1, 1 << octave >> 3)
        bucket = max(_SMALLEST_BUCKET_TOKENS, -(-tokens // step) * step)
        return max(min(bucket, self.max_tokens), tokens)


@dataclass(frozen=True)
class WindowRecipe(Recipe):
    """How a long text becomes several: windows of equal length spread evenly over it, at most `max_windows`.

    Up to that many windows leave nothing out; a longer text is read in as many places.
    """

    max_windows: int = 16
    name: str = "windows"
    version: int = 1

    def cut(self, text: str, spans: np.ndarray, room: int) -> list[str]:
        """Cut a text, whose tokens are at `spans` [tokens, 2], into windows of `room` tokens."""
        if len(spans) <= room:
            return [text]
        count = min(-(-len(spans) // room), self.max_windows)
        firsts = np.linspace(0, len(spans) - room, count).round().astype(int)
        return [text[spans[first, 0] : spans[first + room - 1, 1]] for first in firsts]


@dataclass(frozen=True)
class ImageRecipe(Recipe):
    """How a picture becomes the input of a network, as published for its training.

    The shorter side is scaled to `resize` pixels and the middle `crop` × `crop` taken; then, on the device,
    (sample − mean) / std for samples of 0…255.
    """

    name: str
    version: int
    resize: int
    crop: int
    resampling: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def pixels(self, image: Image.Image) -> np.ndarray:
        """Give the uint8 samples [crop, crop, 3] of an RGB picture.

        Scaling and cropping are one step: only the part that stays is resampled, so that a picture of 1 × 50,000,000
        pixels costs no more than a square one. Still uint8: a quarter of the memory of the floats.
        """
        side = min(image.size) * self.crop / self.resize
        left, top = (image.width - side) / 2, (image.height - side) / 2
        resampling = Image.Resampling[self.resampling.upper()]
        cropped = image.resize((self.crop, self.crop), resampling, box=(left, top, left + side, top + side))
        return np.asarray(cropped)


# The published preprocessing of EfficientNet-Lite (tensorflow/tpu, efficientnet/lite/efficientnet_lite_builder.py:
# MEAN_RGB 127, STDDEV_RGB 128, so that quantised networks start from round numbers) and of its evaluation
# (preprocessing.py: bicubic, crop padding 32). The ImageNet mean and deviation belong to the networks without "Lite".
EFFICIENTNET_LITE = ImageRecipe("efficientnet-lite", 1, 256, 224, "bicubic", (127.0,) * 3, (128.0,) * 3)

# torchvision.transforms.Normalize's usual ImageNet figures, for samples of 0…255.
IMAGENET = ImageRecipe("imagenet", 1, 256, 224, "bilinear", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))


@dataclass(frozen=True)
class LogMelRecipe(Recipe):
    """How a sound becomes log-mel windows [window_frames, bands], as published for a network's training.

    Spectra of `frame_samples` samples every `hop_samples`, the first one centred on the beginning; energies in mel
    bands, log10(1 + gain · energy) / top; windows of `window_frames` spectra every `step_frames`, a rest is left out,
    a sound shorter than one window is filled up with silence. Of more than `max_windows`, that many spread evenly.
    """

    name: str
    version: int
    rate: int
    frame_samples: int
    hop_samples: int
    bands: int
    gain: float
    top: float
    window_frames: int
    step_frames: int
    max_windows: int

    def windows(self, samples: np.ndarray, rate: int) -> np.ndarray:
        """Give float32 [windows, window_frames, bands] of a sound of one channel at `rate` samples a second."""
        samples = resample(samples, rate, self.rate)
        frames = -(-len(samples) // self.hop_samples) + 1
        half = self.frame_samples // 2
        padded = np.pad(samples, (half, half + self.window_frames * self.hop_samples))
        views = sliding_window_view(padded, self.frame_samples)[:: self.hop_samples]
        starts = spread(frames, self.window_frames, self.step_frames, self.max_windows)
        return np.stack([self._log_mel(views[start : start + self.window_frames]) for start in starts])

    def _log_mel(self, frames: np.ndarray) -> np.ndarray:
        energies = mel_energies(power_spectra(frames), self.rate, self.bands)
        return np.log10(1 + self.gain * energies) / np.float32(self.top)


@dataclass(frozen=True)
class WaveRecipe(Recipe):
    """How a sound becomes windows of plain samples, for networks that bring their own features.

    Windows of `window_seconds` one after the other, of more than `max_windows` that many spread evenly; a rest is left
    out, and a sound shorter than one window is repeated until it fills it.
    """

    rate: int
    window_seconds: int = 10
    max_windows: int = 6
    name: str = "waves"
    version: int = 1

    def windows(self, samples: np.ndarray, rate: int) -> list[np.ndarray]:
        """Give float32 windows of a sound of one channel at `rate` samples a second."""
        samples = resample(samples, rate, self.rate)
        size = self.rate * self.window_seconds
        samples = np.resize(samples, max(size, len(samples)))
        return [samples[start : start + size] for start in spread(len(samples), size, size, self.max_windows)]


@dataclass(frozen=True)
class FrameRecipe(Recipe):
    """Which frames of a film are looked at: `frames` of them, each in the middle of its equal share of the length."""

    frames: int = 4
    name: str = "frames"
    version: int = 1

    def fractions(self) -> list[float]:
        """Give the places, as fractions of the length."""
        return [(number + 0.5) / self.frames for number in range(self.frames)]


@dataclass(frozen=True)
class KeyFrameRecipe(Recipe):
    """Which frames of a film are looked at: `frames` in the middles of its longest shots (`mmrec.media.shots`)."""

    frames: int = 4
    name: str = "key frames"
    version: int = 1


@dataclass(frozen=True)
class ClipRecipe(Recipe):
    """What of a film a network of motion sees: `clips` in the middles of equal shares, of `frames` each.

    As published for its training, `rate` frames a second, scaled to `height` × `width` and the middle `crop` × `crop`
    taken; then, on the device, (sample − mean) / std for samples of 0…255. Scaling smooths, as Pillow does it.
    """

    name: str
    version: int
    clips: int
    frames: int
    rate: int
    height: int
    width: int
    crop: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def fractions(self) -> list[float]:
        """Give the middles of the clips, as fractions of the length."""
        return FrameRecipe(self.clips).fractions()

    def pixels(self, frames: Sequence[np.ndarray]) -> np.ndarray:
        """Give the uint8 samples [frames, crop, crop, 3] of RGB frames."""
        return np.stack([self._pixels(Image.fromarray(frame)) for frame in frames])

    def _pixels(self, frame: Image.Image) -> np.ndarray:
        across, down = frame.width * self.crop / self.width, frame.height * self.crop / self.height
        left, top = (frame.width - across) / 2, (frame.height - down) / 2
        box = (left, top, left + across, top + down)
        return np.asarray(frame.resize((self.crop, self.crop), Image.Resampling.BILINEAR, box=box))


# torchvision's preset for its networks of Kinetics-400 (transforms/_presets.py, VideoClassification; 16 frames at 15 a
# second: references/video_classification).
KINETICS = ClipRecipe(
    "kinetics",
    version=1,
    clips=3,
    frames=16,
    rate=15,
    height=128,
    width=171,
    crop=112,
    mean=(110.2008, 100.63983, 95.99475),
    std=(58.14765, 56.46975, 55.332195),
)


def spread(total: int, window: int, step: int, most: int) -> list[int]:
    """Give where windows of `window` begin in `total`, every `step`; of more than `most`, that many spread evenly."""
    count = max(1, (total - window) // step + 1)
    kept = np.linspace(0, count - 1, min(count, most)).round().astype(int)
    return (kept * step).tolist()


# The published preprocessing of aiSFX (Ma & Lerch 2022, "Representation Learning for the Automatic Indexing of Sound
# Effects Libraries"; package aisfx 0.1.2, inference.py and spectrogram_essentia.py, whose defaults for windows, bands
# and frames are Essentia's). It gives a vector for each 2.3 s, every 1.16 s. Essentia adds noise at -100 dB to silent
# frames, which changes no input by more than 2e-5; here they stay silent.
AISFX = LogMelRecipe("aisfx", 1, 44_100, 2048, 1024, 96, 1e4, 9.457798957824707, 100, 50, max_windows=16)
