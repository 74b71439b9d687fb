"""Translates rclone's error texts into one sentence each, and tells whether trying again can help."""

from __future__ import annotations

import re

from filterfleet.common.text import printable
from filterfleet.listener.cloud.rclone.hidden import connection_of
from filterfleet.listener.interfaces import BusyError, TransferError

LONGEST = 300  # characters of rclone's own text that a message may quote


class MissingError(TransferError):
    """A folder or file does not exist."""


MISSING = "there is no such folder or file."
TAKEN_FOR_FILE = "is a file not a directory"  # rclone also says so of an S3 folder when it cannot reach the server
BUSY = "the server asks for fewer requests; they will be repeated later."
UNNAMEABLE = "the store does not allow a file with this name."  # the only error that trying again never cures

# What we say, and the expressions to look for in rclone's text. The first sentence with a match is used.
_SENTENCES = {
    "rclone knows no remote with this name: `filterfleet remotes` lists those it knows.": r"""
        didn't find section in config file
    """,
    "the rclone configuration is encrypted: set RCLONE_CONFIG_PASS.": r"""
        decrypt configuration
    """,
    UNNAMEABLE: r"""
        name ?(?:is )?too long|illegal (?:file ?)?name|invalid (?:file|object) ?name|invalid character
        KeyTooLong|malformed_path|InvalidObjectName|InvalidURI|object name contains
    """,
    BUSY: r"""
        rate.?limit|too.?many.?requests|SlowDown|\b429\b
    """,
    "there is no room left in the store.": r"""
        no space left|(?:disk|storage|over|insufficient).?quota|quota.?(?:has been )?exceeded|\b507\b
        insufficient.?(?:storage|space)|teamDriveFileLimit
    """,
    "the server's host key does not match the one in known_hosts.": r"""
        knownhosts: key|host key
    """,
    "the store does not accept the credentials in the rclone configuration.": r"""
        InvalidAccessKeyId|SignatureDoesNotMatch|unable to authenticate|\b401\b|Unauthorized|InvalidToken|authError
        couldn't fetch token|invalid_grant|invalid_client|expired_?(?:access_)?token|AuthenticationFailed|no ?credential
        Login incorrect|LOGON_FAILURE|incorrect (?:user|password)
    """,
    "there is no such bucket.": r"""
        NoSuchBucket|bucket .*(?:not found|does not exist)
    """,
    "access is denied: this account does not have the permission.": r"""
        AccessDenied|permission denied|\b403\b|Forbidden|insufficient.?(?:file)?.?permission|not authorized
        read.only file ?system
    """,
    MISSING: rf"""
        (?:directory|object|file) not found|no such file or directory|\b404\b|couldn't find .*directory
        {TAKEN_FOR_FILE}
    """,
    "the name of the server cannot be resolved: is it misspelt, or is the network down?": r"""
        no such host|server misbehaving|failure in name resolution
    """,
    "the server cannot be reached.": r"""
        connection refused|connection reset|broken pipe|i/o timeout|no route to host|network is unreachable|\bEOF\b
        deadline exceeded|handshake failed|connection (?:lost|closed)|closed network|couldn't connect|Client\.Timeout
        server closed|timeout awaiting response|request send failed
    """,
    "the server reports an internal error.": r"""
        \b50[0234]\b|Internal ?(?:Server ?)?Error|Bad Gateway|Service ?Unavailable|backendError
    """,
}
_PATTERNS = [
    (re.compile("|".join(line.strip() for line in text.strip().splitlines()), re.IGNORECASE), sentence)
    for sentence, text in _SENTENCES.items()
]
_ADVICE = re.compile(r"\S+ \S+ (?:NOTICE|INFO|DEBUG) *: (?!Failed to )")
_TIME = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (?:[A-Z]+ *: *)?", re.MULTILINE)


def shown(fs: str, path: str = "") -> str:
    """The name of a place in a remote for messages, without a connection string's options, which may hold secrets.

    fs: the remote's root as rclone names it; path: below that root.
    """
    connection = connection_of(fs)
    root = fs if connection is None else f"{connection.name}:{connection.path}"
    if not path:
        return printable(root)
    return printable(root + path if not root or root.endswith((":", "/")) else f"{root}/{path}")


def explain(text: str, fs: str, path: str = "") -> TransferError:
    """The error to raise when rclone fails with this text at the place shown(fs, path).

    It is a MissingError if something does not exist, and a BusyError if the store asks for fewer requests. Only a name
    that the store does not allow is not transient.
    """
    place = shown(fs, path)
    searched = text.replace(path, "") if path else text  # somebody may have named a file after an error
    for pattern, sentence in _PATTERNS:
        if pattern.search(searched):
            if sentence == BUSY:
                return BusyError(f"{place}: {sentence}")
            error = MissingError if sentence == MISSING else TransferError
            return error(f"{place}: {sentence}", transient=sentence != UNNAMEABLE)
    return TransferError(f"{place}: rclone says: {quoted(text, fs)}", transient=True)


def complaints(said: str) -> str:
    """What an rclone command printed, without its advice; the reason of a failure stays, though it is a notice too."""
    return "\n".join(line for line in said.splitlines() if not _ADVICE.match(line))


def quoted(text: str, fs: str = "") -> str:
    """rclone's own words on one printable line of limited length, without the options of a connection string."""
    plain = _TIME.sub("", text)
    if fs:
        plain = plain.replace(fs, shown(fs))
    line = printable(" ".join(plain.split())) or "nothing"
    return line if len(line) <= LONGEST else line[:LONGEST] + "..."
