"""Shares by name, and the seals on what is said about them."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterfleet.common.errors import FleetError, ProtocolError
from filterfleet.common.shares.names import Share, is_inside, parse_shares, share_of
from filterfleet.common.shares.reference import (
    LEFT_SIZE,
    REFERENCE_LIMIT,
    SECRET_SIZE,
    Reference,
    file_name,
    is_sealed,
    leave,
    path_of,
    read,
    seal,
    stem_of,
)

SECRET, OTHER = b"s" * SECRET_SIZE, b"o" * SECRET_SIZE
STEM = bytes(range(16))
KNOWN = Reference("lab", b"trip/a.jpg", 5, -1, (1 << 64) - 1, b"c" * 32, "results", "0123456789abcdef", "boot")


def test_shares_are_read_as_people_write_them():
    shares = parse_shares(["lab=/nfs/lab/", "cards=/media/cards:ro", "root=/"])
    assert shares == {
        "lab": Share("lab", "/nfs/lab"),
        "cards": Share("cards", "/media/cards", read_only=True),
        "root": Share("root", "/"),
    }
    assert parse_shares(map(str, shares.values())) == shares


@pytest.mark.parametrize(
    "text", ["lab", "=/nfs", "lab=", "lab=nfs", "Lab=/nfs", "../x=/nfs", "a b=/nfs", "x" * 64 + "=/"]
)
def test_what_is_no_share_is_one_sentence(text):
    with pytest.raises(FleetError, match=rf"^--share {re.escape(text)} is not NAME=DIR: .*only read\.$"):
        parse_shares([text])


def test_a_name_stands_for_one_folder():
    with pytest.raises(FleetError, match="names lab twice"):
        parse_shares(["lab=/one", "lab=/two"])


def test_a_folder_is_in_the_innermost_share_that_holds_it():
    root, outer, inner = Share("root", "/"), Share("outer", "/a"), Share("inner", "/a/b")
    assert share_of([outer, inner], "/a/b/c/d") == (inner, "c/d")
    assert share_of([outer, inner], "/a/b") == (inner, "")
    assert share_of([outer, inner], "/a/bc") == (outer, "bc")
    assert share_of([outer, inner], "/ab") is None
    assert share_of([root], "/x/y") == (root, "x/y")


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "..", "a/../../b", "../x", "a//b", "./a", "a/.", "a/", "a\0b", "x" * 4097]
)
def test_a_path_that_does_not_lead_inwards_is_refused(path):
    assert not is_inside(path)
    known = Reference(*[path.encode() if name == "path" else getattr(KNOWN, name) for name in KNOWN.__struct_fields__])
    with pytest.raises(ProtocolError):
        read(seal(known, SECRET))


def test_a_reference_comes_as_it_was_sealed():
    assert read(seal(KNOWN, SECRET)) == KNOWN
    assert is_sealed(seal(KNOWN, SECRET), SECRET)
    odd = Reference(
        *[
            "a\udcff.jpg".encode("utf-8", "surrogateescape") if n == "path" else getattr(KNOWN, n)
            for n in KNOWN.__struct_fields__
        ]
    )
    assert path_of(read(seal(odd, SECRET))) == "a\udcff.jpg"


@given(st.integers(0, len(seal(KNOWN, SECRET)) - 1), st.integers(1, 255))
def test_a_reference_with_one_bit_changed_is_not_sealed(place, change):
    sealed = bytearray(seal(KNOWN, SECRET))
    sealed[place] ^= change
    assert not is_sealed(bytes(sealed), SECRET)


@given(
    st.binary(max_size=200)
    | st.builds(lambda n, tail: seal(KNOWN, SECRET)[:n] + tail, st.integers(0, 150), st.binary(max_size=9))
)
def test_whatever_bytes_a_reference_has_it_is_read_or_refused(data):
    with contextlib.suppress(ProtocolError):
        assert is_inside(path_of(read(data)))


def test_a_seal_of_another_share_is_none():
    assert not is_sealed(seal(KNOWN, OTHER), SECRET)
    assert not is_sealed(b"", SECRET)


def test_the_longest_path_fits_into_a_reference():
    assert (
        len(
            seal(
                Reference("x" * 63, b"a" * 4096, 1 << 63, 1 << 62, 1 << 63, b"c" * 32, "x" * 63, "0" * 16, "k" * 64),
                SECRET,
            )
        )
        <= REFERENCE_LIMIT
    )


def test_outputs_belong_to_the_task_that_they_were_left_for():
    mine, another = seal(KNOWN, SECRET), seal(Reference("lab", b"b.jpg", *list(vars_of(KNOWN))[2:]), SECRET)
    left = leave(STEM, [1, 2], mine, SECRET)
    assert len(left) == LEFT_SIZE
    assert stem_of(left, [1, 2], mine, SECRET) == STEM
    assert file_name(STEM, 1) == "000102030405060708090a0b0c0d0e0f-1"
    for wrong in (
        (left, [2, 1], mine, SECRET),
        (left, [1, 2], another, SECRET),
        (left, [1, 2], mine, OTHER),
        (b"x" + left[1:], [1, 2], mine, SECRET),
        (b"", [1, 2], mine, SECRET),
    ):
        with pytest.raises(ProtocolError, match=r"^The outputs in the share are not those of this task\.$"):
            stem_of(*wrong)


def vars_of(reference):
    return (getattr(reference, name) for name in reference.__struct_fields__)
