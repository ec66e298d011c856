"""The pool of decoders: a file that breaks a worker costs that file only, and no process is left behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mmrec.errors import MmrecError
from mmrec.media import messages
from mmrec.media.decoded import read_sound
from mmrec.media.opening import BadMedia
from mmrec.media.pool import Decoders, Limits
from tests.helpers.clips import chirp, registered, sound

ROOT = Path(__file__).resolve().parents[2]
# A worker that obeys what a file says, as one does that was taken over by it; all other files it really decodes.
MISBEHAVING = """
import os, signal, socket, sys, time
from mmrec.media import sound, worker

really = sound.decode

def decode(file, **caps):
    order = file.read(8)
    if order == b"kill me!":
        os.kill(os.getpid(), signal.SIGKILL)
    if order == b"crash me":
        os.kill(os.getpid(), signal.SIGSEGV)
    if order == b"leave me":
        os._exit(3)
    if order == b"no such!":
        import no_such_decoder
    if order == b"sleep on":
        time.sleep(60)
    if order == b"hoard it":
        return {}, [bytearray(1 << 40)]
    while order == b"spin on!":
        pass
    if order == b"babble!!":
        socket.socket(fileno=int(sys.argv[1])).sendall(b"\\x00\\x00\\x00\\x05nope!")
    return really(file, **caps)

sound.decode = decode
worker.main(*map(int, sys.argv[1:]))
"""


@pytest.fixture
def misbehaving(tmp_path, monkeypatch):
    (tmp_path / "misbehaving.py").write_text(MISBEHAVING)
    monkeypatch.syspath_prepend(tmp_path)
    return "misbehaving"


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (b"kill me!", "the decoder was killed while it read the file; perhaps the machine ran out of memory"),
        (b"crash me", "the decoder crashed on the file (SIGSEGV)"),
        (b"leave me", "the decoder stopped at the file (exit status 3)"),
        (b"sleep on", "decoding the file took longer than 2 seconds"),
        (b"spin on!", "decoding the file took more than 0 seconds of computing"),
        (b"hoard it", "decoding the file needs too much memory"),
        (b"babble!!", "the decoder gave no sensible answer"),
    ],
)
def test_a_worker_that_breaks_costs_one_file_and_a_fresh_one_takes_the_next(misbehaving, tmp_path, order, reason):
    decoders = Decoders(Limits(cpu_seconds=0, wait_seconds=2 if order == b"sleep on" else 60), misbehaving)
    good, bad = sound(tmp_path / "good.wav"), tmp_path / "bad.wav"
    bad.write_bytes(order)
    assert read_sound(decoders, good)[1] == 44_100
    with pytest.raises(BadMedia) as refused:
        read_sound(decoders, registered(bad))
    assert str(refused.value) == reason
    assert read_sound(decoders, good)[1] == 44_100


def test_a_worker_that_was_ended_while_it_waited_is_no_files_fault(tmp_path):
    decoders, ref = Decoders(), sound(tmp_path / "a.wav")
    read_sound(decoders, ref)
    waiting = decoders._idle[0]._process
    waiting.kill()
    waiting.wait()
    assert len(read_sound(decoders, ref)[0]) == len(chirp())
    decoders.close()


def test_files_are_read_side_by_side_and_answers_keep_their_order(tmp_path):
    decoders = Decoders()
    refs = [sound(tmp_path / f"{n}.wav", np.full(4_410 * (n + 1), n / 32, dtype=np.float32)) for n in range(12)]
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(lambda ref: read_sound(decoders, ref)[0], refs))
    assert [len(samples) for samples in found] == [4_410 * (n + 1) for n in range(12)]
    for number, samples in enumerate(found):
        np.testing.assert_allclose(samples, number / 32, atol=1e-4)
    decoders.close()


def test_a_file_that_needs_more_memory_than_allowed_is_refused(tmp_path):
    decoders = Decoders(Limits(memory_bytes=350 << 20))
    small = sound(tmp_path / "small.wav", np.zeros(8_000), 192_000, subtype="PCM_U8")
    header = bytearray(small.path.read_bytes()[:44])
    samples = 599 * 192_000
    header[4:8], header[40:44] = (samples + 36).to_bytes(4, "little"), samples.to_bytes(4, "little")
    big = tmp_path / "big.wav"
    big.write_bytes(header)
    os.truncate(big, 44 + samples)  # holes in place of samples: 460 MB once they are floats
    with pytest.raises(BadMedia, match="needs too much memory"):
        read_sound(decoders, registered(big))
    assert len(read_sound(decoders, small)[0]) == 8_000


def test_a_worker_that_does_not_start_is_nobodys_fault(tmp_path):
    ref = sound(tmp_path / "a.wav")
    with pytest.raises(MmrecError, match=r"does not start: .*No module named no_such_program"):
        read_sound(Decoders(program="no_such_program"), ref)


def test_a_decoder_that_does_not_work_at_all_is_no_files_fault(misbehaving, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"no such!")
    with pytest.raises(MmrecError, match="sounds cannot be decoded by this installation: ModuleNotFoundError: No mod"):
        read_sound(Decoders(program=misbehaving), registered(tmp_path / "a.wav"))


def test_the_worker_is_confined_and_knows_no_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    decoders = Decoders()
    read_sound(decoders, sound(tmp_path / "a.wav"))
    (worker,) = decoders._idle
    proc = Path("/proc") / str(worker._process.pid)
    assert b"hush" not in (proc / "environ").read_bytes()
    limits = (proc / "limits").read_text()
    assert re.search(r"Max file size +0 ", limits)
    assert re.search(r"Max core file size +0 ", limits)
    assert re.search(rf"Max address space +{3 << 29} ", limits)
    assert re.search(r"Max cpu time +6[12] ", limits)
    assert str((proc / "cwd").readlink()).endswith("(deleted)")
    assert "torch" not in (proc / "maps").read_text()
    decoders.close()
    assert not proc.exists()


USER = """
import sys, time
from pathlib import Path
from mmrec.media.pool import Decoders
from mmrec.media.decoded import read_sound
from mmrec.media.opening import MediaRef

