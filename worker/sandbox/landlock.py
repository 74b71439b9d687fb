"""Landlock: which files and TCP ports this thread, and the threads that it starts from now on, can reach.

The system calls, their numbers and their structures are those of linux/landlock.h; landlock(7) describes them.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from filterfleet.worker.sandbox.rules import Rules
from filterfleet.worker.sandbox.system import call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_ASK_VERSION = 1 << 0
_PATH_BENEATH, _NET_PORT = 1, 2

# Rights on files, in the order of their bits: execute, write_file, read_file, read_dir, remove_dir, remove_file,
# make_char, make_dir, make_reg, make_sock, make_fifo, make_block, make_sym, refer, truncate, ioctl_dev.
_WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_FILE, _MAKE_REG, _TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 5, 1 << 8, 1 << 14
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}  # how many of them the kernel knows, from this version of its interface on
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1  # from version 4 on
_ABSTRACT_UNIX_SOCKETS, _SIGNALS = 1 << 0, 1 << 1  # from version 6 on: only to processes of the same sandbox

_READ = _READ_FILE | _READ_DIR
_SPOOL = _READ_FILE | _WRITE_FILE | _MAKE_REG | _REMOVE_FILE | _TRUNCATE  # nobody has to know which files there are
_USE = _READ_FILE | _WRITE_FILE
_ON_A_FILE = _READ_FILE | _WRITE_FILE | _TRUNCATE


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"  # what _pack_ means; from Python 3.14 on it has to be said
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


class _NetPort(ctypes.Structure):
    _fields_ = (("rights", ctypes.c_uint64), ("port", ctypes.c_uint64))


def version() -> int:
    """The version of the kernel's interface, 1 or more. Raises OSError when the kernel has no Landlock."""
    return call(_CREATE_RULESET, None, 0, _ASK_VERSION)


def restrict(rules: Rules) -> int:
    """Reach nothing but what the rules name. What they name and is not there is left out. Returns version().

    no_new_privs has to be set. Raises OSError.
    """
    kernel = version()
    files = (1 << _FILE_RIGHTS[max(known for known in _FILE_RIGHTS if known <= kernel)]) - 1
    asked = _Ruleset(
        files,
        _BIND_TCP | _CONNECT_TCP if kernel >= 4 else 0,
        _ABSTRACT_UNIX_SOCKETS | _SIGNALS if kernel >= 6 else 0,
    )
    ruleset = call(_CREATE_RULESET, ctypes.byref(asked), ctypes.sizeof(asked), 0)
    try:
        for paths, rights in ((rules.read, _READ), (rules.spool, _SPOOL), (rules.devices, _USE)):
            for path in paths:
                _allow(ruleset, path, rights & files)
        for port in rules.ports if kernel >= 4 else ():
            call(_ADD_RULE, ruleset, _NET_PORT, ctypes.byref(_NetPort(_CONNECT_TCP, port)), 0)
        call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return kernel


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not path.is_dir():
            rights &= _ON_A_FILE
        call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_PathBeneath(rights, descriptor)), 0)
    finally:
        os.close(descriptor)
