"""Where a source or an output is, as users write it."""

from pathlib import Path

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.listener.settings.location import Remote, check_locations, check_roots, parse_location
from filterfleet.listener.state import state_folder


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("photos", Path("photos")),
        ("/photos/a:b", Path("/photos/a:b")),
        ("./a:b", Path("a:b")),
        ("s3:bucket/photos", Remote("s3", "bucket/photos")),
        ("nas:/srv//photos/", Remote("nas", "/srv/photos")),
        ("nas:/", Remote("nas", "/")),
        ("my drive:", Remote("my drive", "")),
        ("s3,region=eu:bucket", Remote("s3,region=eu", "bucket")),
        (":s3,env_auth:bucket", Remote(":s3,env_auth", "bucket")),
        ("dav:a b/ü", Remote("dav", "a b/ü")),
        ("dav:line\nbreak", Remote("dav", "line\nbreak")),
        ("-x:y", Path("-x:y")),
    ],
)
def test_a_remote_has_a_colon_before_its_first_slash(text, location):
    assert parse_location(text) == location


def test_a_path_may_begin_at_home(monkeypatch, tmp_path):
    """A shell that is given --output=~/out leaves that as it is, and nobody wants a folder of the name ~."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_location("~/out") == tmp_path / "out"
    assert parse_location("~") == tmp_path
    assert parse_location("./~/out") == Path("~/out")
    assert parse_location("~x/out") == Path("~x/out")


def test_a_remotes_path_does_not_go_up():
    with pytest.raises(FleetError, match="without it"):
        parse_location("s3:bucket/../other")


@pytest.mark.parametrize(
    ("source", "output", "overlapping"),
    [
        ("s3:bucket", "s3:bucket/out", True),
        ("s3:bucket/in", "s3:bucket", True),
        ("s3:", "s3:bucket", True),
        ("s3:bucket/in", "s3:bucket/in", True),
        ("s3:bucket/in", "s3:bucket/in2", False),
        ("s3:bucket", "dav:bucket", False),
    ],
)
def test_a_source_and_an_output_in_clouds_may_not_overlap(source, output, overlapping):
    if overlapping:
        with pytest.raises(FleetError, match="overlap"):
            check_locations(source, output)
    else:
        assert check_locations(source, output) == (parse_location(source), parse_location(output))


def test_a_remote_that_is_a_local_folder_under_another_name_is_seen_by_its_root():
    with pytest.raises(FleetError, match="overlap"):
        check_roots("/photos", "/photos/results")


def test_the_state_of_a_remote_output_is_this_users_and_each_pair_has_its_own(monkeypatch, tmp_path):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    one = state_folder(Path("/in"), Remote("s3", "out"), None)
    other = state_folder(Path("/in2"), Remote("s3", "out"), None)
    assert one != other
    assert one.parent == other.parent == tmp_path / "filterfleet"
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}/service:/else")
    assert state_folder(Path("/in"), Remote("s3", "out"), None) == tmp_path / "service" / one.name
    assert state_folder(Path("/in"), Remote("s3", "out"), tmp_path / "mine") == tmp_path / "mine"
    assert state_folder(Remote("s3", "in"), Path("/out"), None) == Path("/out/.filterfleet")
