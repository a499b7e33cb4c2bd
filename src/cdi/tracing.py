"""Spans for OpenTelemetry: what took how long, by names of our own; never a value, a parameter, a path or a query.

Nothing is collected or sent unless the operator names a collector.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace

from cdi import __version__
from cdi.errors import ConfigurationError

TRACER: Final = trace.get_tracer("cdi", __version__)


@contextmanager
def tracing(collector: str | None, service: str) -> Iterator[None]:
    """While the block runs, spans are sent to the OTLP/HTTP collector at this address (`http://host:4318`); what is
    left is sent at its end. No address: nothing happens.

    Raises ConfigurationError when the packages for it are not installed.
    """
    if not collector:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError("CDI_OTLP_ENDPOINT needs the extra otel", remedy="pip install 'cdi[otel]'") from None
    provider = TracerProvider(resource=Resource({"service.name": service, "service.version": __version__}))
    exporter = OTLPSpanExporter(endpoint=f"{collector.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[trace.Span]:
    """A span around the block. What fails in it is told by the kind of error alone: its text may quote a value."""
    with TRACER.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as opened:
        try:
            yield opened
        except BaseException as error:
            opened.set_attribute("error.type", type(error).__name__)
            opened.set_status(trace.StatusCode.ERROR)
            raise
        finally:
            opened.set_attributes(attributes)
