from hydatis_model_server.rest_trace import TraceMiddleware
from hydatis_serving.tracing import current_trace_id, traceparent

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


async def _seen(headers):
    seen = []

    async def app(scope, receive, send):
        seen.append((current_trace_id(sampled_only=False), traceparent()))

    await TraceMiddleware(app)({"type": "http", "method": "POST", "path": "/", "headers": headers}, None, None)
    return seen[0]


async def test_a_callers_trace_goes_on_over_rest():
    for flags in (b"00", b"01"):
        header = b"00-" + TRACE_ID.encode() + b"-b7ad6b7169203331-" + flags
        trace_id, said = await _seen([(b"traceparent", header)])
        assert trace_id == TRACE_ID
        assert said.endswith(flags.decode())


async def test_a_request_without_a_trace_or_with_nonsense_is_answered_without_one():
    assert await _seen([]) == ("", None)
    assert await _seen([(b"traceparent", b"\xff nonsense")]) == ("", None)
