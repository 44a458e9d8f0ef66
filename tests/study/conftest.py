"""The engine of the study page in V8, without a browser."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from npvae.study.contents import contents
from npvae.study.page import script_of

SECONDS = 1800  # no test says how long something may take; what takes longer hangs


class Context:
    """A context of V8 in a thread of its own.

    Playwright, once it has started, leaves an event loop running in the thread of the tests. V8 would take that loop
    for its own and refuse to wait in it.
    """

    def __init__(self, racer):
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._racer = self._thread.submit(racer).result()

    def eval(self, text, **limits):
        return self._thread.submit(self._racer.eval, text, **limits).result()

    def close(self):
        self._thread.submit(self._racer.close).result()
        self._thread.shutdown()


class Engine:
    """Runs JavaScript beside the page's engine: engine("return study.f(given.x)", x=1)."""

    def __init__(self, context):
        self.context = context

    def __call__(self, body, **given):
        text = f"JSON.stringify(((given) => {{ {body} }})({json.dumps(given)})) ?? null"
        found = self.context.eval(text, timeout_sec=SECONDS)
        return None if found is None else json.loads(found)


def start(context, data):
    """An engine with these contents."""
    context.eval(script_of("engine"), timeout_sec=SECONDS)
    engine = Engine(context)
    engine("study.load(given.data)", data=data)
    engine("globalThis.flat = (array) => [...array]")  # a Float64Array is no list to JSON
    return engine


@pytest.fixture(scope="session")
def v8():
    """Contexts of V8, each closed at the end: an open one keeps the interpreter from ending."""
    racer = pytest.importorskip("py_mini_racer", reason="the extra `study` is not installed: pip install mini-racer")

    @contextmanager
    def opened():
        context = Context(racer.MiniRacer)
        try:
            yield context
        finally:
            context.close()

    return opened


@pytest.fixture(scope="session")
def engine(v8):
    with v8() as context:
        yield start(context, contents())


@pytest.fixture
def engine_with(v8):
    """Runs `look` on an engine with contents of its own."""

    def run(data, look):
        with v8() as context:
            return look(start(context, data))

    return run
