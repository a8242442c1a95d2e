"""``transformers serve`` with a tiny model: LangChain's and OpenAI's clients get its answers, labelled on our side."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import tiny_text_models
from chat_models import LABEL, added, records
from langchain_core.messages import AIMessage, HumanMessage
from langchain_openai import ChatOpenAI

from aigc_hooks import Provider, wrap

ACME = Provider(producer="acme")
PATIENCE = 120


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Base URL and name of a model that a server of its own process answers with."""
    folder = tmp_path_factory.mktemp("serve")
    model = tiny_text_models.llama()
    model.generation_config.max_new_tokens = 12
    model.save_pretrained(folder / "model")
    tiny_text_models.tokenizer().save_pretrained(folder / "model")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log"
    command = ["serve", str(folder / "model"), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "transformers.cli.transformers", *command],
            stdout=output,
            stderr=output,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"},
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}/v1", str(folder / "model")
    finally:
        server.kill()
        server.wait()


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the server did not come up: {log.read_text(errors='replace')[-2000:]}")


def test_langchain(served: tuple[str, str]) -> None:
    url, name = served
    bare = ChatOpenAI(model=name, base_url=url, api_key="none", temperature=0)
    model = wrap(ChatOpenAI(model=name, base_url=url, api_key="none", temperature=0), provider=ACME)
    said = bare.invoke("hello").text
    assert said.strip()
    first = model.invoke("hello")
    assert first.text == said + LABEL
    whole = added(list(model.stream("hello")))
    assert whole.text == said + LABEL
    assert records(whole) == ["acme"]
    # The next turn is the same with the label in the history and without.
    turn = HumanMessage("more")
    assert model.invoke(["hello", first, turn]).text == bare.invoke(["hello", AIMessage(said), turn]).text + LABEL


def test_openai(served: tuple[str, str]) -> None:
    url, name = served
    client = openai.OpenAI(base_url=url, api_key="none")

    @wrap(kind="text", provider=ACME)
    def ask(question: str) -> Iterator[str]:
        messages = [{"role": "user", "content": question}]
        for chunk in client.chat.completions.create(model=name, messages=messages, stream=True, temperature=0):
            yield (chunk.choices[0].delta.content if chunk.choices else None) or ""

    pieces = list(ask("hello"))
    assert "".join(pieces).endswith(LABEL)
    assert [piece for piece in pieces if piece][-1] == LABEL
