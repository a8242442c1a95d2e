"""Helpers for the tests of those who build on aigc_hooks, and for trying it without a model.

with ModelServer(lambda request: Reply("The capital is Paris.")) as server:
    model = ChatOpenAI(model="any", base_url=server.url, api_key="none")
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Request = dict[str, Any]

_PIECE = 4096


@dataclass(frozen=True)
class Reply:
    """What a ``ModelServer`` answers.

    Attributes:
        text: The answer. A stream sends it in words.
        tool_calls: Calls of tools that follow the text: pairs of a name and its arguments.
        reasoning: What the model says to itself first, as ``reasoning_content``.
        status: HTTP status; anything but 200 is an error whose message is ``text``.
        audio: Encoded sound, which answers a request for speech; it is sent in pieces of 4 KiB.
        breaks_after: In a stream, how many pieces leave before the connection is cut; None sends it whole.
        pause: Seconds between the pieces of a stream.
    """

    text: str = ""
    tool_calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    reasoning: str = ""
    status: int = 200
    audio: bytes = b""
    breaks_after: int | None = None
    pause: float = 0.0

    def pieces(self) -> list[str]:
        """The text as a stream sends it: words, each with the space before it."""
        return re.findall(r"\s*\S+|\s+\Z", self.text)

    def sound(self) -> list[bytes]:
        """The sound as a stream sends it."""
        return [self.audio[at : at + _PIECE] for at in range(0, len(self.audio), _PIECE)]


class ModelServer:
    """A model server on the loopback interface that speaks OpenAI's chat completions, responses and speech APIs.

    It runs no model: ``answer`` is asked for each request. It exists so that real clients can be tested, and tried.

    Args:
        answer: Takes a request's JSON body, and returns the reply.

    Attributes:
        url: Base URL for clients, such as ``http://127.0.0.1:43210/v1``.
        requests: The bodies of all requests so far, oldest first.
    """

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.requests: list[Request] = []
        self._answer = answer
        self._numbers = itertools.count(1)
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def start(self) -> ModelServer:
        """Begins to answer; a ``with`` block does the same, and closes."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stops answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> ModelServer:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.close()

    def reply(self, request: Request) -> Reply:
        """Notes a request and asks for its reply."""
        self.requests.append(request)
        request["id"] = next(self._numbers)  # clients know messages by their ids
        return self._answer(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: ModelServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        reply = self.owner.reply(request)
        if reply.status != 200:
            self._json(reply.status, {"error": {"message": reply.text, "type": "invalid_request_error"}})
        elif self.path.endswith("/chat/completions"):
            if request.get("stream"):
                self._events(_chat_events(request, reply), reply)
            else:
                self._json(200, _chat_answer(request, reply))
        elif self.path.endswith("/responses"):
            if request.get("stream"):
                self._events(_response_events(request, reply), reply)
            else:
                self._json(200, _response(request, reply, "completed"))
        elif self.path.partition("?")[0].endswith("/audio/speech"):
            if request.get("stream_format") == "sse":
                self._events(_speech_events(reply), reply)
            else:
                self._sound(reply)
        else:
            self._json(404, {"error": {"message": f"no such path: {self.path}", "type": "invalid_request_error"}})

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the terminal clean."""

    def _json(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _events(self, events: Iterator[Any], reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")  # a client that would send its next request here must know
        self.end_headers()
        try:
            for event in events:
                head = f"event: {event['type']}\n" if "type" in event else ""
                self._chunk(f"{head}data: {json.dumps(event)}\n\n".encode())
                time.sleep(reply.pause)
            if reply.breaks_after is None:
                self._chunk(b"data: [DONE]\n\n")
                self._chunk(b"")
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client went away, as it may

    def _sound(self, reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")  # a client that would send its next request here must know
        self.end_headers()
        try:
            for piece in reply.sound()[: reply.breaks_after]:
                self._chunk(piece)
                time.sleep(reply.pause)
            if reply.breaks_after is None:
                self._chunk(b"")
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client went away, as it may

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def _speech_events(reply: Reply) -> Iterator[Any]:
    for piece in reply.sound()[: reply.breaks_after]:
        yield {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}
    if reply.breaks_after is None:
        yield {"type": "speech.audio.done", "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}


_USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def _calls(request: Request, reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{request['id']}_{n}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for n, (name, arguments) in enumerate(reply.tool_calls)
    ]


def _chat_answer(request: Request, reply: Reply) -> Any:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.tool_calls:
        message["tool_calls"] = _calls(request, reply)
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    reason = "tool_calls" if reply.tool_calls else "stop"
    choices = [{"index": i, "message": message, "finish_reason": reason} for i in range(request.get("n") or 1)]
    return _chat("chat.completion", request, choices=choices, usage=_USAGE)


def _chat(kind: str, request: Request, **more: Any) -> dict[str, Any]:
    return {"id": f"chatcmpl-{request['id']}", "object": kind, "created": 1, "model": request.get("model", ""), **more}


def _chat_events(request: Request, reply: Reply) -> Iterator[Any]:
    def event(delta: Any, reason: str | None = None) -> Any:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _chat("chat.completion.chunk", request, choices=[choice])

    yield event({"role": "assistant", "content": ""})
    if reply.reasoning:
        yield event({"reasoning_content": reply.reasoning})
    for number, piece in enumerate(reply.pieces()):
        if number == reply.breaks_after:
            return
        yield event({"content": piece})
    for index, call in enumerate(_calls(request, reply)):
        yield event({"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": ""}}]})
        yield event({"tool_calls": [{"index": index, "function": {"arguments": call["function"]["arguments"]}}]})
    yield event({}, "tool_calls" if reply.tool_calls else "stop")
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _chat("chat.completion.chunk", request, choices=[], usage=_USAGE)


def _response(request: Request, reply: Reply, status: str) -> dict[str, Any]:
    output: list[Any] = []
    if status == "completed":
        if reply.text:
            output.append(_output_message(request, reply.text, "completed"))
        for number, (name, arguments) in enumerate(reply.tool_calls):
            call = {"type": "function_call", "id": f"fc_{request['id']}_{number}", "name": name}
            call["call_id"] = f"call_{request['id']}_{number}"
            output.append({**call, "arguments": json.dumps(arguments), "status": "completed"})
    usage = {
        "input_tokens": 1,
        "output_tokens": 1,
        "total_tokens": 2,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    return {
        "id": f"resp_{request['id']}",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": request.get("model", ""),
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "usage": usage,
    }


def _output_message(request: Request, text: str, status: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}] if text else []
    return {"type": "message", "id": f"msg_{request['id']}", "role": "assistant", "status": status, "content": content}


def _response_events(request: Request, reply: Reply) -> Iterator[Any]:
    def events() -> Iterator[Any]:
        yield {"type": "response.created", "response": _response(request, reply, "in_progress")}
        place = {"item_id": f"msg_{request['id']}", "output_index": 0, "content_index": 0}
        if reply.text:
            begun = _output_message(request, "", "in_progress")
            yield {"type": "response.output_item.added", "output_index": 0, "item": begun}
            part = {"type": "output_text", "text": "", "annotations": []}
            yield {"type": "response.content_part.added", **place, "part": part}
            for number, piece in enumerate(reply.pieces()):
                if number == reply.breaks_after:
                    return
                yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
            yield {"type": "response.output_text.done", **place, "text": reply.text, "logprobs": []}
            yield {"type": "response.content_part.done", **place, "part": {**part, "text": reply.text}}
        whole = _response(request, reply, "completed")
        for index, item in enumerate(whole["output"]):
            if item["type"] == "function_call":
                at = {"output_index": index, "item_id": item["id"]}
                begun = {**item, "arguments": "", "status": "in_progress"}
                yield {"type": "response.output_item.added", "output_index": index, "item": begun}
                yield {"type": "response.function_call_arguments.delta", **at, "delta": item["arguments"]}
                yield {"type": "response.function_call_arguments.done", **at, "arguments": item["arguments"]}
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
        yield {"type": "response.completed", "response": whole}

    for number, event in enumerate(events()):
        yield {**event, "sequence_number": number}
