"""The page /metrics, in the formats of Prometheus and OpenMetrics. This loads Python's HTTP server (0.05 s)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from filterfleet.common.address import Address
from filterfleet.common.errors import FleetError
from filterfleet.common.http import BoundedHandler, BoundedServer, names_loopback
from filterfleet.common.metrics.families import Family, merged

Collect = Callable[[], list[Family]]


class Endpoint:
    """Serves from the beginning to close(), on a thread of its own. collect is called for each request, in threads.
    Raises FleetError when the port cannot be had."""

    def __init__(self, address: Address, collect: Collect) -> None:
        try:
            self._server = _Server(address, collect)
        except OSError as error:
            raise FleetError(
                f"Metrics cannot be served at {address}: {error.strerror}. Choose another port with --metrics."
            ) from None
        self._server.start()

    def close(self) -> None:
        self._server.close()


class _Handler(BoundedHandler):
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
        path = self.path.partition("?")[0]
        if self.server.only_here and not names_loopback(self.headers.get("Host", "")):
            self.reply(403, b"These metrics are for this machine only: ask for 127.0.0.1.\n")
        elif path == "/":
            self.reply(200, b'<a href="/metrics">metrics</a>\n', "text/html; charset=utf-8")
        elif path == "/metrics":
            self._metrics()
        else:
            self.reply(404, b"The metrics are at /metrics.\n")

    do_HEAD = do_GET  # noqa: N815 - as above

    def _metrics(self) -> None:
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        try:
            body = encode(_Families(self.server.collect()))
        except TimeoutError as error:  # the scrape fails, and Prometheus says that the target is down
            self.reply(503, f"{error}\n".encode())
            return
        self.reply(200, body, content_type)


class _Server(BoundedServer):
    def __init__(self, address: Address, collect: Collect) -> None:
        self.collect = collect
        self.only_here = address.is_loopback
        super().__init__(address, _Handler, "metrics")


class _Families(CollectorRegistry):
    """What the library's encoders ask for metrics."""

    def __init__(self, families: list[Family]) -> None:
        super().__init__()
        self.register(_Collector(families))


class _Collector(Collector):
    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        return map(_metric, merged(self._families))


def _metric(family: Family) -> Metric:
    metric = Metric(family.name.removesuffix("_total"), family.help, family.kind)
    for sample in family.samples:
        if family.kind != "histogram":
            metric.add_sample(family.name, sample.labels, sample.value)
            continue
        for bound, count in (*sample.buckets, (float("inf"), sample.value)):
            metric.add_sample(f"{family.name}_bucket", {**sample.labels, "le": _bound(bound)}, count)
        metric.add_sample(f"{family.name}_count", sample.labels, sample.value)
        metric.add_sample(f"{family.name}_sum", sample.labels, sample.total)
    return metric


def _bound(bound: float) -> str:
    return "+Inf" if bound == float("inf") else repr(bound)
