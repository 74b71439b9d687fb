"""The part of the Drive API v3 and of Google's token server that rclone uses: a request in, an answer out."""

from __future__ import annotations

import email.parser
import email.policy
import itertools
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.cloud.drive_files import DOCUMENT, WORD, Drive, MissingError
from tests.cloud.drive_query import QueryError

ACCESS_TOKEN = "emulated-access-token"
REFRESH_TOKEN = "emulated-refresh-token"


class Call(NamedTuple):
    operation: str  # "files.list", "files.download", "token", ...
    target: str  # the path and query
    status: int


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Fault(NamedTuple):
    """An error in Google's form. Programs look at its reason."""

    status: int
    reason: str
    message: str

    def answer(self) -> Answer:
        error = {"domain": "global", "reason": self.reason, "message": self.message}
        return _json({"error": {"code": self.status, "message": self.message, "errors": [error]}}, self.status)


RATE_LIMITED = Fault(403, "userRateLimitExceeded", "User rate limit exceeded.")
SERVER_ERROR = Fault(500, "backendError", "Internal error.")
DENIED = Fault(403, "insufficientFilePermissions", "The user does not have sufficient permissions for this file.")
QUOTA_EXCEEDED = Fault(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")
_UNAUTHORISED = Fault(401, "authError", "Invalid credentials")
_NOT_FOUND = Fault(404, "notFound", "File not found.")
_INVALID = Fault(400, "invalid", "Invalid value")
_NO_CONTENT = Fault(403, "fileNotDownloadable", "Only files with binary content can be downloaded.")
_OUT_OF_RANGE = Fault(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")


@dataclass
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    query: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.query = {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def json(self) -> dict[str, Any]:
        return json.loads(self.body or b"{}")


@dataclass
class Upload:
    """A resumable upload that is under way. file_id is empty for a new file."""

    file_id: str
    request: Request
    received: bytearray


_FILES, _ID = "/drive/v3/files", "/([^/]+)"
_ROUTES = [
    ("POST", "/token", "token"),
    ("GET", "/drive/v3/about", "about.get"),
    ("GET", "/drive/v3/drives", "drives.list"),
    ("GET", _FILES, "files.list"),
    ("GET", _FILES + _ID, "files.get"),
    ("POST", _FILES, "files.create"),
    ("PATCH", _FILES + _ID, "files.update"),
    ("DELETE", _FILES + _ID, "files.delete"),
    ("POST", _FILES + _ID + "/copy", "files.copy"),
    ("POST", "/upload" + _FILES, "files.upload"),
    ("PATCH", "/upload" + _FILES + _ID, "files.upload"),
    ("POST", "/resume" + _ID, "files.resume"),
]


class DriveApi:
    """Answers requests from any thread, and keeps a log of them.

    Tests set the faults: latency (seconds) delays every answer; authorised=False refuses every token and issues none.
    """

    def __init__(self, drive: Drive) -> None:
        self.calls: list[Call] = []
        self.latency = 0.0
        self.authorised = True
        self.page_size = 1000
        self._drive = drive
        self._faults: list[tuple[str, Fault]] = []
        self._uploads: dict[str, Upload] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def fail(self, fault: Fault, times: int, operation: str = "") -> None:
        """Answer the next `times` calls of the operation, or of any if none is named, with the fault."""
        with self._lock:
            self._faults += [(operation, fault)] * times

    def recover(self) -> None:
        """Drop all faults."""
        with self._lock:
            self._faults.clear()

    def count(self, operation: str) -> int:
        """How often the operation has been called so far."""
        return sum(call.operation == operation for call in self.calls)

    def answer(self, request: Request) -> Answer:
        time.sleep(self.latency)
        operation, arguments = _route(request)
        fault = self._fault(request, operation)
        answer = fault.answer() if fault else self._perform(request, operation, arguments)
        self.calls.append(Call(operation, request.target, answer.status))
        return answer

    def _fault(self, request: Request, operation: str) -> Fault | None:
        # The address of a resumable upload is itself the permission to use it.
        authorised = self.authorised and request.headers.get("Authorization") == f"Bearer {ACCESS_TOKEN}"
        if not authorised and operation not in ("token", "files.resume"):
            return _UNAUTHORISED
        with self._lock:
            for place, (concerned, fault) in enumerate(self._faults):
                if concerned in ("", operation):
                    del self._faults[place]
                    return fault
        return None

    def _perform(self, request: Request, operation: str, arguments: tuple[str, ...]) -> Answer:
        perform = getattr(self, "_" + operation.replace(".", "_"), None)
        if perform is None:
            return _NOT_FOUND.answer()
        try:
            return perform(request, *arguments)
        except MissingError as missing:
            return _NOT_FOUND._replace(message=f"File not found: {missing}.").answer()
        except (QueryError, KeyError, ValueError):
            return _INVALID.answer()

    def _token(self, request: Request) -> Answer:
        form = parse_qs(request.body.decode())
        if not self.authorised or form.get("refresh_token", [REFRESH_TOKEN]) != [REFRESH_TOKEN]:
            return _json({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, 400)
        return _json({"access_token": ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer"})

    def _about_get(self, request: Request) -> Answer:
        used = sum(len(item.content or b"") for item in self._drive.visible())
        quota = {"limit": str(15 << 30), "usage": str(used), "usageInDrive": str(used), "usageInDriveTrash": "0"}
        return _json({"storageQuota": quota, "exportFormats": {DOCUMENT: [WORD]}, "importFormats": {}})

    def _drives_list(self, request: Request) -> Answer:
        return _json({"drives": []})

    def _files_list(self, request: Request) -> Answer:
        found = self._drive.search(request.query["q"])
        start = int(request.query.get("pageToken", 0))
        end = start + min(int(request.query.get("pageSize", 100)), self.page_size)
        return _json({"files": found[start:end]} | ({"nextPageToken": str(end)} if end < len(found) else {}))

    def _files_get(self, request: Request, file_id: str) -> Answer:
        return _json(self._drive.resource(self._drive.get(file_id)))

    def _files_download(self, request: Request, file_id: str) -> Answer:
        content = self._drive.get(file_id).content
        if content is None:
            return _NO_CONTENT.answer()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if wanted is None:
            return Answer(200, content, {"Content-Type": "application/octet-stream"})
        first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        if first > last:
            return _OUT_OF_RANGE.answer()
        return Answer(206, content[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(content)}"})

    def _files_create(self, request: Request) -> Answer:
        return _json(self._drive.resource(self._drive.create(request.json(), None)))

    def _files_update(self, request: Request, file_id: str) -> Answer:
        parent = request.query.get("addParents", "")
        return _json(self._drive.resource(self._drive.update(file_id, request.json(), parent=parent)))

    def _files_delete(self, request: Request, file_id: str) -> Answer:
        self._drive.delete(file_id)
        return Answer(204)

    def _files_copy(self, request: Request, file_id: str) -> Answer:
        return _json(self._drive.resource(self._drive.copy(file_id, request.json())))

    def _files_upload(self, request: Request, file_id: str = "") -> Answer:
        if request.query.get("uploadType") == "resumable":
            number = str(next(self._numbers))
            self._uploads[number] = Upload(file_id, request, bytearray())
            return Answer(200, headers={"Location": f"https://www.googleapis.com/resume/{number}"})
        metadata, media = _related_parts(request)
        return self._store(file_id, request, json.loads(metadata), media)

    def _files_resume(self, request: Request, number: str) -> Answer:
        upload = self._uploads[number]
        first, total = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", request.headers["Content-Range"]).groups()
        upload.received[int(first) :] = request.body
        if total == "*" or len(upload.received) < int(total):
            return Answer(308, headers={"Range": f"bytes=0-{len(upload.received) - 1}"})
        return self._store(upload.file_id, upload.request, upload.request.json(), bytes(upload.received))

    def _store(self, file_id: str, request: Request, metadata: dict[str, Any], content: bytes) -> Answer:
        if file_id:
            item = self._drive.update(file_id, metadata, content, request.query.get("addParents", ""))
        else:
            item = self._drive.create(metadata, content)
        return _json(self._drive.resource(item))


def _route(request: Request) -> tuple[str, tuple[str, ...]]:
    path = urlsplit(request.target).path
    for method, pattern, operation in _ROUTES:
        if method == request.method and (match := re.fullmatch(pattern, path)):
            download = operation == "files.get" and request.query.get("alt") == "media"
            return "files.download" if download else operation, match.groups()
    return f"unknown: {request.method} {path}", ()


def _related_parts(request: Request) -> tuple[bytes, bytes]:
    """The two parts of a multipart/related body: metadata and content."""
    header = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    boundary = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(header).get_boundary()
    parts = request.body.split(b"--" + boundary.encode())[1:3]
    metadata, media = (part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n") for part in parts)
    return metadata, media


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=UTF-8"})
