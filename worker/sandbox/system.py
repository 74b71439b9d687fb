"""System calls that Python has no function for."""

from __future__ import annotations

import ctypes
import os

_PR_SET_NO_NEW_PRIVS = 38  # prctl(2)

# capabilities(7) of root that remain: to read and write files that belong to others, where Landlock allows it. A worker
# that runs as root from a user's folder could not load its libraries without them.
_KEPT = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_VERSION_3 = 0x20080522  # of the structures of capset(2)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    """The low, then the high half of each set."""

    _fields_ = tuple(
        (name + half, ctypes.c_uint32) for half in ("", "_high") for name in ("effective", "permitted", "inheritable")
    )


def call(number: int, *arguments: object) -> int:
    """The result of the system call. Integers are passed as longs. Raises OSError."""
    libc = _libc()
    libc.syscall.restype = ctypes.c_long
    words = (ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments)
    result: int = libc.syscall(ctypes.c_long(number), *words)
    return _checked(result)


def renounce_privileges() -> None:
    """no_new_privs: no program that this process starts gains privileges by setuid bits or capabilities, and the kernel
    lets the process confine itself. Capabilities that it has, because it runs as root, are given up but for _KEPT.
    Raises OSError.
    """
    libc = _libc()
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))))
    header, held = _Header(_VERSION_3, 0), _Capabilities()
    _checked(libc.capget(ctypes.byref(header), ctypes.byref(held)))
    if held.permitted or held.permitted_high:  # else there is nothing to give up, and a unit may forbid the call
        left = _Capabilities(effective=held.effective & _KEPT, permitted=held.permitted & _KEPT)
        _checked(libc.capset(ctypes.byref(header), ctypes.byref(left)))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
