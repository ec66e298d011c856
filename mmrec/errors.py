"""The errors a person is meant to read. Nothing else belongs here."""


class MmrecError(Exception):
    """Something a person can put right: the message says what was found, what was expected and what to do.

    Commands print it as one line and exit with 1; the asset graph turns it into a failed step without a traceback.
    It never holds a person's id.
    """


class SettingsError(MmrecError):
    """A setting that cannot be used: names the key, what was found and what is allowed."""
