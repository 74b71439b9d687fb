"""rclone's connection strings are split where rclone splits them, and shown without their secrets."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filterfleet.common.errors import FleetError
from filterfleet.listener.cloud.rclone.binary import find_rclone
from filterfleet.listener.cloud.rclone.hidden import Secrets, arguments_of
from filterfleet.listener.settings.connection import NoConnectionError, mask, parse_connection
from filterfleet.listener.settings.location import Remote, full_text, parse_location

KEYS = "access_key_id=AKIAHUSH,secret_access_key='hush''hush'"
S3 = f":s3,provider=Minio,endpoint='http://127.0.0.1:7901',{KEYS}:bucket/in"


@pytest.mark.parametrize(
    ("text", "name", "options", "path"),
    [
        ("s3:bucket", "s3", {}, "bucket"),
        (":local:/path", ":local", {}, "/path"),
        (":memory:", ":memory", {}, ""),
        (':alias,remote="/p:q":', ":alias", {"remote": "/p:q"}, ""),
        ("my drive,a=b:x:y", "my drive", {"a": "b"}, "x:y"),
        ("a.b+c@d-e f:x", "a.b+c@d-e f", {}, "x"),
        ("ünï,a:", "ünï", {"a": "true"}, ""),
        ("r,a=b'c\"d/e:x", "r", {"a": "b'c\"d/e"}, "x"),
        ('r,a=\'it\'\'s, a "b":c\',b="""",c=:x', "r", {"a": 'it\'s, a "b":c', "b": '"', "c": ""}, "x"),
        ("r,global.header=x,override.y=1:x", "r", {"global.header": "x", "override.y": "1"}, "x"),
        ("c:x", "c", {}, "x"),
    ],
)
def test_what_rclone_takes(text: str, name: str, options: dict[str, str], path: str):
    found = parse_connection(text)
    assert found is not None
    assert (found.name, {o.name: o.value for o in found.options}, found.path) == (name, options, path)


@pytest.mark.parametrize(
    "text", ["/a:b", "./a:b", "a", "a,b", "a/b:c", "-x:y", "x :y", " x:y", "Photos, 2024/a:b", "*:x"]
)
def test_what_is_a_local_folder(text: str):
    assert parse_location(text) == Path(text)


@pytest.mark.parametrize("options", ["a-b=1", "", "=3", "a,", "secret='b'c", 'secret="hush', "secret='hush'/x"])
def test_what_rclone_does_not_understand_is_refused_without_its_secrets(options: str):
    for text in (f":s3,{options}:bucket", f"s3,secret=hush,{options}:bucket"):
        with pytest.raises(FleetError, match=r"quotes around a value") as refused:
            parse_location(text)
        assert "hush" not in str(refused.value)


names = st.from_regex(r":?[A-Za-z0-9_.+@]+([ -]+[A-Za-z0-9_.+@-]+)*", fullmatch=True)
values = st.text("ab:,'\"=/ é\n", max_size=12)
options = st.lists(st.tuples(st.from_regex(r"[A-Za-z0-9_.]+", fullmatch=True), values), max_size=4)


def composed(value: str, quote: str) -> str:
    plain = value and value[0] not in "'\"" and not {":", ","} & set(value)
    return (
        value
        if plain and quote == ""
        else (quote or '"') + value.replace(quote or '"', 2 * (quote or '"')) + (quote or '"')
    )


@given(names, options, st.text("ab:,'\"=/ ", max_size=12), st.data())
def test_what_is_composed_is_parsed(name, options, path, data):
    quotes = [data.draw(st.sampled_from(("", "'", '"'))) for _ in options]
    pairs = zip(options, quotes, strict=True)
    text = "".join((name, *(f",{option}={composed(value, quote)}" for (option, value), quote in pairs), ":", path))
    found = parse_connection(text)
    assert found is not None
    assert (found.name, [(o.name, o.value) for o in found.options], found.path) == (name, options, path)
    assert mask(mask(text)) == mask(text)


@given(st.text("ab:,'\"=/ .-é", max_size=20))
@example("a,b=c'd:e")
def test_any_text_is_a_folder_a_remote_or_refused(text):
    try:
        found = parse_connection(text)
    except NoConnectionError:
        assert "hush" not in mask(text)
        return
    if found is not None:
        assert text.endswith(f":{found.path}")


# --- the real rclone ----


