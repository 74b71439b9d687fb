"""What a notification says: which objects of which bucket have changed. Pure; a notification may be anything.

    from                        form
    --------------------------  --------------------------------------------------------------------------------
    anybody                     {"path": "trip/a.jpg"} or {"paths": [...]}, below the source or from its root on
    Amazon S3, MinIO, Ceph      {"Records": [{"eventName", "s3": {"bucket": {"name"}, "object": {"key"}}}]}
    Amazon SNS                  {"Type": "Notification", "Message": one of the others, as text}
    Amazon EventBridge          {"detail-type": "Object Created", "detail": {"bucket": {"name"}, "object": {"key"}}}
    SeaweedFS (filer webhook)   {"event_type", "key": "/buckets/BUCKET/KEY", "message": {"new_entry", ...}}
    Google Drive (channels)     no body; the header X-Goog-Resource-State

What was removed is left to the next scan.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from filterfleet.common.errors import FleetError

MOST = 1000  # objects of one notification; one about more stands for the whole source
LONGEST = 4096  # characters of a path

DRIVE_STATE = "X-Goog-Resource-State"
_FILER = "/buckets/"  # where SeaweedFS keeps the buckets of S3
_SNS = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")


class HintError(FleetError):
    """A notification that nobody can understand."""


@dataclass(frozen=True, slots=True)
class Changed:
    """An object: its bucket, or "" when the path says it all. An empty path stands for the whole source."""

    path: str
    bucket: str = ""


ANYTHING = Changed("")


@dataclass(frozen=True, slots=True)
class Invitation:
    """SNS asks whether its notifications are wanted. Whoever opens this address says yes."""

    url: str


def parse(body: bytes, drive_state: str | None = None) -> list[Changed] | Invitation:
    """What a notification says. drive_state: its header of this name, if it has one. Raises HintError."""
    if drive_state is not None:
        return [] if drive_state == "sync" else [ANYTHING]
    try:
        return _parsed(_json(body))
    except (KeyError, TypeError, AttributeError, ValueError):
        raise HintError("This notification has a form that is not known.") from None


def below(changed: Changed, place: str | None) -> str | None:
    """The path below the source, "" for the whole source, None for an object elsewhere.

    place: the source's bucket and prefix, or its folder; None when no single path means anything at this source.
    """
    if changed == ANYTHING or place is None:
        return ""
    root = place.strip("/")
    path = f"{changed.bucket}/{changed.path}" if changed.bucket else changed.path
    inside = f"{root}/" if root else ""
    stripped = path.lstrip("/")
    if stripped.startswith(inside) and (changed.bucket or path.startswith("/")):
        path = stripped[len(inside) :]
    elif changed.bucket or path.startswith("/"):
        return None
    return path if _is_plain(path) else None


def _is_plain(path: str) -> bool:
    return 0 < len(path) <= LONGEST and "\0" not in path and {"", ".", ".."}.isdisjoint(path.split("/"))


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise HintError("This is no JSON.") from None


def _parsed(said: Any) -> list[Changed] | Invitation:
    match said:
        case {"Type": "SubscriptionConfirmation"}:
            return _invitation(said["SubscribeURL"])
        case {"Type": "Notification", "Message": str(message)}:
            inner = _json(message)
            if isinstance(inner, dict) and "Type" in inner:
                raise HintError("A notification in a notification is read, and no more.")
            return _parsed(inner)
        case {"Type": "UnsubscribeConfirmation"} | {"Event": "s3:TestEvent"}:
            return []
    found: list[Changed] = []
    for changed in _changes(said):
        if len(found) == MOST:
            return [ANYTHING]
        found.append(changed)
    return found


def _changes(said: Any) -> Iterator[Changed]:
    match said:
        case {"Records": [*records]}:
            for record in records:
                if not record["eventName"].removeprefix("s3:").startswith("ObjectRemoved"):
                    s3 = record["s3"]
                    yield Changed(unquote_plus(_text(s3["object"]["key"])), _text(s3["bucket"]["name"]))
        case {"detail-type": kind, "detail": detail}:
            if kind != "Object Deleted":
                yield Changed(_text(detail["object"]["key"]), _text(detail["bucket"]["name"]))
        case {"event_type": _, "message": message}:
            yield from _of_filer(message)
        case {"paths": [*paths]}:
            yield from (Changed(_text(path)) for path in paths)
        case {"path": path}:
            yield Changed(_text(path))
        case _:
            raise KeyError


def _of_filer(message: Any) -> Iterator[Changed]:
    entry = message.get("new_entry")
    if entry is None or entry.get("is_directory"):
        return
    path = f"{_text(message['new_parent_path'])}/{_text(entry['name'])}"
    if path.startswith(_FILER):
        bucket, _, key = path.removeprefix(_FILER).partition("/")
        yield Changed(key, bucket)


def _invitation(url: Any) -> Invitation:
    """Only an address of Amazon's is worth showing to anybody."""
    address = urlsplit(_text(url))
    if address.scheme != "https" or _SNS.fullmatch(address.hostname or "") is None:
        raise HintError("The address in this subscription is not one of SNS.")
    return Invitation(url)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
