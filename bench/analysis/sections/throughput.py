"""Who is the fastest, whoever that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from filterfleet.bench.analysis import plots
from filterfleet.bench.analysis.figures import figure_of, gain, grouped, reference_of
from filterfleet.bench.analysis.page import Plot, Section, Table
from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.words import listed, number, percent

KINDS = {False: "whole commands", True: "systems that are up"}
WARM = ", warm"


@dataclass(frozen=True, slots=True)
class Contest:
    """The best of ours against the best peer, on one load. lead is by which factor ours is faster, round by round."""

    load: str
    warm: bool
    ours: Series
    peer: Series
    of_plain: tuple[float, float]  # the speed of both as a multiple of the plain program's
    lead: tuple[float, float, float]  # lowest, median, highest

    @property
    def winner(self) -> Series | None:
        """None when the rounds do not agree."""
        return self.ours if self.lead[0] > 1 else self.peer if self.lead[2] < 1 else None


def throughput(part: Part) -> Section:
    section = Section("Throughput")
    groups = {title: group for title, group in grouped(part).items() if group[0].better == "more"}
    found = [contest for title, group in groups.items() for contest in contests(title, group)]
    section.sentences += _words(found) or [_alone(groups)]
    section.plots.append(
        Plot(
            "Speed as a multiple of the plain program's (the line), medians. Ours in blue, others in grey.",
            partial(_drawn, groups),
        )
    )
    if found:
        section.tables.append(_contests(found))
    section.tables += [comparison(title, group) for title, group in grouped(part).items()]
    return section


def contests(title: str, group: Sequence[Series]) -> Iterator[Contest]:
    for warm in KINDS:
        field = [one for one in group if one.name.endswith(WARM) is warm]
        ours = max((one for one in field if one.ours), key=lambda one: _ratio(one, group), default=None)
        peers = [one for one in field if not one.ours and one.name != one.reference]
        peer = max(peers, key=lambda one: _ratio(one, group), default=None)
        if ours is not None and peer is not None:
            lead = gain(ours, peer)
            ratios = _ratio(ours, group), _ratio(peer, group)
            yield Contest(title.partition(":")[0], warm, ours, peer, ratios, (lead.low, lead.median, lead.high))


def _words(found: Sequence[Contest]) -> list[str]:
    if not found:
        return []
    won = [one for one in found if one.winner is one.ours]
    best = max(found, key=lambda one: one.of_plain[0])
    said = (
        f'Ours wins {len(won)} of {len(found)} contests with other systems. Its best is "{best.ours.name}", at '
        f"{number(best.of_plain[0])} times the speed of the plain program on {best.load} photographs; the best peer "
        f'there, "{best.peer.name}", reaches {number(best.of_plain[1])} times.'
    )
    lost = [
        f'"{one.peer.name}" beats ours among {KINDS[one.warm]} on {one.load} photographs '
        f'({number(1 / one.lead[1])} times as fast as "{one.ours.name}")'
        for one in found
        if one.winner is one.peer
    ]
    level = [f"{KINDS[one.warm]} on {one.load} photographs" for one in found if one.winner is None]
    after = [f"{'; '.join(lost)}." if lost else "No peer wins in every round."]
    if level:
        after[0] = f"{after[0][:-1]}; the rounds do not agree for {listed(level)}."
    return [said, *after]


def _alone(groups: dict[str, list[Series]]) -> str:
    found = [(_ratio(one, group), one, title) for title, group in groups.items() for one in group if one.ours]
    ratio, best, title = max(found, key=lambda one: one[0])
    return (
        f'No other system is installed here; "{best.name}" reaches {number(ratio)} times the speed of the plain '
        f"program on {title.partition(':')[0]} photographs."
    )


def _contests(found: Sequence[Contest]) -> Table:
    rows = []
    for one in found:
        names = [f"{who.name} ({number(ratio)})" for who, ratio in zip((one.ours, one.peer), one.of_plain, strict=True)]
        lead = f"{number(one.lead[1])} ({number(one.lead[0])} to {number(one.lead[2])})"
        winner = "ours" if one.winner is one.ours else "peer" if one.winner is one.peer else "open"
        rows.append((f"{one.load}, {KINDS[one.warm]}", *names, lead, winner))
    columns = ("", "best of ours (times plain)", "best peer (times plain)", "ours to peer", "winner")
    return Table("The best of ours against the best peer, compared in each round.", columns, tuple(rows))


def _ratio(one: Series, group: Sequence[Series]) -> float:
    reference = reference_of(one, group)
    return gain(one, reference).median if reference else 1.0


def _drawn(groups: dict[str, list[Series]]) -> str:
    panels, heights = [], []
    for warm, words in KINDS.items():
        values: dict[tuple[str, bool], dict[str, float]] = {}
        for title, group in groups.items():
            for one in group:
                if one.name.endswith(WARM) is warm and one.name != one.reference:
                    values.setdefault((one.name.removesuffix(WARM), one.ours), {})[title.partition(":")[0]] = _ratio(
                        one, group
                    )
        rows = [plots.Row(name, loads, ours) for (name, ours), loads in values.items()]
        rows.sort(key=lambda row: -max(row.values.values()))
        if rows:
            panels.append(plots.dots(words, rows, "times the speed of the plain program" if warm else ""))
            heights.append(len(rows) + 1.0)
    return plots.drawn(panels, 0.9 + 0.24 * sum(heights), stacked=heights)


def comparison(title: str, group: Sequence[Series]) -> Table:
    rows = []
    for one in group:
        figure, reference = figure_of(one.samples), reference_of(one, group)
        ratio = gain(one, reference) if reference else None
        against = (number(ratio.median), f"{number(ratio.low)} to {number(ratio.high)}") if ratio else ("", "")
        rows.append((one.name, str(figure.n), number(figure.median), f"± {percent(figure.spread)}", *against))
    columns = ("", "n", group[0].unit, "spread", f"times {group[0].reference.partition(',')[0]}", "from round to round")
    return Table(title, columns, tuple(rows))
