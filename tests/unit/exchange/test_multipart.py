"""Bodies of multipart/related: the same parts however the bytes come, and nothing half taken for whole."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.exchange.multipart import BrokenBody, boundary_of, parts

BOUNDARY = b"a-boundary"


def body(*contents, preamble=b"", end=b"--"):
    found = preamble
    for headers, content in contents:
        found += b"--" + BOUNDARY + b"\r\n" + headers + b"\r\n" + content + b"\r\n"
    return found + b"--" + BOUNDARY + end


def read(pieces):
    return [(headers, b"".join(content)) for headers, content in parts(iter(pieces), BOUNDARY)]


@given(
    contents=st.lists(st.binary(max_size=60).filter(lambda one: BOUNDARY not in one), max_size=4),
    cuts=st.lists(st.integers(1, 40), max_size=30),
    end=st.sampled_from([b"--", b"--\r\n", b"--\r\nepilogue"]),
)
def test_parts_are_the_same_however_the_bytes_are_cut(contents, cuts, end):
    whole = body(*((b"Content-Type: application/dicom\r\n", one) for one in contents), end=end)
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(whole[at : at + cut])
        at += cut
    found = read([*pieces, whole[at:]])
    if contents:
        assert found == [({"content-type": "application/dicom"}, one) for one in contents]
    else:
        assert found == []


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_parts_or_a_broken_body(content, size):
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    with contextlib.suppress(BrokenBody):
        read(pieces)


@given(st.data())
def test_a_body_cut_off_is_never_taken_for_whole(data):
    whole = body((b"", b"first"), (b"Content-Type: application/dicom\r\n", b"second " * 9))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(BrokenBody):
        read([whole[:cut]])


def test_a_part_may_lack_headers_and_a_preamble_is_passed_over():
    assert read([body((b"", b"\r\n--not it"), preamble=b"for old readers\r\n")]) == [({}, b"\r\n--not it")]


def test_what_is_left_of_a_part_is_passed_over():
    found = parts(iter([body((b"", b"x" * 1000), (b"", b"second"))]), BOUNDARY)
    next(found)
    _, second = next(found)
    assert b"".join(second) == b"second"


def test_headers_without_end_are_not_collected():
    def endless():
        yield b"--" + BOUNDARY + b"\r\n"
        while True:
            yield b"X: " + b"y" * 1000

    with pytest.raises(BrokenBody):
        list(parts(endless(), BOUNDARY))


def test_a_part_is_handed_on_before_it_has_arrived_whole():
    asked = []

    def slow():
        yield body((b"", b""))[: len(BOUNDARY) + 6]
        for number in range(100):
            asked.append(number)
            yield b"z" * 1000

    _, pieces = next(parts(slow(), BOUNDARY))
    assert len(next(pieces)) < 2000 and len(asked) <= 2


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary=abc', b"abc"),
        ('Multipart/Related;boundary="a b:c"', b"a b:c"),
        ("multipart/related", b""),
        ("text/html; boundary=abc", b""),
        ("", b""),
    ],
)
def test_the_boundary_is_read_from_the_content_type(content_type, boundary):
    assert boundary_of(content_type) == boundary
