from __future__ import annotations

import pytest

from headrace.pipelines.kfp_log import Event, Finished, LogReader, Outputs, Said, Started, Undecided

CYAN, GREEN, RED, END = "\x1b[96m", "\x1b[92m", "\x1b[91m", "\x1b[0m"


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (f"11:45:56.597 - INFO - Executing task {CYAN}'roll-out'{END}", Started("roll-out")),
        (
            f"11:45:56.675 - INFO - Task {CYAN}'one'{END} finished with status {GREEN}SUCCESS{END}",
            Finished("one", True),
        ),
        (
            f"11:45:56.771 - ERROR - Task {CYAN}'two'{END} finished with status {RED}FAILURE{END}",
            Finished("two", False),
        ),
        (
            "WARNING:root:Could not resolve CEL parameter: pipelinechannel--evaluate-passed",
            Undecided(
                "WARNING:root:Could not resolve CEL parameter: pipelinechannel--evaluate-passed"
            ),
        ),
        ('headrace-pipeline-outputs: {"Output": true}', Outputs('{"Output": true}')),
        ("    the model passed", Said("the model passed")),
        ("    [KFP Executor 2026-11-21 11:45:56,658 INFO]: Looking for component `one`", None),
        ("11:45:56.597 - INFO - Streamed logs:", None),
        ("-" * 80, None),
        ("", None),
        ("    ", None),
    ],
)
def test_what_a_line_means(line: str, event: Event | None) -> None:
    assert LogReader().read(line) == event


def test_the_input_that_kfp_dumps_is_left_out() -> None:
    lines = [
        "    [KFP Executor 2026-11-21 11:45:56,658 INFO]: Got executor_input:",
        "    {",
        '        "inputs": {',
        "        }",
        "    }",
        "    hello",
    ]
    reader = LogReader()
    assert [event for line in lines if (event := reader.read(line))] == [Said("hello")]
