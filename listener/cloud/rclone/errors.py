"""rclone's error texts as one sentence each, and whether waiting can help."""

from __future__ import annotations

import re

from filterfleet.common.text import printable
from filterfleet.listener.interfaces import TransferError

LONGEST = 300  # characters of rclone's own text that are quoted


class MissingError(TransferError):
    """A folder or file is not there."""


MISSING = "there is no such folder or file."
TAKEN_FOR_FILE = "is a file not a directory"  # rclone's own words, also for an S3 folder it could not ask for
UNNAMEABLE = "the store cannot have a file of this name."  # the only one that no waiting changes

# What is said when rclone's text has one of these in it; the first that is found counts.
_SENTENCES = {
    "rclone knows no remote of this name: `filterfleet remotes` lists those it knows.": r"""
        didn't find section in config file
    """,
    "the rclone configuration is encrypted: set RCLONE_CONFIG_PASS.": r"""
        decrypt configuration
    """,
    UNNAMEABLE: r"""
        name ?(?:is )?too long|illegal (?:file ?)?name|invalid (?:file|object) ?name|invalid character
        KeyTooLong|malformed_path|InvalidObjectName|InvalidURI|object name contains
    """,
    "the server asks for fewer requests; they are made later.": r"""
        rate.?limit|too.?many.?requests|SlowDown|\b429\b
    """,
    "there is no room left in the store.": r"""
        no space left|(?:disk|storage|over|insufficient).?quota|quota.?(?:has been )?exceeded|\b507\b
        insufficient.?(?:storage|space)|teamDriveFileLimit
    """,
    "the server's host key is not one that known_hosts has for it.": r"""
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
    "access is denied: this account may not do that there.": r"""
        AccessDenied|permission denied|\b403\b|Forbidden|insufficient.?(?:file)?.?permission|not authorized
        read.only file ?system
    """,
    MISSING: rf"""
        (?:directory|object|file) not found|no such file or directory|\b404\b|couldn't find .*directory
        {TAKEN_FOR_FILE}
    """,
    "the name of the server cannot be resolved: is it misspelt, or the network down?": r"""
        no such host|server misbehaving|failure in name resolution
    """,
    "the server cannot be reached.": r"""
        connection refused|connection reset|broken pipe|i/o timeout|no route to host|network is unreachable|\bEOF\b
        deadline exceeded|handshake failed|connection (?:lost|closed)|closed network|couldn't connect|Client\.Timeout
        server closed|timeout awaiting response|request send failed
    """,
    "the server has a fault of its own at the moment.": r"""
        \b50[0234]\b|Internal ?(?:Server ?)?Error|Bad Gateway|Service ?Unavailable|backendError
    """,
}
_PATTERNS = [
    (re.compile("|".join(line.strip() for line in text.strip().splitlines()), re.IGNORECASE), sentence)
    for sentence, text in _SENTENCES.items()
]
_OPTIONS = re.compile(r"^(:?[^:,/]+),.*?:(?=[^:]*$)", re.DOTALL)
_ADVICE = re.compile(r"\S+ \S+ (?:NOTICE|INFO|DEBUG) *: (?!Failed to )")
_TIME = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (?:[A-Z]+ *: *)?", re.MULTILINE)


def shown(fs: str, path: str = "") -> str:
    """A place in a remote for people: without a connection string's options, which may hold secrets."""
    root = _OPTIONS.sub(r"\1:", fs)
    if not path:
        return printable(root)
    return printable(root + path if not root or root.endswith((":", "/")) else f"{root}/{path}")


def explain(text: str, fs: str, path: str = "") -> TransferError:
    """What rclone's text means for the user who named this place."""
    place = shown(fs, path)
    searched = text.replace(path, "") if path else text  # anybody may have named a file after an error
    for pattern, sentence in _PATTERNS:
        if pattern.search(searched):
            error = MissingError if sentence == MISSING else TransferError
            return error(f"{place}: {sentence}", transient=sentence != UNNAMEABLE)
    return TransferError(f"{place}: rclone says: {quoted(text, fs)}", transient=True)


def complaints(said: str) -> str:
    """What a command of rclone's printed, without what it merely wants to be known. The last, why it failed, is a
    notice, too."""
    return "\n".join(line for line in said.splitlines() if not _ADVICE.match(line))


def quoted(text: str, fs: str = "") -> str:
    """rclone's own words on one line, safe to show, without the options of a connection string."""
    plain = _TIME.sub("", text)
    if fs:
        plain = plain.replace(fs, shown(fs))
    line = printable(" ".join(plain.split())) or "nothing"
    return line if len(line) <= LONGEST else line[:LONGEST] + "..."
