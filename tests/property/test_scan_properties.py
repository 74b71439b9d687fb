"""The differ against a plain model of the same rules, over any course of a source folder."""

from hypothesis import given
from hypothesis import strategies as st

from filterfleet.listener.core.scan import (
    MASS,
    MASS_MINIMUM,
    ROOT,
    Gone,
    Listing,
    MassDisappearance,
    Scan,
    Settled,
    Version,
)

SETTLE = 2.0
versions = st.builds(Version, st.integers(0, 2), st.integers(0, 2))
paths = st.sampled_from(("a.jpg", "x/b.jpg", "x/y/c.jpg", "xy.jpg"))
objects = st.dictionaries(paths, versions)
unread = st.sampled_from(((), (), (ROOT,), ("x/",), ("x/y/",), ("a.jpg", "x/y/")))
courses = st.lists(st.tuples(objects, unread, st.sampled_from((0.0, 0.5, 1.0, 2.0, 3.0))), max_size=12)


@given(courses, objects)
def test_a_version_is_handed_on_once_and_only_after_it_stood_still(course, before):
    scan, now = Scan(before, SETTLE), 0.0
    handed_on, history = dict(before), []
    for present, unread, pause in course:
        now += pause
        listing = {path: version for path, version in present.items() if not is_hidden(path, unread)}
        history.append((now, listing, unread))
        for finding in scan.update(Listing(listing, dict.fromkeys(unread, "why")), now):
            match finding:
                case Settled(path, version):
                    assert listing[path] == version
                    assert handed_on.get(path) != version
                    assert stood_still(history, path, version)
                    handed_on[path] = version
                case Gone(path):
                    assert path not in listing
                    assert not is_hidden(path, unread)
                    del handed_on[path]
                case MassDisappearance():
                    raise AssertionError("three objects are no mass")
        assert all(path in listing or is_hidden(path, unread) for path in handed_on)
        for path, version in listing.items():
            if handed_on.get(path) != version:
                assert not stood_still(history, path, version)


def is_hidden(path, unread):
    return any(what in (ROOT, path) or (what.endswith("/") and path.startswith(what)) for what in unread)


def stood_still(history, path, version):
    """Whether the newest listings show the version unchanged over SETTLE seconds or more."""
    until = history[-1][0]
    for when, listing, unread in reversed(history):
        if listing.get(path) != version and not is_hidden(path, unread):
            return False
        if until - when >= SETTLE and listing.get(path) == version:
            return True
    return False


@given(st.integers(1, 120), st.data())
def test_a_mass_disappearance_is_not_believed(known, data):
    gone = data.draw(st.integers(1, known))
    before = {f"{n}.jpg": Version(1, n) for n in range(known)}
    left = dict(list(before.items())[gone:])
    scan = Scan(before, SETTLE)
    findings = scan.update(Listing(left), 0.0)
    if gone > max(MASS_MINIMUM, MASS * known):
        assert findings == [MassDisappearance(frozenset(before.keys() - left.keys()), known)]
        assert scan.update(Listing(before), 1.0) == []  # nothing was forgotten: nothing is new
    else:
        assert {finding.path for finding in findings} == before.keys() - left.keys()
