"""Texts and pictures that tests of encoders encode."""

from tests.helpers.clips import needs_weights, registered

weights = needs_weights("minilm", "efficientnet-lite0")
TEXTS = [
    "A cowboy doll is threatened by a new spaceman toy.",
    "Toys come to life when their owner leaves the room.",
    "Two families feud over an oil field in Texas.",
    "x",
    "",
    "Space, the final frontier. " * 12,
    "A very long plot about a detective who follows a trail of clues. " * 40,
    *(f"Comedy number {n}: " + "a wedding goes wrong " * (n % 5) for n in range(12)),
]


def saved(image, path):
    image.save(path)
    return registered(path)
