"""seccomp: a filter, in the kernel, of the system calls of this process.

seccomp(2) describes how it is installed, and bpf(4) of the BSDs the instructions, which are few: load a word, compare
it, jump forwards, return. A call that the filter refuses returns EPERM.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from filterfleet.worker.sandbox.syscalls import ARCHITECTURES, REFUSED, SECCOMP, SOME
from filterfleet.worker.sandbox.system import call

_SET_MODE_FILTER = 1
_ALL_THREADS = 1 << 0  # SECCOMP_FILTER_FLAG_TSYNC

# Instructions of linux/bpf_common.h.
_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, and SECCOMP_RET_ERRNO with the error in its low bits

# Where struct seccomp_data has the call's number, its architecture, and the low halves of its arguments.
_NUMBER, _ARCHITECTURE = 0, 4
_ARGUMENTS = tuple(range(16, 64, 8))

_X32 = 0x40000000  # numbers from here on are those of x86-64's second interface, or of nothing

_AF_INET, _AF_INET6, _SOCK_STREAM, _IPPROTO_TCP = 2, 10, 1, 6
_SOCK_TYPE = 0xF  # the bits of a socket's type that are not flags
_MSG_FASTOPEN = 0x20000000  # connects without connect(), which some kernels forget to ask Landlock about
_CLONE_THREAD = 0x00010000
_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_TERMINAL = (0x5412, 0x541C, 0x5423)  # TIOCSTI and TIOCLINUX type for the user; TIOCSETD changes what a terminal does


@dataclass(frozen=True, slots=True)
class Instruction:
    """code and value as in struct sock_filter; then and otherwise are how many instructions a comparison jumps over."""

    code: int
    value: int
    then: int = 0
    otherwise: int = 0

    def packed(self) -> bytes:
        return struct.pack("=HBBI", self.code, self.then, self.otherwise, self.value)


_PASS = Instruction(_RETURN, _ALLOW)
_REFUSE = Instruction(_RETURN, _ERROR | errno.EPERM)
_UNKNOWN = Instruction(_RETURN, _ERROR | errno.ENOSYS)  # callers try an older call instead


def program(machine: str, pid: int, *, connects: bool) -> list[Instruction]:
    """The filter for a process with this pid, on a machine of ARCHITECTURES.

    One that connects may open TCP sockets. It may not send descriptors: only one that does not connect has to.
    """
    column, architecture = ARCHITECTURES[machine]
    code = [
        Instruction(_LOAD, _ARCHITECTURE),
        Instruction(_EQUAL, architecture, then=1),
        _REFUSE,
        Instruction(_LOAD, _NUMBER),
        Instruction(_AT_LEAST, _X32, otherwise=1),
        _REFUSE,
    ]
    for numbers in REFUSED.values():
        if (number := numbers[column]) is not None:
            code += [Instruction(_EQUAL, number, otherwise=1), _REFUSE]
    for name, block in _conditions(pid, connects=connects).items():
        code += [Instruction(_EQUAL, SOME[name][column], otherwise=len(block)), *block]
    return [*code, _PASS]


def _conditions(pid: int, *, connects: bool) -> dict[str, list[Instruction]]:
    """What follows when a call has one of these names. Each block ends in a return."""
    own = _if_equal(0, pid)
    return {
        "clone": [
            Instruction(_LOAD, _ARGUMENTS[0]),
            Instruction(_ANY_BIT, _NAMESPACES, then=2),
            Instruction(_ANY_BIT, _CLONE_THREAD, otherwise=1),
            _PASS,
            _REFUSE,
        ],
        "clone3": [_UNKNOWN],  # its flags are in memory, where a filter cannot look
        "ioctl": [
            Instruction(_LOAD, _ARGUMENTS[1]),
            *(each for request in _TERMINAL for each in (Instruction(_EQUAL, request, otherwise=1), _REFUSE)),
            _PASS,
        ],
        "kill": own,
        "prlimit64": _if_equal(0, 0),
        "sendmsg": [_REFUSE] if connects else _unless_bit(2, _MSG_FASTOPEN),
        "sendto": _unless_bit(3, _MSG_FASTOPEN),
        "socket": _tcp() if connects else [_REFUSE],
        "tgkill": own,
    }


def _tcp() -> list[Instruction]:
    """IPv4 or IPv6, a stream, and no protocol but TCP."""
    return [
        Instruction(_LOAD, _ARGUMENTS[0]),
        Instruction(_EQUAL, _AF_INET, then=1),
        Instruction(_EQUAL, _AF_INET6, otherwise=6),
        Instruction(_LOAD, _ARGUMENTS[1]),
        Instruction(_AND, _SOCK_TYPE),
        Instruction(_EQUAL, _SOCK_STREAM, otherwise=3),
        Instruction(_LOAD, _ARGUMENTS[2]),
        Instruction(_EQUAL, 0, then=2),
        Instruction(_EQUAL, _IPPROTO_TCP, then=1),
        _REFUSE,
        _PASS,
    ]


def _if_equal(argument: int, value: int) -> list[Instruction]:
    return [Instruction(_LOAD, _ARGUMENTS[argument]), Instruction(_EQUAL, value, otherwise=1), _PASS, _REFUSE]


def _unless_bit(argument: int, bit: int) -> list[Instruction]:
    return [Instruction(_LOAD, _ARGUMENTS[argument]), Instruction(_ANY_BIT, bit, then=1), _PASS, _REFUSE]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install(code: Sequence[Instruction]) -> None:
    """Filter the calls of all threads of this process from now on. no_new_privs has to be set. Raises OSError."""
    packed = b"".join(instruction.packed() for instruction in code)
    column, _ = ARCHITECTURES[os.uname().machine]
    result = call(SECCOMP[column], _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(_Program(len(code), packed)))
    if result:  # the id of a thread that cannot be synchronized
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
