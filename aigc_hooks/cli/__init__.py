"""The command line: ``aigc-hooks demo | label | inspect | check | log | propagate | agreement | evidence | …``."""

from __future__ import annotations

import io
import sys
import warnings


def main() -> None:
    """Runs ``aigc-hooks``: exit code 0 for done, 1 for something that failed, 2 for a wrong call or setting."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks Chinese, or a file name that is no text, must not end in a traceback.
            stream.reconfigure(errors="backslashreplace")
    # Users of a command want to know what, not on which line of our source.
    warnings.formatwarning = lambda message, *_: f"aigc-hooks: warning: {message}\n"
    from aigc_hooks.cli.app import app

    app(prog_name="aigc-hooks")
