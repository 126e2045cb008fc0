"""What the checks here share: the sandbox's record of requests, and `flow` run in a project folder."""

import json
import os
import subprocess
import tempfile
import urllib.request
from pathlib import Path

MODEL = "claude-haiku-5-5"

# What must arrive as it is written, whatever it passes through.
HARD_TEXT = (
    '"quotes" \\ back\\n\nnewlines\r\n\ttab {{braces}} {% x %} {%x%} {#c#} {{ 1 + 1 }} ${HOME} $(id) %s'
    " \x01\u2028 é e\u0301 😀👩‍🚀 "
)


def user(text):
    """A conversation of one message."""
    return [{"role": "user", "content": text}]


def parsed(text):
    """A value as `flow call` prints it: JSON, or JSON Lines, as answers of lines and long lists are."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.split("\n") if line]


class Sandbox:
    """What a sandbox offers to tests."""

    def __init__(self, base_url):
        self.base_url = base_url

    def requests_of(self, action):
        """What `action` returns, and the requests that it made."""
        self._ask("DELETE", "requests")
        value = action()
        return value, json.loads(self._ask("GET", "requests"))

    def plant(self, content):
        """The id of a file that can be downloaded, as if a skill had made it."""
        head = b'--end\r\ncontent-disposition: form-data; name="file"; filename="made.bin"\r\n\r\n'
        kind = {"content-type": "multipart/form-data; boundary=end"}
        return json.loads(self._ask("POST", "files", head + content + b"\r\n--end--\r\n", kind))["id"]

    def _ask(self, method, path, data=None, headers=None):
        request = urllib.request.Request(f"{self.base_url}/_sandbox/{path}", data, headers or {}, method=method)
        with urllib.request.urlopen(request) as answer:
            return answer.read()


class Project:
    """A project folder of its own, with `flow` run in it; a context manager that removes it."""

    def __init__(self, flow, base_url):
        self._flow = str(Path(flow).resolve())
        self._base_url = base_url
        self._folder = tempfile.TemporaryDirectory(prefix="flow-sdk-")
        self.path = Path(self._folder.name)
        # So that no project folder further up is taken.
        self.write("flow.toml", "")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def write(self, path, text):
        """Writes a file, byte for byte."""
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)

    def read(self, path):
        """The text of a file, as it is."""
        return (self.path / path).read_bytes().decode()

    def run(self, *arguments, code=0):
        """Runs `flow`, which has to end with `code`: its stdout, or its stderr if that is not 0."""
        # Nothing of the caller's own settings, keys or proxies reaches it.
        environment = {"PATH": os.environ["PATH"], "ANTHROPIC_API_KEY": "x", "SEEDED_API_KEY": "x"}
        done = subprocess.run(
            [self._flow, *arguments], cwd=self.path, env=environment, stdin=subprocess.DEVNULL, capture_output=True
        )
        if done.returncode != code:
            shown = " ".join(arguments)
            raise SystemExit(f"`flow {shown}` ended with {done.returncode}, not {code}:\n{done.stderr.decode()}")
        return done.stderr.decode() if code else done.stdout

    def call(self, operation, *options, raw=False, code=0, **parameters):
        """Calls one operation: its value, its bytes if `raw`, or the message if it has to fail with `code`."""
        given = [f"{name}={text if isinstance(text, str) else json.dumps(text)}" for name, text in parameters.items()]
        # A descriptor of the project knows its address.
        settings = ["--setting", f"base_url={self._base_url}"] if operation.startswith("claude.") else []
        answer = self.run("call", operation, *given, *settings, *options, code=code)
        return answer if code or raw else parsed(answer.decode())
