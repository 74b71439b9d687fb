"""The filter of system calls, run by an interpreter of its few instructions: for every architecture, on any machine."""

from __future__ import annotations

import errno
import struct

import pytest

from filterfleet.worker.sandbox.seccomp import Instruction, program
from filterfleet.worker.sandbox.syscalls import ARCHITECTURES, REFUSED, SOME

PID = 4711
ALLOWED, REFUSED_CALL, UNKNOWN = "allowed", errno.EPERM, errno.ENOSYS
STREAM, DGRAM, NONBLOCK, CLOEXEC = 1, 2, 0o4000, 0o2000000
THREAD = 0x3D0F00  # what glibc passes to clone() for a thread


def run(code: list[Instruction], number: int, architecture: int, arguments: tuple[int, ...] = ()) -> str | int:
    """What the kernel would do with the call."""
    data = struct.pack("<iIQ6Q", number, architecture, 0, *(*arguments, *[0] * 6)[:6])
    value = at = 0
    while True:
        step = code[at]
        at += 1
        match step.code:
            case 0x20:
                value = struct.unpack_from("<I", data, step.value)[0]
            case 0x54:
                value &= step.value
            case 0x15 | 0x35 | 0x45:
                true = {0x15: value == step.value, 0x35: value >= step.value, 0x45: bool(value & step.value)}[step.code]
                at += step.then if true else step.otherwise
            case 0x06:
                return ALLOWED if step.value == 0x7FFF0000 else step.value & 0xFFFF
            case _:
                raise AssertionError(step)


@pytest.fixture(params=ARCHITECTURES)
def machine(request):
    return request.param


@pytest.fixture(params=[True, False], ids=["connects", "does not connect"])
def connects(request):
    return request.param


def outcome(machine, connects, name, *arguments):
    column, architecture = ARCHITECTURES[machine]
    return run(program(machine, PID, connects=connects), SOME[name][column], architecture, arguments)


def test_the_refused_calls_are_refused_and_their_neighbours_are_not(machine, connects):
    column, architecture = ARCHITECTURES[machine]
    code = program(machine, PID, connects=connects)
    refused = {numbers[column] for numbers in REFUSED.values()} - {None}
    some = {numbers[column] for numbers in SOME.values()}
    assert not refused & some
    for number in range(500):
        if number not in some:
            assert run(code, number, architecture) == (REFUSED_CALL if number in refused else ALLOWED), number


def test_no_number_stands_twice(machine):
    column, _ = ARCHITECTURES[machine]
    numbers = [pair[column] for pair in (*REFUSED.values(), *SOME.values()) if pair[column] is not None]
    assert len(numbers) == len({*numbers})


def test_calls_of_another_interface_are_refused(machine, connects):
    code = program(machine, PID, connects=connects)
    _, architecture = ARCHITECTURES[machine]
    assert run(code, 0, 0x40000003) == REFUSED_CALL  # i386
    assert run(code, 0x40000000, architecture) == REFUSED_CALL  # x32
    assert run(code, 0x40000000 + 59, architecture) == REFUSED_CALL


@pytest.mark.parametrize("family", [2, 10])
@pytest.mark.parametrize("flags", [0, CLOEXEC, NONBLOCK | CLOEXEC])
def test_only_tcp_sockets(machine, family, flags):
    for protocol in (0, 6):
        assert outcome(machine, True, "socket", family, STREAM | flags, protocol) == ALLOWED
        assert outcome(machine, False, "socket", family, STREAM | flags, protocol) == REFUSED_CALL
    for protocol in (1, 17, 132, 262):
        assert outcome(machine, True, "socket", family, STREAM | flags, protocol) == REFUSED_CALL
    for kind in (DGRAM, 3, 5, 0):
        assert outcome(machine, True, "socket", family, kind | flags) == REFUSED_CALL


@pytest.mark.parametrize("family", [0, 1, 3, 16, 17, 29, 38, 40, 43, 1 << 31])
def test_no_other_sockets(machine, connects, family):
    assert outcome(machine, connects, "socket", family, STREAM) == REFUSED_CALL


def test_threads_but_no_processes_and_no_namespaces(machine, connects):
    assert outcome(machine, connects, "clone", THREAD) == ALLOWED
    assert outcome(machine, connects, "clone", 17) == REFUSED_CALL  # fork()
    for namespace in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert outcome(machine, connects, "clone", THREAD | namespace) == REFUSED_CALL
    assert outcome(machine, connects, "clone3") == UNKNOWN


def test_signals_and_limits_of_its_own(machine, connects):
    for name in ("kill", "tgkill"):
        assert outcome(machine, connects, name, PID) == ALLOWED
        for other in (0, 1, PID + 1, (1 << 64) - 1):
            assert outcome(machine, connects, name, other) == REFUSED_CALL
    assert outcome(machine, connects, "prlimit64", 0) == ALLOWED
    assert outcome(machine, connects, "prlimit64", 1) == REFUSED_CALL


def test_nothing_is_typed_on_a_terminal(machine, connects):
    for request in (0x5412, 0x541C, 0x5423, 0xFF_0000_5412):  # the kernel looks at the low half only
        assert outcome(machine, connects, "ioctl", 0, request) == REFUSED_CALL
    for request in (0x5401, 0x5413, 0x541B):  # is it a terminal, how large is it, how much is there to read?
        assert outcome(machine, connects, "ioctl", 0, request) == ALLOWED


def test_sending(machine):
    for connects in (True, False):
        assert outcome(machine, connects, "sendto", 3, 0, 1, 0x4040) == ALLOWED
        assert outcome(machine, connects, "sendto", 3, 0, 1, 0x20004040) == REFUSED_CALL  # MSG_FASTOPEN
    assert outcome(machine, True, "sendmsg", 3) == REFUSED_CALL
    assert outcome(machine, False, "sendmsg", 3) == ALLOWED
    assert outcome(machine, False, "sendmsg", 3, 0, 0x20000000) == REFUSED_CALL