path = Path(sys.argv[1])
decoders = Decoders()
read_sound(decoders, MediaRef(path, path.parent, sys.argv[2]))
print(decoders._idle[0]._process.pid, flush=True)
time.sleep(float(sys.argv[3]))
"""


@pytest.mark.parametrize("ending", ["by itself", "killed"])
def test_no_worker_outlives_its_parent_however_it_ends(tmp_path, ending):
    ref = sound(tmp_path / "a.wav")
    script = tmp_path / "user.py"
    script.write_text(USER)  # without a guard on __name__: nothing may import it again
    arguments = [str(ref.path), ref.sha256, "60" if ending == "killed" else "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True, env=environment
    ) as user:
        said = user.stdout.readline()
        if ending == "killed":
            user.kill()
        assert user.wait(20) == (-signal.SIGKILL if ending == "killed" else 0)
        assert user.stdout.read() == ""
    until = time.monotonic() + 10
    while Path(f"/proc/{int(said)}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not Path(f"/proc/{int(said)}").exists()


def test_a_pool_that_nobody_holds_is_gone(tmp_path):
    decoders = Decoders()
    read_sound(decoders, sound(tmp_path / "a.wav", chirp(0.1)))
    process = decoders._idle[0]._process
    del decoders
    assert process.returncode == 0


def test_a_file_that_is_written_to_while_it_is_decoded_is_refused(tmp_path):
    ref = sound(tmp_path / "a.wav")

    class Writing(Decoders):
        def decode(self, file, *arguments, **options):
            answer = super().decode(file, *arguments, **options)
            ref.path.write_bytes(ref.path.read_bytes())
            return answer

    with pytest.raises(BadMedia, match="changed since it was registered"):
        read_sound(Writing(), ref)


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ([["<f4", [1 << 40]]], "too big"),
        ([["<f4", [1 << 40, 1 << 40]]], "too big"),
        ([["<f4", [-1, 8]]], "known kind"),
        ([["|O", [1]]], "known kind"),
    ],
)
def test_what_a_worker_says_of_its_arrays_is_not_believed(shapes, reason):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        text = json.dumps({"arrays": shapes}).encode()
        theirs.sendall(len(text).to_bytes(4, "big") + text)
        with pytest.raises(ValueError, match=reason):
            messages.receive(ours, 1 << 20)
