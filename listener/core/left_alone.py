"""The files of a source that are no images to us: how many there are of each kind, and a sentence about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from filterfleet.common.text import printable

# Kinds that are told apart in one listing. Anybody may choose the names of files. More: a source of many kinds is
# counted in more detail. Less: such a source takes less memory and less of the ledger.
KINDS = 100
# Characters of an extension that makes a kind of its own, with its dot. More: longer ones are told apart. Less: names
# that are all different fill KINDS later.
LONGEST = 12
# Kinds that the sentence names. More: a longer line. Less: more of them are only "others".
NAMED = 6

NO_EXTENSION, OTHERS = "", "*"  # kinds beside extensions, none of which can be called so


class Tally:
    """Counts files by kind: the extension in lower case, safe to show, or one of the two above."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, path: str) -> None:
        stem, _, extension = path.rpartition("/")[2].rpartition(".")
        kind = printable(f".{extension.lower()}") if stem and extension else NO_EXTENSION
        if kind not in self.counts and (len(kind) > LONGEST or len(self.counts) >= KINDS):
            kind = OTHERS
        self.counts[kind] += 1


def sentence(counts: Mapping[str, int]) -> str:
    """What was left alone, and how to have it. Empty if nothing was."""
    total = sum(counts.values())
    if not total:
        return ""
    kinds = sorted((kind for kind in counts if kind.startswith(".")), key=lambda kind: (-counts[kind], kind))[:NAMED]
    nameless = counts.get(NO_EXTENSION, 0)
    parts = [f"{counts[kind]} {kind}" for kind in kinds]
    parts += [f"{nameless} without an extension"] * bool(nameless)
    if others := total - nameless - sum(counts[kind] for kind in kinds):
        parts.append(f"{others} others" if others > 1 else "1 other")
    listed = " and ".join([", ".join(parts[:-1])] * (len(parts) > 1) + parts[-1:])
    were = "1 file was" if total == 1 else f"{total} files were"
    how = ["Convert pictures among them to TIFF or PNG to have them processed."] * (total > nameless)
    how += ["--sniff takes files without an extension that are images."] * bool(nameless)
    return " ".join([f"{were} left alone: {listed}.", *how])
