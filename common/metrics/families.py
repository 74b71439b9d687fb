"""Metrics as plain values, which travel from a process to the one that serves them.

Names follow Prometheus: base units (seconds, bytes), `_total` behind counters. Nothing here needs its client library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

LABEL_LIMIT = 200  # characters of a label's value: a peer may call itself anything


class Sample(Struct, frozen=True):
    """One value under its labels. Of a histogram, value is the number of observations, total their sum, and buckets
    has for each upper bound how many were at most as large; the bound without end is left out."""

    labels: dict[str, str]
    value: float
    total: float = 0.0
    buckets: tuple[tuple[float, float], ...] = ()


class Family(Struct, frozen=True):
    """All samples with one name. A counter's name ends in _total. No two samples have the same labels."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    samples: list[Sample]


Numbers = float | Mapping[str, float]


def gauge(name: str, text: str, numbers: Numbers, label: str = "") -> Family:
    """One number, or one for each value of a label. text: what it is, as a sentence for people."""
    return Family(name, "gauge", text, _samples(numbers, label))


def counter(name: str, text: str, numbers: Numbers, label: str = "") -> Family:
    """As gauge(), of something that only grows."""
    return Family(name, "counter", text, _samples(numbers, label))


def _samples(numbers: Numbers, label: str) -> list[Sample]:
    if isinstance(numbers, Mapping):
        return [Sample({label: value[:LABEL_LIMIT]}, number) for value, number in numbers.items()]
    return [Sample({}, numbers)]


def labelled(families: Iterable[Family], **labels: str) -> list[Family]:
    """The families with more labels on each sample."""
    return [
        msgspec.structs.replace(
            family,
            samples=[msgspec.structs.replace(sample, labels={**labels, **sample.labels}) for sample in family.samples],
        )
        for family in families
    ]


def merged(families: Iterable[Family]) -> list[Family]:
    """Families with the same name become one, as the text format demands. Of samples with the same labels, the first
    one counts."""
    found: dict[str, Family] = {}
    known: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for family in families:
        kept = found.setdefault(family.name, msgspec.structs.replace(family, samples=[]))
        for sample in family.samples:
            key = family.name, tuple(sorted(sample.labels.items()))
            if family.kind == kept.kind and key not in known:
                known.add(key)
                kept.samples.append(sample)
    return list(found.values())


def encoded(families: list[Family]) -> bytes:
    """As JSON."""
    return msgspec.json.encode(families)


def decoded(data: bytes) -> list[Family]:
    """The inverse of encoded(). Data of any other form is no metrics: an empty list."""
    try:
        return msgspec.json.decode(data, type=list[Family])
    except (msgspec.DecodeError, ValueError):
        return []
