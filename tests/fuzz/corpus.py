"""The first scripts, made by the real encoder: one for every message, and whole conversations of honest peers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgpack

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.wire import (
    HEARTBEAT,
    READY,
    Accepted,
    Accepteds,
    Beat,
    Busy,
    Cancel,
    Catalogue,
    Column,
    Credit,
    Data,
    Drain,
    Failed,
    Get,
    Hello,
    Message,
    Nack,
    OutputFile,
    Result,
    ResultOk,
    ResultOks,
    Results,
    Status,
    StatusRequest,
    Submit,
    Submits,
    Task,
    Tasks,
    encode,
)
from filterfleet.common.wire.messages import INLINE_LIMIT
from tests.fuzz.door_target import KEYS, request
from tests.fuzz.hints_target import notifications
from tests.fuzz.peers import JOBS
from tests.fuzz.scripts import Step, pack

CLIENT, WORKER, BASIC_CLIENT, BASIC_WORKER = 0, 3, 12, 15  # as the broker's target reads `who`
OUTPUTS = (OutputFile("edges", "png", 3),)


def _name(number: int, size: int = 16) -> bytes:
    """The bytes that Counting makes of the number."""
    return number.to_bytes(size, "big")


def _said(who: int, *messages: Message, quiet: int = 0) -> Step:
    return Step(who, quiet, tuple(bytes(frame) for frame in encode(messages)))


def messages() -> Iterator[Message]:
    inline, pulled = JOBS
    yield Hello(b"life", _name(3, 8), 1.0, 4, INLINE_LIMIT)
    yield Task(_name(7), b"recipe", 3, 300.0, payload=(b"abc",))
    yield Task(_name(8), b"", 4, 60.0, opaque=True, payload=(b"ab", b"cd"))
    yield Task(_name(9), b"recipe", 500, 300.0, alone=True)
    yield Accepted(inline.id)
    yield Busy(inline.id, 0.5)
    yield Catalogue(("canny", "grayscale"), 4)
    yield Status({"tasks": 1, "counters": {"malformed": 1}, "workers": [{"host": "h", "slots": 2}]})
    yield Credit(2, 1, ("canny",), "host", "1")
    yield Nack(_name(7))
    yield Drain()
    yield Submit(inline.id, inline.recipe, inline.needs, 5, 3, (b"abc",))
    yield Submit(pulled.id, pulled.recipe, (), 0, pulled.size)
    yield StatusRequest()
    yield Result(inline.id, OUTPUTS, {"width": 3}, (b"png",))
    yield Result(pulled.id, OUTPUTS, {})
    yield Failed(inline.id, "transient", "no reason")
    yield ResultOk(inline.id)
    yield Cancel(inline.id)
    yield Beat(_name(3, 8), (_name(7), _name(8)), (_name(7),))
    yield Get(inline.id, "", 0, 3)
    yield Data(pulled.id, "edges", 0, (b"png",))
    yield Submits((inline.id, b"other"), inline.recipe, inline.needs, 5, (3, 2), (b"abcde",), ("edges",), 9)
    yield Accepteds((inline.id, b"other"))
    yield Tasks((_name(7), _name(8)), b"recipe", (3, 0), 300.0, (b"abc",))
    yield Results((_name(7), _name(8)), (Column("edges", "png"),), (3, 1), {"n": [1, 2.5], "s": ["", None]}, (b"pngx",))
    yield ResultOks((_name(7), _name(8)))


def _to_broker() -> Iterator[list[Step]]:
    """The first lease gets number 4 from Counting, after the broker's life and two sessions."""
    inline, pulled = JOBS
    came = [_said(CLIENT, Beat(b"")), Step(WORKER, 0, (READY,)), _said(WORKER, Credit(2, 1, ("canny",), "host", "1"))]
    asked = [*came, _said(CLIENT, Submit(inline.id, inline.recipe, inline.needs, 5, 3, (b"abc",)))]
    lease, beat = _name(4), Beat(_name(3, 8), (_name(4),), (_name(4),))
    yield [*asked, _said(WORKER, Result(lease, OUTPUTS, {}, (b"png",))), _said(CLIENT, ResultOk(inline.id))]
    yield [
        *asked,
        _said(WORKER, beat, quiet=64),
        _said(WORKER, Failed(lease, "transient", "no")),
        _said(CLIENT, quiet=80),
    ]
    yield from _in_columns()
    yield [*asked, _said(WORKER, Nack(lease), Drain()), _said(CLIENT, Cancel(inline.id), StatusRequest())]
    yield [*asked, Step(WORKER, 0, ()), Step(WORKER, 0, (READY,)), Step(CLIENT, 0, ())]
    yield [
        *came,
        _said(CLIENT, Submit(pulled.id, pulled.recipe, (), 0, pulled.size)),
        _said(WORKER, Get(lease, "", 0, pulled.size)),
        _said(CLIENT, Data(pulled.id, "", 0, (bytes(pulled.size),))),
        _said(WORKER, Result(lease, OUTPUTS, {})),
        _said(CLIENT, Get(pulled.id, "edges", 0, 3)),
        _said(WORKER, Data(lease, "edges", 0, (b"png",))),
        _said(CLIENT, ResultOk(pulled.id)),
    ]
    yield [  # the second number is the request's, and the third the worker's session
        Step(BASIC_WORKER, 0, (READY,)),
        Step(BASIC_CLIENT, 0, (b"address", b"", b"body", b"more")),
        Step(BASIC_WORKER, 64, (_name(4), b"", b"reply")),
        Step(BASIC_WORKER, 0, (HEARTBEAT,)),
    ]


