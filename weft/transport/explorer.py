"""The page that a browser is shown: write operations, run them, read the schema.

It is our own and one file, so that it works offline and needs nothing of other servers; its
Content-Security-Policy names the very style and script that it has.
"""

import base64
import hashlib
import re
from pathlib import Path

INLINE = re.compile(rb"<(style|script)>(.*?)</\1>", re.DOTALL)


class Explorer:
    """`page` is the HTML, `headers` what it must be sent with."""

    def __init__(self) -> None:
        self.page = Path(__file__).with_name("explorer.html").read_bytes()
        policy = ["default-src 'none'", "connect-src 'self'", "base-uri 'none'"]
        policy += ["form-action 'none'", "frame-ancestors 'none'"]
        for tag, source in INLINE.findall(self.page):
            digest = base64.b64encode(hashlib.sha256(source).digest()).decode()
            policy.append(f"{tag.decode()}-src 'sha256-{digest}'")
        self.headers = [
            (b"content-security-policy", "; ".join(policy).encode()),
            (b"referrer-policy", b"no-referrer"),
        ]
