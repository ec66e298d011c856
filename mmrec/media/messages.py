"""What the pool and a worker say to each other: one JSON message each way, an open file with it, arrays behind it.

Only JSON and numbers: a worker that was taken over by a file can answer wrongly, but never make the pool run code.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

_LENGTH = struct.Struct("!I")
_MAX_MESSAGE_BYTES = 1 << 16
_DTYPES = ("<f4", "|u1")

Message = dict[str, Any]


def send(
    connection: socket.socket, message: Message, arrays: Sequence[np.ndarray] = (), file: int | None = None
) -> None:
    """Send a message, with the descriptor `file` beside it, then the bytes of `arrays` (float32 or uint8)."""
    shapes = [(array.dtype.str, array.shape) for array in arrays]
    text = json.dumps(message | {"arrays": shapes}).encode()
    if file is None:
        connection.sendall(_LENGTH.pack(len(text)))
    else:
        socket.send_fds(connection, [_LENGTH.pack(len(text))], [file])
    connection.sendall(text)
    for array in arrays:
        connection.sendall(np.ascontiguousarray(array).reshape(-1).data)


def receive(connection: socket.socket, max_bytes: int = 0) -> tuple[Message, list[np.ndarray]]:
    """Give a message and the arrays behind it, at most `max_bytes` in all.

    `EOFError` when the other end is gone; `ValueError` or another error for an answer outside these rules.
    """
    return _rest(connection, connection.recv(_LENGTH.size), max_bytes)


def receive_file(connection: socket.socket) -> tuple[Message, int]:
    """Give a message and the descriptor of the file that came with it."""
    length, files, *_ = socket.recv_fds(connection, _LENGTH.size, 1)
    message, _ = _rest(connection, length, 0)
    return message, files[0]


def _rest(connection: socket.socket, length: bytes, max_bytes: int) -> tuple[Message, list[np.ndarray]]:
    if len(length) < _LENGTH.size:  # it is sent in one piece
        raise EOFError
    message_bytes = _LENGTH.unpack(length)[0]
    if message_bytes > _MAX_MESSAGE_BYTES:
        raise ValueError("the message is too long")
    message = json.loads(bytes(_read(connection, message_bytes)))
    described = [(dtype, tuple(map(int, shape))) for dtype, shape in message.pop("arrays")]
    if any(dtype not in _DTYPES or min(shape, default=0) < 1 for dtype, shape in described):
        raise ValueError("the arrays are not of a known kind")
    if sum(math.prod(shape) * np.dtype(dtype).itemsize for dtype, shape in described) > max_bytes:
        raise ValueError("the arrays are too big")
    return message, [_array(connection, *one) for one in described]


def _array(connection: socket.socket, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    return _read(connection, math.prod(shape) * np.dtype(dtype).itemsize).view(dtype).reshape(shape)


def _read(connection: socket.socket, count: int) -> np.ndarray:
    data = np.empty(count, dtype=np.uint8)
    filled = 0
    while filled < count:
        got = connection.recv_into(data.data[filled:])
        if not got:
            raise EOFError
        filled += got
    return data
