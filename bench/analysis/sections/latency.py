"""How long an image takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from filterfleet.bench.analysis import plots
from filterfleet.bench.analysis.figures import grouped, percentile
from filterfleet.bench.analysis.page import Plot, Section, Table
from filterfleet.bench.analysis.parts import latency
from filterfleet.bench.analysis.record import Part
from filterfleet.bench.analysis.words import number

STAGES, UPLOADS = "stages", "from upload to result"


def latencies(part: Part) -> Section:
    section = Section("Latency")
    groups = {title: {one.name: one.samples for one in group} for title, group in grouped(part).items()}
    uploads = groups.get(UPLOADS, {})
    if idle := uploads.get(latency.IDLE):
        section.sentences.append(
            f"In an idle fleet, the last result of a photograph is on disk {_ms(idle, 0.5)} ms after its upload (p50; "
            f"p99 {_ms(idle, 0.99)} ms)."
        )
    if during := uploads.get(latency.BACKFILL):
        section.sentences.append(
            f"While a backfill fills the fleet, a fresh upload overtakes it and takes {_ms(during, 0.5)} ms (p50; p99 "
            f"{_ms(during, 0.99)} ms)."
        )
    words = "The share of images that took at most so long, on a logarithmic scale: each stage in a loaded fleet"
    words += ", and the whole way from the upload to the last result on disk." if uploads else "."
    section.plots.append(Plot(words, partial(_drawn, {t: groups[t] for t in (STAGES, UPLOADS) if t in groups})))
    for title, series in groups.items():
        rows = tuple(
            (name, str(len(samples)), *(_ms(samples, share) for share in (0.5, 0.95, 0.99)))
            for name, samples in series.items()
        )
        section.tables.append(Table(f"{title}, in ms", ("", "n", "p50", "p95", "p99"), rows))
    return section


def _ms(samples: Sequence[float], share: float) -> str:
    return number(1000 * percentile(samples, share))


def _drawn(groups: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    panels = [
        plots.steps(title, {name: [1000 * s for s in samples if s > 0] for name, samples in series.items()}, "ms")
        for title, series in groups.items()
    ]
    return plots.drawn(panels, 3.4)
