"""What all tests begin with.

Hypothesis searches the same way every time in CI, anew on a developer's machine. Forty examples a
property, so that the unit tests end in seconds; what needs more says so.
"""

from __future__ import annotations

import os
import signal

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=40)
settings.register_profile("local", deadline=None, max_examples=40)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# A shell that runs the tests in the background has them ignore Ctrl-C, and they would hand that
# down to the commands that they press it for.
signal.signal(signal.SIGINT, signal.default_int_handler)