def _in_columns() -> Iterator[list[Step]]:
    """To the broker: jobs that come, are given back, fail, and bring results together."""
    credit = Credit(4, 1, ("canny",), "host", "1", 1)
    came = [_said(CLIENT, Beat(b"", minor=1)), Step(WORKER, 0, (READY,)), _said(WORKER, credit)]
    many = Submits((b"a", b"b", b"c"), b"recipe", ("canny",), 5, (3, 0, 2), (b"abcde",), ("edges",), 9)
    asked = [*came, _said(CLIENT, many)]
    results = Results(
        (_name(4), _name(5), _name(6)), (Column("edges", "png"),), (3, 0, 1), {"n": [1, 2, 3]}, (b"pngx",)
    )
    oks = _said(CLIENT, ResultOks((b"a", b"b", b"c")))
    yield [*asked, _said(WORKER, results), oks]
    yield [*asked, _said(WORKER, Nack(_name(5))), _said(WORKER, results), oks, _said(WORKER, results, quiet=64), oks]
    yield [*asked, _said(WORKER, Failed(_name(4), "permanent", "no")), _said(WORKER, results), oks, _said(CLIENT, many)]
    yield [*asked, _said(CLIENT, many), _said(CLIENT, Cancel(b"b")), _said(WORKER, results), Step(CLIENT, 0, ())]
    yield [*asked, _said(CLIENT + 2, many), _said(WORKER, results), Step(WORKER, 0, ()), oks]
    fewer = Credit(1, 1, ("canny",), "host", "1", 1)
    yield [*asked, _said(WORKER, fewer, Nack(_name(6)), Nack(_name(5))), _said(WORKER, results), oks]


def _to_worker() -> Iterator[list[Step]]:
    hello = _said(0, Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT))
    inline = _said(1, Task(b"one", b"recipe", 3, 300.0, payload=(b"abc",)))
    yield [hello, inline, Step(3, 64, (HEARTBEAT,)), _said(0, ResultOk(b"one"))]
    yield [
        hello,
        _said(0, Task(b"one", b"recipe", 3, 300.0)),
        _said(1, Data(b"one", "", 0, (b"abc",))),
        Step(4, 0, (HEARTBEAT,)),
        _said(0, Get(b"one", "edges", 0, 0x7F)),
        _said(0, Cancel(b"one")),
    ]
    columns = _said(0, Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT, 1))
    tasks = _said(1, Tasks((b"one", b"two"), b"recipe", (3, 0), 300.0, (b"abc",)))
    yield [columns, tasks, Step(3, 64, (HEARTBEAT,)), tasks, _said(0, ResultOks((b"one", b"two"))), tasks]
    yield [Step(3, 0, (b"address", b"", b"body")), Step(0, 64, (HEARTBEAT,))]


def _to_client() -> Iterator[list[Step]]:
    hello = _said(0, Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT), Catalogue(("canny",), 1))
    inline, pulled = JOBS
    yield [
        hello,
        _said(1, Accepted(inline.id)),
        _said(0, Result(inline.id, OUTPUTS, {}, (b"png",))),
        _said(4, *[Accepted(b"x")]),
    ]
    yield [
        hello,
        _said(1, Busy(inline.id, 0.5)),
        _said(1, Get(pulled.id, "", 0, 500)),
        _said(1, Result(pulled.id, OUTPUTS, {})),
        _said(1, Data(pulled.id, "edges", 0, (b"png",)), quiet=64),
        _said(5, ResultOk(b"x"), quiet=90),
    ]
    columns = _said(0, Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT, 1))
    both = (inline.id, pulled.id)
    results = Results(both, (Column("edges", "png"),), (3, 2), {"n": [1, 2]}, (b"pngxy",))
    yield [
        columns,
        _said(1, Accepteds(both)),
        _said(0, results),
        _said(4, results, quiet=90),
        _said(4, Accepteds(both)),
    ]
    yield [hello, _said(1, *[Get(pulled.id, "", offset, 100) for offset in range(40)])]