def lsf(place: str, folder: Path, **variables: str) -> tuple[bool, str]:
    """Whether rclone understands a place, and what it lists there."""
    command = [str(find_rclone()), "lsf", "--config=/dev/null", "--retries=1", "--", place]
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, check=False, timeout=60, text=True
    )
    misunderstood = ("config name", "config parameter", "quote", "config value", "syntax error")
    return not any(words in ended.stderr for words in misunderstood), ended.stdout


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from((":local", ":alias", ":memory", "no such", ":lo cal", "x-")),
    st.lists(
        st.sampled_from(("description=a'b", "description='a:''b,'", 'description="a', "a-b=1", "x=", "", "y")),
        max_size=2,
    ),
)
@example(":local", ["description='a'b"])
@example(":local", [""])
def test_rclone_agrees(name, options):
    text = f"{','.join((name, *options))}:/nowhere"
    try:
        understood = parse_connection(text) is not None
    except NoConnectionError:
        understood = False
    assert lsf(text, Path("/"))[0] == understood


@pytest.mark.parametrize(
    ("form", "quotes"),
    [
        (":local:{}", ""),
        (":local,description='a:b,c':{}", ""),
        (':alias,remote="{}":', '"'),
        (":alias,global.checkers=3,remote='{}':", "'"),
        (":alias,remote=':local,description=\"x:y\":{}':", "'"),
    ],
)
def test_a_process_lists_the_same_without_options_in_its_arguments(form: str, quotes: str, tmp_path: Path):
    folder = tmp_path / 'it\'s: a, "b"'
    folder.mkdir()
    (folder / "photo.jpg").touch()
    place = form.format(str(folder).replace(quotes, 2 * quotes) if quotes else folder)
    assert lsf(place, tmp_path) == (True, "photo.jpg\n")
    argument, environment = arguments_of(full_text(parse_location(place)))
    assert "," not in argument.partition(":")[0]
    assert lsf(argument, tmp_path, **environment) == (True, "photo.jpg\n")


def test_options_of_a_configured_remote_reach_it_by_the_environment(tmp_path: Path):
    (tmp_path / "photo.jpg").touch()
    config = tmp_path / "rclone.conf"
    config.write_text("[My re.mote-x]\ntype = alias\nremote = /nowhere\n")
    argument, environment = arguments_of(f"My re.mote-x,remote='{tmp_path}':")
    assert argument == "My re.mote-x:"
    command = [str(find_rclone()), "lsf", f"--config={config}", "--", argument]
    listed = subprocess.check_output(command, env={**os.environ, **environment}, text=True, timeout=60)
    assert listed == "photo.jpg\nrclone.conf\n"


# --- secrets ----


def test_a_place_is_shown_and_kept_without_its_secrets():
    place = parse_location(S3)
    assert isinstance(place, Remote)
    assert place.fs == S3
    shown = ":s3,provider=Minio,endpoint='http://127.0.0.1:7901',access_key_id=***,secret_access_key=***:bucket/in"
    assert str(place) == repr(place) == shown
    assert "hush" not in f"{place!s} {place!r} {[place]}"


@pytest.mark.parametrize(
    "text",
    [
        "r,pass=hush:",
        "r,api_key=hush:",
        "r,sas_url='https://x/?sig=hush':",
        "r,url='https://user:hush@host/':",
        "r,connection_string='AccountKey=hush':",
        'r,service_account_credentials=\'{"private_key": "hush"}\':',
        'r,headers="""Authorization"",""Bearer hush""":',
        "r,global.header='Authorization: hush':",
        'r,remote=":s3,secret_access_key=hush:bucket":',
        "r,remote=':crypt,remote=\":s3,secret_access_key=hush:b\",password=hush:':",
        'r,token=\'{"access_token":"hush"}\':',
        "r,bearer_token_command='echo hush':",
    ],
)
def test_secrets_of_many_kinds(text: str):
    assert "hush" not in mask(text)
    assert mask(text).startswith("r,")
    assert mask(mask(text)) == mask(text)


def test_what_is_no_secret_tells_places_apart():
    for one, other in (("endpoint=a", "endpoint=b"), ("host=a", "host=b"), ("env_auth=true", "env_auth=false")):
        assert mask(f":s3,{one}:x") == f":s3,{one}:x" != mask(f":s3,{other}:x")
    assert mask(S3) == mask(S3.replace("hush", "other").replace("HUSH", "OTHER"))
    assert mask("/photos, token=1:x") == "/photos, token=1:x"


@pytest.mark.parametrize(
    "said",
    [
        "{}",
        'failed to make "{}"',
        "the key hush'<hush is wrong",
        'the key "hush\'\\u003chush"',
        "https://host/?key=hush%27%3Chush",
        "AKIAHUSH",
    ],
)
def test_secrets_in_a_text_of_rclone_are_hidden(said: str):
    secrets = Secrets()
    place = ":s3,access_key_id=AKIAHUSH,secret_access_key='hush''<hush':bucket"
    secrets.learn(place)
    assert "hush" not in secrets.hide(said.format(place)).lower()
    assert secrets.hide("no bucket") == "no bucket"
