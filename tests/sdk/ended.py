"""Batches that the official Python SDK makes start `workflows/on-batch-ended.yml` once each, over two restarts.

Usage: python ended.py FLOW   (needs: pip install anthropic)

The workflow is served by `flow serve --sandbox`, looking each second and not each minute. Of six batches two are made
before each end of the daemon: the first end is in order, the second a kill right after the batches were made, so that they end while
nobody looks. Each must have one run that succeeded, whose file has the batch's results as the SDK reads them.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anthropic

from sides import MODEL, user

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60


class Daemon:
    """A daemon with its sandbox."""

    def __init__(self, flow: str, folder: Path) -> None:
        self.log = folder / "log"
        with self.log.open("ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [flow, "serve", "--sandbox", "--port", "0"],
                cwd=folder,
                env={**os.environ, "NO_COLOR": "1"},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.sandbox = ""

        def listens() -> bool:
            said = self.log.read_bytes()[begin:].decode()
            for line in said.splitlines():
                if "the sandbox is at " in line:
                    self.sandbox = line.split("the sandbox is at ")[1].strip()
            return "listens on" in said

        until("the daemon listens", listens)
        self.client = anthropic.Anthropic(base_url=self.sandbox, api_key="any")

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait(PATIENCE)


def until(what: str, holds) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"in vain: {what}")
        time.sleep(0.1)


def runs(flow: str, folder: Path) -> list[dict]:
    shown = subprocess.run([flow, "runs", "--json"], cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(shown.stdout)


def looked(flow: str, folder: Path) -> bool:
    """Whether the first look, which takes what is there as known, is over."""
    shown = subprocess.run(
        [flow, "triggers", "--json"], cwd=folder, capture_output=True, text=True, check=False
    )
    return "looked_at" in shown.stdout and '"looked_at":null' not in shown.stdout


def make(client: anthropic.Anthropic, name: str) -> str:
    requests = [
        {"custom_id": f"{name}-{at}", "params": {"model": MODEL, "max_tokens": 16, "messages": [user("Hi")]}}
        for at in range(3)
    ]
    return client.messages.batches.create(requests=requests).id


def main() -> None:
    flow = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".flow").mkdir()
        text = (ROOT / "workflows/on-batch-ended.yml").read_text(encoding="utf-8")
        assert "every: 1m" in text
        (folder / "on-batch-ended.yml").write_text(text.replace("every: 1m", "every: 1s"), encoding="utf-8")
        made: list[str] = []
        for how in (signal.SIGTERM, signal.SIGKILL, None):
            daemon = Daemon(flow, folder)
            until("it has looked", lambda: looked(flow, folder))
            made += [make(daemon.client, f"b{len(made)}"), make(daemon.client, f"c{len(made)}")]
            if how == signal.SIGTERM:
                until("their runs have ended", lambda: ended(flow, folder) == len(made))
            if how:
                daemon.end(how)
        until("all runs have ended", lambda: ended(flow, folder) == len(made))
        time.sleep(3)
        found = runs(flow, folder)
        assert len(found) == len(made), found
        assert {run["status"] for run in found} == {"succeeded"}, found
        for batch in made:
            saved = [json.loads(line) for line in (folder / f"out/{batch}.jsonl").read_text(encoding="utf-8").splitlines()]
            read = [entry.to_dict(mode="json") for entry in daemon.client.messages.batches.results(batch)]
            assert [line["custom_id"] for line in saved] == [line["custom_id"] for line in read], batch
            assert [line["result"]["type"] for line in saved] == [line["result"]["type"] for line in read], batch
        daemon.end(signal.SIGTERM)
    print(f"{len(made)} batches of the SDK started one run each, over an end in order and a kill")


def ended(flow: str, folder: Path) -> int:
    return sum(run["status"] == "succeeded" for run in runs(flow, folder))


main()
