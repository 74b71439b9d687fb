"""The whole report: abstract, set-up, a section for each part, threats to validity, and how to repeat it."""

from __future__ import annotations

from collections.abc import Sequence

from filterfleet.bench.analysis.figures import figure_of, grouped
from filterfleet.bench.analysis.html import html
from filterfleet.bench.analysis.markdown import markdown
from filterfleet.bench.analysis.page import Section, Table
from filterfleet.bench.analysis.record import Analysis
from filterfleet.bench.analysis.sections import number, sections

TITLE = "filterfleet: a comparative analysis"

THREATS = (
    (
        "Everything ran on the machine that the set-up names. Absolute numbers hold for it and for that day; ratios "
        "carry further, because contenders took turns within each round."
    ),
    (
        "The workers, the broker, the listener and the measuring program share the cores. On machines of their own "
        "they would not slow each other down."
    ),
    "The network is loopback. A real one adds its delay to each image and its bandwidth as a limit.",
    (
        "Peers run the plain program's function, so that their times are those of the system around it. Their files "
        "are compared with the plain program's, ours with those of our sequential pipeline."
    ),
    "The photographs are scaled and cut from a few originals. Others compress differently.",
)


def as_markdown(analyses: Sequence[Analysis]) -> str:
    return markdown(TITLE, whole(analyses))


def as_html(analyses: Sequence[Analysis]) -> str:
    return html(TITLE, whole(analyses))


def whole(analyses: Sequence[Analysis]) -> list[Section]:
    """One report of one or several runs. Those of several machines stand one after another."""
    made: list[Section] = []
    for analysis in analyses:
        where = f" ({analysis.machine.processor}, {analysis.machine.cores} cores)" if len(analyses) > 1 else ""
        parts = sections(analysis)
        found = [
            Section("Abstract", notes=[part.sentences[0] for part in parts if part.sentences][:5]),
            _setup(analysis),
        ]
        for section in (*found, *parts):
            section.title += where
            made.append(section)
    made.append(Section("Threats to validity", notes=list(THREATS)))
    commands = " and ".join(sorted({f"`{analysis.command}`" for analysis in analyses}))
    repeat = (
        "`filterfleet bench report FILE…` makes this report of its JSON file, and `filterfleet bench check OLD NEW` "
    )
    made.append(
        Section("How to repeat it", [f"Run {commands}.", repeat + "says what became slower from one file to another."])
    )
    return made


def _setup(analysis: Analysis) -> Section:
    machine = analysis.machine
    rows = (
        ("date", analysis.date),
        ("command", analysis.command),
        ("took", f"{analysis.seconds / 60:.0f} minutes"),
        ("processor", f"{machine.processor}, {machine.cores} cores"),
        ("memory", f"{machine.memory / 1e9:.0f} GB"),
        ("system", machine.system),
        ("Python", machine.python),
        *sorted(machine.versions.items()),
    )
    section = Section("Set-up", tables=[Table("Machine and versions", ("", ""), rows)])
    samples = [one for part in analysis.parts.values() for group in grouped(part).values() for one in group]
    widest = max((figure_of(one.samples).spread for one in samples if 1 < len(one.samples) <= 20), default=0.0)
    section.sentences = [
        (
            "Each figure is the median of n runs. The spread is half the distance from the smallest to the largest, "
            "as a share of the median. Contenders take turns, and each ratio is made of two runs of one round."
        ),
        f"The widest spread of all is {number(100 * widest)} %. No sample was left out.",
        "The files that every contender makes are compared byte for byte.",
    ]
    return section
