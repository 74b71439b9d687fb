"""A Google Drive on loopback for rclone's own Drive backend: rclone uses a proxy, and the proxy is the Drive.

The proxy answers a connection to any address itself, with a certificate for Google's names. The authority that signed
it is made for the test, and only this rclone trusts it. Nothing leaves the machine.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

from tests.cloud.drive_api import ACCESS_TOKEN, REFRESH_TOKEN, Answer, DriveApi, Request
from tests.cloud.drive_files import FOLDER, SHORTCUT, Drive

NamePath = str | Sequence[str]  # a sequence of names where one has slashes


class DriveEmulator:
    """Files, and an API that serves them while the context lasts. api has the API's faults and its log of calls."""

    def __init__(self) -> None:
        self._drive = Drive()
        self.api = DriveApi(self._drive)
        self._folder = tempfile.TemporaryDirectory(prefix="drive-")
        self._server = _Server(self.api, Path(self._folder.name) / "ca.pem")
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="drive")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.close()
        self._folder.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that lead rclone here."""
        return {
            "RCLONE_HTTP_PROXY": f"http://127.0.0.1:{self._server.server_port}",
            "RCLONE_CA_CERT": str(self._server.authority),
        }

    def config(self, path: Path, *, root: NamePath | None = None, expired: bool = False) -> Path:
        """Write an rclone.conf with the remote "gdrive:".

        root: the folder that becomes its root_folder_id. expired: rclone has to ask for a new token first.
        """
        token = {
            "access_token": "expired" if expired else ACCESS_TOKEN,
            "token_type": "Bearer",
            "refresh_token": REFRESH_TOKEN,
            "expiry": f"{2000 if expired else 2100}-01-01T00:00:00Z",
        }
        options = {
            "type": "drive",
            "client_id": "emulated.apps.googleusercontent.com",
            "client_secret": "emulated-secret",
            "scope": "drive",
            "token": json.dumps(token),
            "root_folder_id": self.folder(root) if root is not None else "",
            "pacer_min_sleep": "10ms",
        }
        path.write_text("[gdrive]\n" + "".join(f"{name} = {value}\n" for name, value in options.items()))
        return path

    def add(self, path: NamePath, content: bytes | None, *, mime_type: str = "image/jpeg", modified: str = "") -> str:
        """Add a file beside those that already have the path. Makes its folders where needed, and returns its id."""
        *above, name = _names(path)
        metadata = {"name": name, "parents": [self.folder(above)], "mimeType": mime_type, "modifiedTime": modified}
        return self._drive.create(metadata, content).id

    def add_shortcut(self, path: NamePath, target: str) -> str:
        """Add a shortcut to the item with the id target."""
        *above, name = _names(path)
        details = {"shortcutDetails": {"targetId": target}, "mimeType": SHORTCUT}
        return self._drive.create({"name": name, "parents": [self.folder(above)]} | details, None).id

    def folder(self, path: NamePath) -> str:
        """The id of a folder, which is made if it does not exist."""
        parent = self._drive.root
        names = _names(path)
        for depth, name in enumerate(names, 1):
            there = [item for item in self._drive.find(names[:depth]) if item.mime_type == FOLDER]
            new = {"name": name, "parents": [parent], "mimeType": FOLDER}
            parent = (there[0] if there else self._drive.create(new, None)).id
        return parent

    def replace(self, file_id: str, content: bytes, *, modified: str = "") -> None:
        self._drive.update(file_id, {"modifiedTime": modified}, content)

    def trash(self, path: NamePath) -> None:
        """Move everything with this path to the trash, as a user does."""
        for item in self._drive.find(_names(path)):
            self._drive.update(item.id, {"trashed": True})

    def erase(self, path: NamePath) -> None:
        """Delete everything with this path for good."""
        for item in self._drive.find(_names(path)):
            self._drive.delete(item.id)

    def files(self) -> dict[str, list[bytes]]:
        """The contents of all files outside the trash, by path; oldest first where several share a path."""
        found: dict[str, list[bytes]] = {}
        for item in self._drive.visible():
            if item.content is not None:
                found.setdefault(self._drive.path(item), []).append(item.content)
        return found

    def folders(self) -> list[str]:
        """The paths of all folders outside the trash; a path that two folders share is there twice."""
        return [self._drive.path(item) for item in self._drive.visible() if item.mime_type == FOLDER]


def _names(path: NamePath) -> list[str]:
    return [name for name in path.split("/") if name] if isinstance(path, str) else list(path)


class _Server(ThreadingHTTPServer):
    """A proxy that plays every server it is asked for."""

    daemon_threads = False  # server_close() waits for them

    def __init__(self, api: DriveApi, authority: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api, self.authority = api, authority
        self.connections: set[socket.socket] = set()
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(authority))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("www.googleapis.com", "oauth2.googleapis.com").configure_cert(self.tls)

    def close(self) -> None:
        """End the connections that rclone keeps open, and with them the threads that read from them."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """An rclone that was killed leaves broken connections."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection: CONNECT, then TLS, then the requests inside it."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_CONNECT(self) -> None:
        self.send_response(200, "Connection established")
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True, do_handshake_on_connect=False)
        self.server.connections.add(self.connection)
        self.connection.do_handshake()
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

    def finish(self) -> None:
        super().finish()
        self.server.connections.discard(self.connection)
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """The API keeps the log."""

    def _serve(self) -> None:
        self._send(self.server.api.answer(Request(self.command, self.path, self.headers, self._body())))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
