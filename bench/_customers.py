"""A shop of customers over HTTP: ``GET /customers`` ids, ``GET /customers/7`` one, ``GET /customers/7,8`` several.

The same for ``/tags``, in pages of 1 000 ids after ``?after=``; ``POST /tags`` changes several, ``GET /calls`` counts
these.

Run as ``python _customers.py COUNT BAD_EACH``; it prints its port. Of each BAD_EACH customers one has a type that Odoo
refuses; 0: none.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

COUNT, BAD_EACH = map(int, sys.argv[1:])


def customer(number: int) -> dict[str, object]:
    """Return a customer with two addresses."""
    bad = BAD_EACH and number % BAD_EACH == BAD_EACH // 2
    return {
        "id": number,
        "name": f"Customer {number}",
        "email": f"customer{number}@example.com",
        "phone": f"+41 31 {number:07}",
        "type": "bad" if bad else "contact",
        "addresses": [
            {
                "id": 2 * number + kind,
                "name": f"Address {kind} of {number}",
                "street": f"Street {number}",
                "city": "Bern",
                "zip": f"{1000 + number % 9000}",
                "type": ("invoice", "delivery")[kind],
            }
            for kind in (0, 1)
        ],
    }


def tag(number: int) -> dict[str, object]:
    return {"id": number, "name": f"Tag {number}"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    changes: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: int(values[0]) for name, values in parse_qs(url.query).items()}
        kind, _, ids = url.path.strip("/").partition("/")
        make = tag if kind == "tags" else customer
        if kind == "calls":
            answer: object = [len(self.changes), sum(self.changes)]
        elif "after" in query:
            answer = list(range(query["after"] + 1, min(COUNT, query["after"] + 1000) + 1))
        elif not ids:
            answer = list(range(1, COUNT + 1))
        elif "," in ids:
            answer = [make(int(one)) for one in ids.split(",")]
        else:
            answer = make(int(ids))
        self.answer(answer)

    def do_POST(self) -> None:
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.changes.append(len(rows))
        self.answer({"changed": len(rows)})

    def answer(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
