"""Imports one document, checks the descriptor, and tries all that only reads, and one call, against a server that follows it."""

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import yaml

from serve import Document, serve

flow, name, path = sys.argv[1:]


def run(*arguments, codes=(0,)):
    started = time.monotonic()
    done = subprocess.run([flow, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode not in codes:
        sys.exit(f"flow {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done, time.monotonic() - started


with tempfile.TemporaryDirectory() as folder:
    environment = dict(os.environ, NO_COLOR="1")
    pathlib.Path(folder, "flow.toml").touch()

    done, seconds = run("connector", "import", path, "--name", name, "--json")
    made = json.loads(done.stdout)
    size = os.path.getsize(path)
    reasons = collections.Counter(left["reason"] for left in made["left_out"])
    print(f"{name}: {made['operations']} operations of {made['resources']} resources, {made['types']} types "
          f"out of {size / 1e6:.1f} MB in {seconds:.2f} s")
    print("  left out:", ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "nothing")

    _, seconds = run("connector", "check")
    print(f"  checked in {seconds:.2f} s: no errors")

    text = pathlib.Path(path).read_text()
    document = Document(json.loads(text) if path.endswith(".json") else yaml.load(text, Loader=yaml.CSafeLoader))
    url, lost = serve(document)
    descriptor = yaml.safe_load(pathlib.Path(folder, made["file"]).read_text())
    for setting in descriptor["service"].get("settings", {}).values():
        if "defaultSecret" in setting:
            environment[setting["defaultSecret"]] = "secret"

    done, seconds = run("connector", "test", name, "--base-url", url, "--json", codes=(0, 4))
    tried = json.loads(done.stdout)
    bad = [probe for probe in tried["tried"] if not probe["good"]]
    print(f"  tried {len(tried['tried'])} operations in {seconds:.2f} s: {len(bad)} differ from the document")
    for probe in bad:
        print(f"    {probe['operation']}: {probe['request']}: {probe['problem']}")

    # One that needs something, with texts and numbers as it asks for them.
    operations = json.loads(run("connectors", name, "--json")[0].stdout)["operations"]
    needing = [it for it in operations if it["kind"] == "query" and any(p["required"] for p in it["parameters"])]
    for operation in needing[:1]:
        needed = [p for p in operation["parameters"] if p["required"]]
        given = [f"{p['name']}={'1' if p['type'] in ('integer', 'number') else 'text'}" for p in needed]
        done, seconds = run("call", operation["id"], *given, "--setting", f"base_url={url}")
        print(f"  called {operation['id']} {' '.join(given)}: {len(done.stdout)} bytes in {seconds:.2f} s")

    if bad or lost or not tried["tried"] or not needing:
        sys.exit(f"{name}: {len(bad)} answers differ, {len(lost)} requests that the document does not have: {lost[:5]}")
