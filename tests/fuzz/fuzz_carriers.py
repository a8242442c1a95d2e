"""Coverage-guided fuzzing of every carrier's reader and writer: run it with a folder of files to begin with.

    python tests/fuzz/fuzz_carriers.py -max_total_time=600 corpus/

Whatever a file claims, the only faults are ``CarrierError`` and its kind, and each comes in bounded time and memory.
"""

from __future__ import annotations

import contextlib
import io
import sys

import atheris

with atheris.instrument_imports(include=["aigc_hooks.implicit"]):
    from aigc_hooks.errors import CarrierError, LabelError, UnsupportedCarrierError
    from aigc_hooks.labels import Label
    from aigc_hooks.plugins import hooks
    from aigc_hooks.reading import read_stream

LABEL = Label(content_producer="acme", produce_id="7", content_propagator="acme", propagate_id="7")
FAULTS = (CarrierError, UnsupportedCarrierError, LabelError)


def one(data: bytes) -> None:
    """Reads one input as every format that it may be, and writes the label into it."""
    for carrier in hooks().carriers:
        if not carrier.sniff(data[:4096]) or carrier.refusal:
            continue
        with contextlib.suppress(*FAULTS):
            list(carrier.read(io.BytesIO(data)))
        if carrier.write is None:
            continue
        target = io.BytesIO()
        try:
            carrier.write(io.BytesIO(data), target, LABEL.to_json())
        except FAULTS:
            continue
        target.seek(0)
        with contextlib.suppress(*FAULTS):  # write_label() reads back, and refuses what does not hold the label alone
            read_stream(target)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