def _greedy() -> Iterator[list[Step]]:
    """A worker that asks for more than it needs, answers that nobody asked for, and a result that nobody expects."""
    inline, pulled = JOBS
    lease = _name(4)
    came = [_said(CLIENT, Beat(b"")), Step(WORKER, 0, (READY,)), _said(WORKER, Credit(2, 1, ("canny",), "host", "1"))]
    gets = [Get(lease, "", offset, INLINE_LIMIT) for offset in range(20)]
    data = [Data(pulled.id, "", offset, (b"x",)) for offset in range(20)]
    yield [
        *came,
        _said(CLIENT, Submit(pulled.id, pulled.recipe, (), 0, pulled.size, outputs=("edges",), largest=9)),
        _said(WORKER, *gets),
        _said(CLIENT, *data),
        _said(WORKER, Get(lease, "", 1, 1), quiet=128),
        _said(WORKER, Result(lease, (OutputFile("more", "png", 1 << 32), *OUTPUTS), {})),
    ]
    expected = Submit(inline.id, inline.recipe, inline.needs, 5, 3, (b"abc",), ("edges",), 3)
    yield [*came, _said(CLIENT, expected), _said(WORKER, Result(lease, OUTPUTS, {}, (b"png",)))]
    yield [*came, _said(CLIENT, *[StatusRequest()] * 200)]


def _to_door() -> Iterator[list[Step]]:
    """As the door's target reads them: connections come, speak, and end; keys are struck off."""
    came = [Step(who, 0, ()) for who in (0, 1)]
    for side in (b"frontend", b"backend"):
        yield [Step(12, 0, request(side, key)) for key in (*KEYS, b"short")]
    yield [*came, *(Step(2, number, ()) for number in (0, 8, 32, 40)), Step(6, 0, ()), Step(8, 0, ()), Step(10, 0, ())]
    yield [Step(0, 0, ())] * 12
    yield [step for number in range(8) for step in (Step(1, 1, ()), Step(3, 32 * number + number, ()))]
    yield [*came, Step(2, 0, ()), Step(8, 0, ()), Step(6, 0, ()), Step(0, 0, ()), Step(2, 40, ())]


def _nested(levels: int) -> object:
    core: object = 1
    for _ in range(levels):
        core = [core]
    return core


def _bombs() -> Iterator[list[Step]]:
    """Recipes, in the place of a map frame: honest ones, and ones that hurt."""
    for kernel in (1, 2.5, [1, 2], [[1, 2], [3, 4]], _nested(3), _nested(500), float("nan"), float("inf"), "x" * 100):
        raw = [[["a", [["convolve", {"kernel": kernel}]], "same", 90, None]], "strip-gps", "refuse"]
        yield [Step(0, 0, (b"", b"PPX1", msgpack.packb(raw)))]
    steps = [["x" * 64, {f"p{number}": number for number in range(64)}]] * 3
    yield [Step(0, 0, (b"", b"PPX1", msgpack.packb([[["a", steps, "png", 1, 9]], "keep", "accept"])))]
    yield [Step(0, 0, (b"", b"PPX1", DEFAULT.to_bytes()))]
    steps = [["watermark_text", {"text": "{folder} {name}"}]]
    for name in ("a.jpg", "é" * 200, "a" * 201, "a\nb", 1):
        source = {"auto_orient": False, "source": {"folder": "trip", "name": name}}
        raw = [[["a", steps, "same", 90, None]], "strip-gps", "refuse", source]
        yield [Step(0, 0, (b"", b"PPX1", msgpack.packb(raw)))]


def _odd_messages() -> Iterator[list[Step]]:
    """Messages at the limits of the parser, and beyond them."""
    inline, _ = JOBS
    yield [_said(1, *[Drain()] * 256)]
    yield [_said(1, Busy(inline.id, 3600.0))]
    yield [_said(1, Result(inline.id, OUTPUTS, {"nested": _nested(6)}, (b"png",)))]
    for levels in (60, 500):
        deep = {"type": "RESULT", "id": inline.id, "outputs": [], "report": {"nested": _nested(levels)}}
        yield [Step(1, 0, (b"", b"PPX1", msgpack.packb([deep])))]
    yield [Step(1, 0, (b"", b"PPX1", b"\x91" * 2000))]
    yield [_said(1, Submit(inline.id, inline.recipe, (), 0, 3, (b"abc",), ("edges",), 3))]


CONVERSATIONS = {
    "parser": _odd_messages,
    "recipe": _bombs,
    "door": _to_door,
    "broker": lambda: itertools.chain(_to_broker(), _greedy()),
    "worker": _to_worker,
    "client": _to_client,
    "hints": notifications,
}


def corpus(target: str) -> Iterator[bytes]:
    """Scripts for the target of this name."""
    if target not in ("recipe", "door", "hints"):  # which read other things out of a script
        for who in (1, WORKER):
            yield pack([_said(who, message) for message in messages()])
        for message in messages():
            yield pack([_said(1, message)])
    for steps in CONVERSATIONS.get(target, tuple)():
        yield pack(steps)
