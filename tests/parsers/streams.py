"""Generates streams of requests: most parts of a request are plain, up to three are odd."""

from hypothesis import strategies as st

HANDSHAKE_LINES = (
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"sec-websocket-protocol: graphql-transport-ws\r\n"
)
WEBSOCKET = b"connection: upgrade\r\nupgrade: websocket\r\n" + HANDSHAKE_LINES
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
BODIES = (b"abc", b"", b"0\r\n\r\n", SMUGGLED, b"\r\n" + SMUGGLED, b"7\r\nGET /a \r\n0\r\n\r\n")

METHODS = (b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT")
ODD_METHODS = (b"CONNECT", b"get", b"PRI", b"SOURCE", b"G\tET", b"", b"DESCRIBE", b"M-SEARCH")
TARGETS = (
    *(b"/graphql", b"/early", b"/slow", b"/stream", b"/none", b"/direct"),
    *(b"/graphql?query={hello}", b"/a/b?c?d", b"/a?"),
)
ODD_TARGETS = (
    *(b"http://a/graphql?x", b"http://b:80/c", b"HTTPS://a", b"http://a?x=/", b"http://u@a/b"),
    *(b"http:///b", b"http://a/b://c", b"ftp://a/b", b"*", b"a:80", b"graphql", b"//a/b"),
    *(b"/a#b", b"/a?b#c", b"#", b"/%2e%2e/%00", b"/%zz%", b"/%C3%A9%ff", b"/\x80", b"/\x01"),
    *(b"", b"/a b", b"/a\tb", b'/"<>\\^`{|}', b"?a", b"http://a\\b/", b"http://[::1]:1/"),
)
ODD_VERSIONS = (
    *(b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/0.9", b"HTTP/3.0", b"http/1.1", b"HTTP/1.1 "),
    *(b"HTTP/11", b"HTTP/1.10", b"HTTP/01.1", b"RTSP/1.0", b"ICE/1.0", b"", b"HTTP/1.1\t"),
)
HOST = b"host: a\r\n"
ODD_HOSTS = (
    *(b"", b"host: a\r\nhost: a\r\n", b"host: a\r\nHost: b\r\n", b"host:\r\n", b"host: a/b\r\n"),
    *(b"host: a b\r\n", b"host: u@a\r\n", b"host: a:b\r\n", b"host: a:80\r\n", b"host: [::1]\r\n"),
    *(b"host: a\x80\r\n", b"host: a, b\r\n", b"host: http://a\r\n", b"host: a:99999\r\n"),
)
CONNECTIONS = (
    *(b"keep-alive", b"close", b"Close", b"upgrade", b"keep-alive, close", b"close, keep-alive"),
    *(
        b"x, close",
        b",close,",
        b"closed",
        b"x-close",
        b"close x",
        b'"close"',
        b"keep-alive, x",
        b"",
    ),
    *(b"close\r\nconnection: keep-alive", b"keep-alive\r\nconnection: close", b"TE, upgrade"),
    *(b"Content-Length", b"close\t", b"clo\tse"),
)
UPGRADES = (
    b"connection: upgrade\r\nupgrade: h2c\r\n",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    b"connection: keep-alive\r\nconnection: upgrade\r\nupgrade: foo\r\n",
    b"connection: upgrade, close\r\nupgrade: h2c\r\n",
    b"connection: upgrade\r\nupgrade:\r\n",
    b"upgrade: websocket\r\n" + HANDSHAKE_LINES,
    WEBSOCKET,
    b"connection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n" + HANDSHAKE_LINES,
    b"connection: upgrade\r\nupgrade: websocket\r\n",
    b"connection: upgrade\r\nupgrade: h2c, websocket\r\n" + HANDSHAKE_LINES,
    b"connection: upgrade\r\nupgrade: h2c\r\nupgrade: websocket\r\n" + HANDSHAKE_LINES,
    b"connection: upgrade\r\nupgrade: websocket\r\nupgrade: h2c\r\n" + HANDSHAKE_LINES,
)
LENGTHS = (
    *(b"+%d", b" %d", b"%d ", b"%d, %d", b"%d,", b"0x%d", b"-%d", b"", b"0%d", b"%d.0", b"%d a"),
    *(b"%d\r\ncontent-length: %d", b"%d\r\ncontent-length: 1", b"\x0b%d", b"%d\x0b", b"%d\t"),
    *(b"%d\r\n a: b", b"1%d", b"0, %d", b"18446744073709551617", b"9" * 30),
)
CODINGS = (
    *(
        b"Chunked",
        b"gzip, chunked",
        b"chunked, gzip",
        b"chunked, chunked",
        b"chunked,",
        b", chunked",
    ),
    *(b" chunked", b"\tchunked", b"chunked \t", b"\x0bchunked", b"chunked\x0b", b"", b"identity"),
    *(b"chunked;a=b", b'"chunked"', b"chunke", b"xchunked", b"chunked\r\n chunked", b"gzip"),
    *(b"chunked\r\ntransfer-encoding: chunked", b"gzip\r\ntransfer-encoding: chunked"),
    *(b"chunked\r\ncontent-length: 3", b"chunked\r\ntransfer-encoding: identity", b"\r\n chunked"),
)
SIZES = (
    *(
        b"%x ",
        b" %x",
        b"0%x",
        b"%X",
        b"+%x",
        b"-%x",
        b"0x%x",
        b"%x\t",
        b"%x;a",
        b"%x;a=b",
        b"%x ;a",
    ),
    *(b'%x;a="b\r\n"', b"%x;a\x00", b"%x;a\rb", b"%x;a\nb", b"%x,", b"%x.", b"%x_", b"\x0b%x", b""),
    *(b"ffffffffffffffff%x", b"10000000000000000%x", b"00000000000000000000%x", b"%x;" + b"a" * 99),
)
TRAILERS = (
    *(b"x-trailer: a\r\n", b"Authorization: Bearer good\r\n", b"Content-Length: 3\r\n"),
    *(b"transfer-encoding: chunked\r\n", b"transfer-encoding: gzip\r\n", b"connection: close\r\n"),
    *(b"host: b\r\n", b"expect: 100-continue\r\n", WEBSOCKET, b"connection: upgrade\r\n"),
    *(
        b"a: b\n",
        b"a\r\n",
        b"a : b\r\n",
        b"a: b\r\n c\r\n",
        b" a: b\r\n",
        b": a\r\n",
        b"a: \x00\r\n",
    ),
)
LINES = (
    *(b"expect: 100-continue\r\n", b"Expect: 100-Continue\r\n", b"expect: a\r\n"),
    *(
        b"x : a\r\n",
        b"x\t: a\r\n",
        b"x: a\r\n b\r\n",
        b"x: a\r\n\tb: c\r\n",
        b" x: a\r\n",
        b"x: a\n",
    ),
    *(
        b"x: \x00\r\n",
        b"x\x00: a\r\n",
        b"x: a\rb\r\n",
        b"x: a\r\r\n",
        b"x\r\n",
        b": a\r\n",
        b"x:\r\n",
    ),
    *(
        b"transfer-encoding : chunked\r\n",
        b"content-length : 3\r\n",
        b"x: \x80\xff\r\n",
        b"x: a \t\r\n",
    ),
    *(b"transfer_encoding: chunked\r\n", b"x: a\r\ncontent-length: 3\r\n", b"\r x: a\r\n"),
    *(
        b"x: \x01\x7f\r\n",
        b"a b: c\r\n",
        b"x: a\n\ncontent-length: 3\r\n",
        b"\x0bx: a\r\n",
        b"\xe9: a\r\n",
    ),
)
GAPS = (b"\r\n", b"\r\n\r\n\r\n", b"\n", b"\r", b" ", b"\x00", b"a")
ENDS = (b"\n\r\n", b"\n\n", b"\r\n\n", b"\r\n", b"", b"\r\n\r", b"\r\n\r\r\n")


def _chunks(draw: st.DrawFn, body: bytes, aspects: set[str]) -> bytes:
    """Draws a body in chunks, which may have odd sizes and trailers."""
    place = draw(st.integers(0, len(body)))
    parts = [part for part in (body[:place], body[place:]) if part]
    odd = draw(st.integers(0, len(parts))) if "size" in aspects else -1
    chunks: list[bytes] = []
    for number, part in enumerate([*parts, b""]):
        size = draw(st.sampled_from(SIZES)) if number == odd else b"%x"
        line = size.replace(b"%x", b"%x" % len(part)).replace(b"%X", b"%X" % len(part))
        chunks.append(line + b"\r\n" + part + (b"\r\n" if part else b""))
    trailers = draw(st.lists(st.sampled_from(TRAILERS), max_size=2)) if "trailer" in aspects else []
    if "chunk end" in aspects:
        chunks[-1] += draw(st.sampled_from((b"", b"a: b\r\n", b"\r", b"\n", b"a")))
    return b"".join([*chunks, *trailers, b"\r\n"])


def _body(draw: st.DrawFn, method: bytes, aspects: set[str]) -> tuple[bytes, bytes]:
    """Draws the header lines that frame a body, and the body."""
    framing = {"size", "trailer", "chunk end", "coding", "length", "wrong length"}
    if method not in (b"POST", b"PUT") and not aspects & framing and draw(st.integers(0, 3)):
        return b"", b""
    body = draw(st.sampled_from(BODIES))
    chunked = {"size", "trailer", "chunk end", "coding"} & aspects
    if chunked or (not aspects & framing and draw(st.booleans())):
        coding = draw(st.sampled_from(CODINGS)) if "coding" in aspects else b"chunked"
        return b"transfer-encoding: %b\r\n" % coding, _chunks(draw, body, aspects)
    length = len(body)
    if "wrong length" in aspects:
        length = max(0, length + draw(st.integers(-3, 3)))
    form = draw(st.sampled_from(LENGTHS)) if "length" in aspects else b"%d"
    return b"content-length: %b\r\n" % form.replace(b"%d", b"%d" % length), body


ASPECTS = (
    *("method", "target", "version", "host", "connection", "upgrade", "upgrade", "length"),
    *("wrong length", "coding", "size", "trailer", "chunk end", "line", "line", "gap", "end"),
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Draws one request, plain except in up to three aspects."""
    aspects = set(draw(st.lists(st.sampled_from(ASPECTS), max_size=3)))

    def part(aspect: str, plain: tuple[bytes, ...], odd: tuple[bytes, ...]) -> bytes:
        return draw(st.sampled_from(odd if aspect in aspects else plain))

    method = part("method", METHODS, ODD_METHODS)
    target = part("target", TARGETS, ODD_TARGETS)
    version = part("version", (b"HTTP/1.1",), ODD_VERSIONS)
    lines = [part("host", (HOST,), ODD_HOSTS)]
    if "connection" in aspects:
        lines.append(b"connection: %b\r\n" % draw(st.sampled_from(CONNECTIONS)))
    if "upgrade" in aspects:
        lines.append(draw(st.sampled_from(UPGRADES)))
    if "line" in aspects:
        lines.append(draw(st.sampled_from(LINES)))
    framing, body = _body(draw, method, aspects)
    lines = draw(st.permutations([*lines, framing]))
    end = part("end", (b"\r\n",), ENDS)
    gap = draw(st.sampled_from(GAPS)) if "gap" in aspects else b""
    first = b"%b %b %b\r\n" % (method, target, version)
    return b"".join((gap, first, *lines, end, body))


@st.composite
def damaged(draw: st.DrawFn, sources: st.SearchStrategy[bytes]) -> bytes:
    """Draws from `sources`, then cuts out, repeats or overwrites up to four parts."""
    data = draw(sources)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, len(data)))
        part = draw(st.sampled_from([b"", data[start:end] * 3, data[:20]]) | st.binary(max_size=8))
        data = data[:start] + part + data[end:]
    return data


pipelines = st.lists(requests(), min_size=1, max_size=4).map(b"".join)
streams = pipelines | damaged(pipelines)


@st.composite
def long_streams(draw: st.DrawFn) -> bytes:
    """Draws pipelines after so many bytes that a server reads them in several parts."""
    size = draw(st.sampled_from((16_384, 65_536, 3 * 65_536))) - draw(st.integers(-100, 600))
    path = draw(st.sampled_from((b"/graphql", b"/early", b"/slow")))
    first = b"POST %b HTTP/1.1\r\n" % path + HOST
    if draw(st.booleans()):
        chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)
        padding = first + b"transfer-encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n"
    elif draw(st.booleans()):
        padding = first + b"content-length: %d\r\n\r\n" % size + b"x" * size
    else:
        padding = SMUGGLED * min(size // len(SMUGGLED), 600) + b"\r\n" * draw(st.integers(0, 20))
    return padding + draw(pipelines)
