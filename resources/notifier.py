"""Where alerts go: every target that the environment names, and always a log file.

Here: delivery. Not here: what is worth an alert and how it is worded (`mmrec_assets/running/alerts.py`). A target's
address may hold a password, so addresses appear in no log, message or metadata.
"""

import datetime as dt
import time
from pathlib import Path

import dagster as dg

_TRIES = 3
_PAUSE_SECONDS = 0.5


class Notifier(dg.ConfigurableResource):
    """Sends alerts to apprise targets (addresses separated by white space or commas) and to a log file."""

    targets: str = ""
    log_file: str = ""

    def send(self, title: str, body: str) -> int:
        """Writes the alert to the log file, then tries every target; returns how many could not be reached."""
        missed = sum(not _delivered(target, title, body) for target in self.addresses())
        self._log(title, body, missed)
        return missed

    def addresses(self) -> list[str]:
        """The targets, one by one."""
        return self.targets.replace(",", " ").split()

    def _log(self, title: str, body: str, missed: int) -> None:
        if not self.log_file:
            return
        path = Path(self.log_file)
        path.parent.mkdir(parents=True, exist_ok=True)
        note = f"\n(not delivered to {missed} of {len(self.addresses())} targets)" if missed else ""
        at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{at} {title}\n{body}{note}\n\n")


def _delivered(target: str, title: str, body: str) -> bool:
    import apprise

    sender = apprise.Apprise()
    if not sender.add(target):
        return False
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE_SECONDS * attempt)
        if sender.notify(title=title, body=body):
            return True
    return False
