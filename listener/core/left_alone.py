"""The files of a source that are not processed: how many there are of each kind, and a sentence about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from filterfleet.common.jobs.extensions import EXTRA_OF_FORMAT, Extra, extra_of_extension
from filterfleet.common.text import printable

# Kinds that are told apart in one listing. Anybody may choose the names of files. More: a source of many kinds is
# counted in more detail. Less: such a source takes less memory and less of the ledger.
KINDS = 100
# Characters of an extension that makes a kind of its own, with its dot. More: longer ones are told apart. Less: names
# that are all different fill KINDS later.
LONGEST = 12
# Kinds that the sentence names. More: a longer line. Less: more of them are only "others".
NAMED = 6

# Kinds beside extensions, none of which can be called so. Another one is the name of a format, such as "raw": files
# without an extension, whose first bytes are of a format that is not read on this machine.
NO_EXTENSION, OTHERS = "", "*"


class Tally:
    """Counts files by kind: the extension in lower case, safe to show, or one of those above."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, path: str, sniffed: str | None = None) -> None:
        """sniffed: the format of a file without an extension, if its first bytes were looked at."""
        stem, _, extension = path.rpartition("/")[2].rpartition(".")
        kind = sniffed or (printable(f".{extension.lower()}") if stem and extension else NO_EXTENSION)
        if kind not in self.counts and (len(kind) > LONGEST or len(self.counts) >= KINDS):
            kind = OTHERS
        self.counts[kind] += 1


def sentence(counts: Mapping[str, int]) -> str:
    """What was left alone, and how to have it. Empty if nothing was."""
    total = sum(counts.values())
    if not total:
        return ""
    nameless = counts.get(NO_EXTENSION, 0)
    kinds = _named(counts)
    parts = _parts(counts, kinds)
    parts += [f"{nameless} without an extension"] * bool(nameless)
    if others := total - nameless - sum(counts[kind] for kind in kinds):
        parts.append(f"{others} others" if others > 1 else "1 other")
    listed = " and ".join([", ".join(parts[:-1])] * (len(parts) > 1) + parts[-1:])
    were = "1 file was" if total == 1 else f"{total} files were"
    rest = total - nameless - sum(number for kind, number in counts.items() if _extra(kind))
    whose = "the others" if rest < total - nameless else "them"
    how = [f"Convert pictures among {whose} to TIFF or PNG to have them processed."] * bool(rest)
    how += ["--sniff takes files without an extension that are images."] * bool(nameless)
    return " ".join([f"{were} left alone: {listed}.", *how])


def _extra(kind: str) -> Extra | None:
    """The extra with which files of a kind are read."""
    return extra_of_extension(kind) if kind.startswith(".") else EXTRA_OF_FORMAT.get(kind)


def _named(counts: Mapping[str, int]) -> list[str]:
    """The kinds that the sentence names. Those of each extra are neighbours, and come first."""
    known = [kind for kind in counts if kind not in (NO_EXTENSION, OTHERS)]
    by_extra = Counter[Extra | None]()
    for kind in known:
        by_extra[_extra(kind)] += counts[kind]

    def rank(kind: str) -> tuple[bool, int, str, int, str]:
        extra = _extra(kind)
        return (extra is None, -by_extra[extra], extra.name if extra else "", -counts[kind], kind)

    ranked = sorted(known, key=rank)
    first = {_extra(kind): kind for kind in reversed(ranked) if _extra(kind)}  # each extra has to be named once
    chosen = [*first.values(), *(kind for kind in ranked if kind not in first.values())][:NAMED]
    return [kind for kind in ranked if kind in chosen]


def _parts(counts: Mapping[str, int], kinds: Iterable[str]) -> list[str]:
    parts = []
    told: set[Extra] = set()
    for kind in kinds:
        extra = _extra(kind)
        part = (
            f"{counts[kind]} {kind}" if kind.startswith(".") else f"{counts[kind]} {kind.upper()} without an extension"
        )
        if extra is not None:
            part += " (likewise)" if extra in told else f" ({extra.command})"
            told.add(extra)
        parts.append(part)
    return parts
