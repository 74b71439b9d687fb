"""XMP of pictures that had more in their file than pixels: gain maps, videos, depth maps."""

import time
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterfleet.common.jobs.recipe import Metadata
from filterfleet.worker.formats import Header, carried
from filterfleet.worker.formats.xmp import of_the_picture
from tests.unit.samples import XMP

HEAD = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
)
TAIL = b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
KEPT = b' dc:creator="Somebody" xmp:Rating="4" '
SPACES = (
    b' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    b' xmlns:%s="http://ns.google.com/photos/1.0/camera/" xmlns:%s="http://ns.google.com/photos/1.0/container/"'
    b' xmlns:Item="http://ns.google.com/photos/1.0/container/item/" xmlns:%s="http://ns.adobe.com/hdr-gain-map/1.0/"'
    b' xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
)


def packet(camera=b"GCamera", container=b"Container", hdrgm=b"hdrgm"):
    """An Ultra HDR picture that is a motion photo, too, as phones write them."""
    return (
        HEAD
        + b'<rdf:Description rdf:about=""'
        + SPACES % (camera, container, hdrgm)
        + KEPT
        + b'%s:Version="1.0" %s:MicroVideo="1"\n %s:MicroVideoOffset=\'41\' %s:MotionPhoto="1" %s:SpecialTypeID="a>b" '
        % (hdrgm, camera, camera, camera, camera)
        + b'xmpNote:HasExtendedXMP="0123456789ABCDEF">'
        + b"<%s:Directory><rdf:Seq><rdf:li rdf:parseType='Resource'>" % container
        + b"<%s:Item Item:Semantic='GainMap' Item:Mime='image/jpeg' Item:Length='9999'/>" % container
        + b"</rdf:li></rdf:Seq></%s:Directory>" % container
        + b"<%s:GainMapMax><rdf:Seq><rdf:li>1.5</rdf:li></rdf:Seq></%s:GainMapMax>" % (hdrgm, hdrgm)
        + b"<dc:title><rdf:Alt><rdf:li>Sea &gt; land</rdf:li></rdf:Alt></dc:title>"
        + b"</rdf:Description>"
        + TAIL
    )


def told(xmp):
    """Names and texts of all elements, and names and values of all attributes, with their namespaces."""
    root = ET.fromstring(xmp)
    return [(e.tag, (e.text or "").strip(), sorted(e.attrib.items())) for e in root.iter()]


WANTED = (
    HEAD
    + b'<rdf:Description rdf:about="" xmlns:c="http://ns.google.com/photos/1.0/camera/"'
    + SPACES % (b"c1", b"c2", b"c3")
    + KEPT
    + b'c:SpecialTypeID="a>b"><dc:title><rdf:Alt><rdf:li>Sea &gt; land</rdf:li></rdf:Alt></dc:title></rdf:Description>'
    + TAIL
)


@pytest.mark.parametrize("prefixes", [(), (b"gc", b"what", b"x.y-z")])
def test_what_pointed_to_other_parts_of_the_file_is_gone_and_the_rest_stays(prefixes):
    assert told(of_the_picture(packet(*prefixes))) == told(WANTED)
    assert told(carried(Header("jpeg", 1, 1, xmp=packet(*prefixes)), Metadata.KEEP).xmp) == told(WANTED)


def test_other_xmp_stays_as_it_is():
    for xmp in (XMP, b"", b"no XML <at:all", WANTED):
        assert of_the_picture(xmp) == xmp


def test_a_property_that_does_not_end_takes_the_packet_with_it():
    assert of_the_picture(packet().replace(b"</Container:Directory>", b"")) is None


@given(st.lists(st.sampled_from([b"<", b">", b"/", b'"', b"hdrgm:A", b" ", b"=", b"a:b", b"'", b"x"])).map(b"".join))
def test_any_text_is_edited_or_dropped(text):
    result = of_the_picture(b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"' + text)
    assert result is None or len(result) <= len(text) + 60


@pytest.mark.parametrize(
    "piece", [b"<hdrgm:A ", b"<hdrgm:A>", b"<a:b c='", b" a:b='", b"<a:b ", b"</", b"<a:b a:b=''/"]
)
def test_hostile_xmp_takes_linear_time(piece):
    text = b'<x:y xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/">' + piece * (2_000_000 // len(piece))
    takes_little_time(text)


def test_thousands_of_prefixes_take_linear_time():
    many = (b'<a:b xmlns:p%d="http://ns.adobe.com/hdr-gain-map/1.0/" p%d:c=""/>' % (n, n) for n in range(30_000))
    takes_little_time(b"".join(many))


def takes_little_time(text):
    began = time.perf_counter()
    of_the_picture(text)
    assert time.perf_counter() - began < 5
