"""Settings that only declare: for tests of the graph before anything has run."""

from mmrec.settings import Settings


def make_settings(**changes):
    """Ten days, text and pictures with the encoders of the demo, a lake that is nowhere."""
    return Settings.model_validate(
        {
            "name": "tiny",
            "lake": {"root": "/nowhere/lake"},
            "calendar": {"start": "2024-01-01", "end": "2024-01-11"},
            "interactions": {"files": ["*.csv"], "event": "view"},
            "events": {"view": 1.0},
            "items": {"files": ["items.csv"], "columns": {"text": ["title"], "image": "picture"}},
            "embeddings": {"text": {"encoder": "minilm"}, "image": {"encoder": "efficientnet-lite0"}},
            **changes,
        }
    )


def names(keys):
    """Asset keys as `stage/name`."""
    return {"/".join(key.path) for key in keys}
