"""The whole report: abstract, set-up, a section for each part, threats to validity, and how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from filterfleet.bench.analysis.figures import figure_of, grouped
from filterfleet.bench.analysis.html import html
from filterfleet.bench.analysis.markdown import markdown
from filterfleet.bench.analysis.page import Section, Table
from filterfleet.bench.analysis.record import Analysis, Machine
from filterfleet.bench.analysis.sections.all import SECTIONS, sections
from filterfleet.bench.analysis.words import listed, number, percent

TITLE = "filterfleet: a comparative analysis"
FINDINGS = 5  # in the abstract: the first sentences of the first sections
FEW = 30  # samples of a series that were taken in rounds, at most; more are single images or tasks

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
    """Raises FleetError."""
    return markdown(TITLE, _by(analyses), *whole(analyses))


def as_html(analyses: Sequence[Analysis]) -> str:
    """Raises FleetError."""
    return html(TITLE, _by(analyses), *whole(analyses))


def whole(analyses: Sequence[Analysis]) -> tuple[Section, list[Section]]:
    """The abstract and all sections. The measurements of several machines stand side by side in each."""
    runs = dict(zip(_labels(analyses), analyses, strict=True))
    parts = {label: sections(analysis) for label, analysis in runs.items()}
    abstract = Section(
        "Abstract", ["One sequential program, our engines and fleets, and other systems do the same work."]
    )
    _beside(abstract, {label: Section("", notes=_findings(found)) for label, found in parts.items()})
    made = [Section("Set-up", _rules())]
    _beside(made[0], {label: _setup(analysis) for label, analysis in runs.items()})
    for name in SECTIONS:
        found = {label: of_run[name] for label, of_run in parts.items() if name in of_run}
        if found:
            made.append(Section(next(iter(found.values())).title))
            _beside(made[-1], found)
    made.append(Section("Threats to validity", notes=list(THREATS)))
    made.append(_repeat(analyses))
    return abstract, made


def _beside(section: Section, found: Mapping[str, Section]) -> None:
    """Put what several machines say into a section: into columns, or, when there is one machine, into itself."""
    if len(found) > 1:
        for label, one in found.items():
            one.title = label
            section.columns.append(one)
        return
    for one in found.values():
        for kind in ("sentences", "plots", "tables", "notes"):
            getattr(section, kind).extend(getattr(one, kind))


def _findings(parts: Mapping[str, Section]) -> list[str]:
    return [section.sentences[0] for section in parts.values() if section.sentences][:FINDINGS]


def _labels(analyses: Sequence[Analysis]) -> list[str]:
    """A name for each run: its machine, with the date where that does not tell them apart."""
    names = [_machine(analysis.machine) for analysis in analyses]
    dated = [
        name if names.count(name) == 1 else f"{name}, {analysis.date}"
        for name, analysis in zip(names, analyses, strict=True)
    ]
    return [name if dated.count(name) == 1 else f"{name} (file {place})" for place, name in enumerate(dated, 1)]


def _machine(machine: Machine) -> str:
    return f"{' '.join(machine.processor.split())}, {machine.cores} cores"


def _by(analyses: Sequence[Analysis]) -> str:
    runs = [f"{one.date} on {_machine(one.machine)}, with `{one.command}`" for one in analyses]
    return f"Measured {listed(runs)}."


def _rules() -> list[str]:
    return [
        (
            "Each figure is the median of n runs. The spread is half the distance from the smallest to the largest, as "
            "a share of the median. Contenders take turns, and each ratio is made of two runs of one round."
        ),
        "The files that every contender makes are compared byte for byte, or as its configuration says.",
    ]


def _setup(analysis: Analysis) -> Section:
    machine = analysis.machine
    rows = (
        ("date", analysis.date),
        ("command", f"`{analysis.command}`"),
        ("took", f"{analysis.seconds / 60:.1f} minutes"),
        ("processor", _machine(machine)),
        ("memory", f"{machine.memory / 1e9:.0f} GB"),
        ("system", machine.system),
        ("Python", machine.python),
        *sorted(machine.versions.items()),
    )
    samples = [one.samples for part in analysis.parts.values() for group in grouped(part).values() for one in group]
    spreads = [figure_of(one).spread for one in samples if 1 < len(one) <= FEW]
    busy = max(analysis.busy, key=lambda name: analysis.busy[name], default=None)
    said = f"The widest spread of all is {number(100 * max(spreads, default=0.0))} %. No sample was left out."
    if busy is not None:
        said += f" Other programs used up to {percent(analysis.busy[busy])} of the machine (during {busy})."
    return Section("", [said], tables=[Table("Machine and versions", ("", ""), rows)])


def _repeat(analyses: Sequence[Analysis]) -> Section:
    commands = listed(sorted({f"`{analysis.command}`" for analysis in analyses}))
    return Section(
        "How to repeat it",
        [
            f"Run {commands}.",
            (
                "`filterfleet bench report FILE…` makes this report of the JSON files of one or several machines, "
                "`filterfleet bench check OLD NEW` says what became slower from one file to another, and `filterfleet "
                "bench peers` how each other system is configured."
            ),
        ],
    )
