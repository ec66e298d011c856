"""No network in tests: sockets beyond loopback are an error, and no library looks anything up."""

import ipaddress
import os
import socket

import pytest

for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "DO_NOT_TRACK"):
    os.environ[name] = "1"


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch):
    """A Python socket that looks up or connects to anything beyond loopback is an error, also where it is caught."""
    reached = []

    def checked(host):
        if not _is_loopback(host):
            reached.append(host)
            raise ConnectionError(f"a test reached for {host}: sockets beyond loopback are not allowed")

    def guarded(call):
        def call_checked(self, *arguments):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                checked(arguments[-1][0])
            return call(self, *arguments)

        return call_checked

    def looked_up(host, *arguments, **options):
        checked(host)
        return look_up(host, *arguments, **options)

    look_up = socket.getaddrinfo
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    yield reached
    assert not reached


def _is_loopback(host):
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost", "0.0.0.0"):  # the last one listens on every address and asks nobody
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False
