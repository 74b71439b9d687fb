"""Waiting for file descriptors."""

from __future__ import annotations

import fcntl
import resource
import socket
from collections.abc import Iterator

import pytest

from filterfleet.listener.cloud.polling import readable

NUMBER = 2000  # select(2) accepts descriptors up to 1023


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets. The descriptor of the first is at least NUMBER."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard <= NUMBER:
        pytest.skip(f"this process may not have {NUMBER} files open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, NUMBER + 1), hard))
    near, other = socket.socketpair()
    with near, other, socket.socket(fileno=fcntl.fcntl(near.fileno(), fcntl.F_DUPFD, NUMBER)) as far:
        yield far, other
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_descriptor_of_any_number_can_be_waited_for(pair):
    far, other = pair
    assert readable(0.01, far) == set()
    other.send(b"x")
    assert readable(10, far) == {far.fileno()}


def test_an_end_can_be_read(pair):
    far, other = pair
    other.close()
    assert readable(10, far) == {far.fileno()}
