"""Notifications from anybody become paths below the source, or are refused."""

from __future__ import annotations

from collections.abc import Iterator

from filterfleet.listener.hints.parse import MOST, HintError, Invitation, below, parse
from tests.fuzz.scripts import Step, unpack

PLACES = ("photos/2026", "photos", "", "/data/in", None)
NOTIFICATIONS = (
    b'{"path": "trip/a.jpg"}',
    b'{"paths": ["/data/in/a.jpg", "../a.jpg", "a\\u0000.jpg"]}',
    (
        b'{"Records": [{"eventName": "ObjectCreated:Put", '
        b'"s3": {"bucket": {"name": "photos"}, "object": {"key": "a+b%2Fc"}}}]}'
    ),
    b'{"Type": "Notification", "Message": "{\\"path\\": \\"a.jpg\\"}"}',
    b'{"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Token=a"}',
    b'{"detail-type": "Object Created", "detail": {"bucket": {"name": "photos"}, "object": {"key": "2026/a.jpg"}}}',
    b'{"event_type": "create", "message": {"new_entry": {"name": "a.jpg"}, "new_parent_path": "/buckets/photos"}}',
)


def hints(script: bytes) -> None:
    """Each frame is a notification. A path that comes out of it stays below the source."""
    for step in unpack(script):
        for frame in step.frames:
            try:
                said = parse(frame)
            except HintError:
                continue
            if isinstance(said, Invitation):
                assert said.url.lstrip().lower().startswith("https:")
                continue
            assert len(said) <= MOST
            for path in (below(changed, place) for changed in said for place in PLACES):
                assert not path or ("\0" not in path and {"", ".", ".."}.isdisjoint(path.split("/")))


def notifications() -> Iterator[list[Step]]:
    """Conversations to begin with."""
    yield [Step(0, 0, (notification,)) for notification in NOTIFICATIONS]
