"""Decoding a few frames of one film. Runs in the worker; FFmpeg behind PyAV does the work."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrec.media import film_parts, shots
from mmrec.media.opening import BadMedia

KINDS = "MP4, MOV, WebM, MKV, AVI"
# The demuxer is pinned, so that a text that names other files is never taken for a film, and opens no other file.
_OPTIONS = {"protocol_whitelist": "none", "enable_drefs": "0"}
_MOV_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_TOLERANCE_SECONDS, _TOLERANCE_SHARE = 0.25, 0.02


@dataclass(frozen=True)
class _Index:
    """Where the pictures of a film are, in units of its stream: first, end, how many, and where decoding can start."""

    first: int
    end: int
    frames: int
    starts: list[int]

    def start_before(self, place: float) -> int:
        """Give the nearest start of decoding at or before `place`."""
        return self.starts[max(0, bisect_right(self.starts, place) - 1)] if self.starts else self.first


def decode(
    file: io.RawIOBase,
    *,
    max_seconds: float,
    max_pixels: int,
    fractions: Sequence[float] = (),
    burst: int = 1,
    apart_seconds: float = 0.0,
    key_frames: int = 0,
) -> tuple[dict[str, int], list[np.ndarray]]:
    """Give {} and the RGB frames (uint8 [height, width, 3]) shown at `fractions` of the film's length, upright.

    With a `burst` it is so many frames `apart_seconds` from each other, the middle of them at each fraction. With
    `key_frames` it is so many at the middles of the longest shots instead (`shots`). The kind is told from the first
    bytes. `BadMedia` for another kind, a film without pictures, one that is damaged or cut short, an over-long one, and
    frames of more than `max_pixels`.
    """
    import av

    kind = _kind(file.read(12) or b"")
    film_parts.check_end(file, kind)
    try:
        with av.open(file, format=kind, options=_OPTIONS, **_any_titles(av)) as container:
            stream = container.streams.best("video")
            if stream is None:
                raise BadMedia("the film holds no pictures")
            _check_size(container, stream, max_seconds, max_pixels)
            stream.codec_context.thread_count = 1
            index = _index(container, stream)
            if key_frames:
                looks = _looks(container, stream, index, max_pixels)
                places = shots.moments(shots.found(looks, index.first, index.end), key_frames)
            else:
                apart = apart_seconds / float(stream.time_base)
                middles = [index.first + fraction * (index.end - index.first) for fraction in fractions]
                places = [middle + (at - (burst - 1) / 2) * apart for middle in middles for at in range(burst)]
            frames = _frames_at(container, stream, index, places, max_pixels)
            return {}, [_upright(frame) for frame in frames]
    except MemoryError:  # FFmpeg's own is one too
        raise
    except av.FFmpegError as error:
        raise BadMedia(f"the film is damaged or cut short: {error.strerror}") from error


def _any_titles(av: Any) -> dict[str, Any]:
    """Read films whose titles are no UTF-8; PyAV does so by itself from version 19 on."""
    return {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}


def _kind(head: bytes) -> str:
    if head[4:8] in _MOV_ATOMS:
        return "mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    raise BadMedia(f"not a film of a known kind ({KINDS}), or its beginning is damaged")


def _check_size(container: Any, stream: Any, max_seconds: float, max_pixels: int) -> None:
    _check_pixels(stream.codec_context, max_pixels)
    seconds = (container.duration or 0) / 1e6
    if seconds > max_seconds:
        raise BadMedia(f"the film is too long: {seconds:,.0f} seconds, allowed {max_seconds:,.0f}")


def _check_pixels(picture: Any, max_pixels: int) -> None:
    if picture.width * picture.height > max_pixels:
        raise BadMedia(f"too many pixels: {picture.width} × {picture.height}, allowed {max_pixels:,} in all")


def _index(container: Any, stream: Any) -> _Index:
    """Read all packets without decoding them; refuses a film that ends before it says it does."""
    times, starts, seen_seconds = [], [], 0.0
    for packet in container.demux():
        when = packet.pts if packet.pts is not None else packet.dts
        if when is None:
            continue
        if packet.is_corrupt:
            raise BadMedia("the film is damaged or cut short: a part of it is missing")
        end = when + (packet.duration or 0)
        seen_seconds = max(seen_seconds, float(end * packet.time_base))
        if packet.stream_index == stream.index:
            times += [when, end]
            starts += [when] if packet.is_keyframe else []
    if not times:
        raise BadMedia("the film holds no pictures")
    _check_end(seen_seconds, (container.duration or 0) / 1e6)
    return _Index(min(times), max(times), len(times) // 2, sorted(starts))


def _check_end(seen_seconds: float, declared_seconds: float) -> None:
    if declared_seconds - seen_seconds > max(_TOLERANCE_SECONDS, _TOLERANCE_SHARE * declared_seconds):
        raise BadMedia(f"the film is cut short: {seen_seconds:.1f} seconds of {declared_seconds:.1f} are there")


def _looks(container: Any, stream: Any, index: _Index, max_pixels: int) -> Iterator[tuple[float, np.ndarray]]:
    """Give times of frames and the frames in small: all of them, or of a long film some where decoding can start."""
    most = max(1, shots.LOOKED_PIXELS // max(1, stream.codec_context.width * stream.codec_context.height))
    if index.frames <= most:
        frames = _decoded_from(container, stream, index.first, max_pixels)
    else:
        starts = index.starts or [index.first]
        chosen = np.unique(np.linspace(0, len(starts) - 1, min(most, len(starts))).round().astype(int))
        frames = _frames_at(container, stream, index, [starts[at] for at in chosen], max_pixels)
    for frame in frames:
        small = frame.reformat(shots.LOOK_WIDTH, shots.LOOK_HEIGHT, "rgb24", interpolation="AREA")
        yield frame.pts, small.to_ndarray()


def _frames_at(container: Any, stream: Any, index: _Index, places: Sequence[float], max_pixels: int) -> Iterator[Any]:
    """Give the first frame at or after each place, decoding from the nearest place before it where that can start.

    Places rise.
    """
    frames: Iterator[Any] = iter(())
    frame = None
    for place in places:
        start = index.start_before(place)
        if frame is None or frame.pts < start:
            frames, frame = _decoded_from(container, stream, start, max_pixels), None
        frame = _first_at(place, frame, frames)
        if frame is None:
            raise BadMedia("the film is damaged: no picture can be decoded")
        yield frame


def _decoded_from(container: Any, stream: Any, start: int, max_pixels: int) -> Iterator[Any]:
    container.seek(start, stream=stream)
    for frame in container.decode(stream):
        _check_pixels(frame, max_pixels)
        if frame.pts is not None:
            yield frame


def _first_at(place: float, frame: Any, following: Iterator[Any]) -> Any:
    """Step on from `frame` to the first one at or after `place`; the last one of a film is shown to its end."""
    while frame is None or frame.pts < place:
        further = next(following, None)
        if further is None:
            break
        frame = further
    return frame


def _upright(frame: Any) -> np.ndarray:
    """Give the pixels as they are shown: a camera held on its side says so beside the pictures."""
    return np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
