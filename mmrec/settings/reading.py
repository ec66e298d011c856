"""From `mmrec.toml` and the environment to checked settings, and from what is wrong there to one line.

The only module of the library that reads the environment. Not here: what the sections may hold (`sections.py`).
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mmrec.errors import SettingsError
from mmrec.settings.sections import Modality, Settings

FILE = "mmrec.toml"


def load(config: Path | str | None = None, environment: dict[str, str] | None = None) -> Settings:
    """Settings of a data set: `config`, else the file that `MMREC_CONFIG` names, else `mmrec.toml` in this folder.

    `MMREC_LAKE` and `MMREC_WEIGHTS` override the lake's root and the folder of weights. Raises `SettingsError` with one
    line that names the key, what was found and what is allowed.
    """
    env = dict(os.environ) if environment is None else environment
    path = _file(config or env.get("MMREC_CONFIG"))
    raw = _read_toml(path)
    base = path.resolve().parent
    home = (base / str(raw.get("home", ".mmrec"))).resolve()
    raw["home"], raw["data"] = str(home), str((base / str(raw.get("data", "."))).resolve())
    raw["weights"] = str((base / str(raw.get("weights", home / "weights"))).resolve())
    if env.get("MMREC_WEIGHTS"):
        raw["weights"] = env["MMREC_WEIGHTS"]
    raw["lake"] = _lake_section(raw, base, home, env.get("MMREC_LAKE"))
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise SettingsError(f"{path.name}: {_one_line(error)}") from None
    here = {
        name: each.model_copy(update={"encoder": _from(base, each.encoder)})
        for name, each in settings.embeddings.items()
    }
    return settings.model_copy(update={"embeddings": here})


def _from(base: Path, encoder: str) -> str:
    """An encoder's name, with the folder or weights file in it as seen from the settings file, if it is there."""
    family, _, place = encoder.partition(":")
    if family in ("frames", "keyframes", "windows"):
        return f"{family}:{_from(base, place)}"
    if family == "precomputed":
        name, at, file = place.rpartition("@")
        return f"{family}:{name}{at}{(base / Path(file).expanduser()).resolve()}"
    if family not in ("hf", "torchvision"):
        return encoder
    head, mark, file = encoder.partition("@" if family == "torchvision" else ":")
    found = (base / Path(file).expanduser()).resolve() if file else base
    return f"{head}{mark}{found}" if file and found.exists() else encoder


def _file(named: Path | str | None) -> Path:
    """The settings file: the one that is named, else the one that lies here."""
    if named:
        return Path(named).expanduser()
    if Path(FILE).is_file():
        return Path(FILE)
    raise SettingsError(
        f"no {FILE} in {Path.cwd()}, and MMREC_CONFIG names no other; `mmrec init FOLDER` drafts one from your files"
    )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError(f"no settings file at {path}; MMREC_CONFIG names it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name} is not valid TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None


def _lake_section(raw: dict[str, Any], base: Path, home: Path, override: str | None) -> Any:
    section = raw.get("lake", {})
    if not isinstance(section, dict):
        return section
    root = override or str(section.get("root") or home / "lake")
    return {**section, "root": root if "://" in root else str((base / Path(root).expanduser()).resolve())}


def _one_line(error: ValidationError) -> str:
    """The first problem, as: key: found …; expected …. An unknown key comes first: it may be why another is missing."""
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    parts = [str(part) for part in first["loc"] if part != "[key]"]
    key = ".".join(part for at, part in enumerate(parts) if parts[:2] != ["events", "weights"] or at != 1) or "settings"
    kind, found = first["type"], first["input"]
    if kind == "extra_forbidden":
        return f"unknown key '{key}'; {_allowed(first['loc'])}"
    if kind == "missing":
        return f"'{key}' is missing"
    if kind == "value_error":
        return f"{'' if key == 'settings' else key + ': '}{first['ctx']['error']}"
    if "[key]" in first["loc"]:
        return f"unknown key '{key}'; {_lower(first['msg'])}"
    return f"{key}: found {found!r}; {_lower(first['msg'])}"


def _allowed(location: tuple[int | str, ...]) -> str:
    model: Any = Settings
    for part in location[:-1]:
        field = model.model_fields.get(str(part)) if isinstance(model, type) and issubclass(model, BaseModel) else None
        model = Modality if field is None else field.annotation
    fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
    return "allowed here: " + ", ".join(sorted(fields))


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
