"""Compares our requests with those of the official Python SDK, operation by operation.

Usage: python compare.py FLOW BASE_URL   (needs: pip install anthropic)

The operations that were compared must be those of `compared.txt` beside this file, from which the
documentation and a test of the runner take them; UPDATE=1 in the environment writes it.

FLOW is the binary, BASE_URL a sandbox. Each operation is done once by the SDK and once by `flow`;
then what the sandbox recorded of both is compared: method, path, query, `anthropic-*` headers, the
kind of content, and the body; and then what the two returned. What may differ stands in LISTED with
its reason; any other difference fails, and so does an entry that is no longer seen. Prints one line
an operation.
"""

import base64
import json
import mimetypes
import os
import re
import sys
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import anthropic
from anthropic.lib import files_from_dir

from sides import HARD_TEXT, MODEL, Project, Sandbox, user

ABSENT = "-"
DEFAULT_KEY = "key header"


@dataclass(frozen=True)
class Listed:
    """A difference that is meant: the values seen, and why. The operations may have wildcards."""

    name: str
    operations: tuple[str, ...]
    where: str
    sdk: Any
    ours: Any
    reason: str


LISTED: tuple[Listed, ...] = (
    Listed(
        DEFAULT_KEY, ("*",), "key", "authorization", "x-api-key",
        "Version 2 of the SDK sends the key as `Authorization: Bearer`. The service takes both; ours follows its"
        " reference, and sends the other where a connection says `auth: bearer`.",
    ),
    Listed(
        "page size", ("*.list",), "query limit", ABSENT, "1000",
        "Ours asks for the longest pages: fewer requests for the same list. The SDK leaves it to the service, which"
        " takes 20. `files.list` has no size of ours, since the service refuses one beside `ids`.",
    ),
    Listed(
        "read before results", ("message_batches.results",), "requests",
        "GET /v1/messages/batches/ID + GET /v1/messages/batches/ID/results", "GET /v1/messages/batches/ID/results",
        "The SDK reads the batch first, for the address of its results. Ours asks at the address that the service"
        " documents: one request less.",
    ),
    Listed(
        "kind of a .py file", ("skills.create", "skill_versions.create"), "body.part demo/scripts/run.py.content_type",
        "text/x-python", "text/plain",
        "Both guess it from the name, by tables of their own.",
    ),
    Listed(
        "kind of no content", ("message_batches.cancel", "*.delete"), "content type", "application/json", ABSENT,
        "The SDK names a kind of content where it sends none.",
    ),
)


@dataclass(frozen=True)
class Operation:
    """The same thing done by the SDK and by `flow`. Each returns what it was given, as JSON."""

    name: str
    sdk: Callable[[], Any]
    ours: Callable[[], Any]
    # Ids that have to differ, such as of two batches to delete: the SDK's, then ours.
    ids: tuple[str, str] = ("", "")
    # Members of the answers that differ from call to call.
    unlike: tuple[str, ...] = ()


def facts(request, own_id):
    """A request as a flat map of what is compared of it. The own id is written as `ID`."""
    flat = {
        "method": request["method"],
        "path": request["path"].replace(own_id, "ID") if own_id else request["path"],
        "key": request["auth_header"],
        "content type": (request["content_type"] or ABSENT).split(";")[0],
    }
    for name, value in request["headers"].items():
        flat[f"header {name}"] = value
    for name, values in urllib.parse.parse_qs(request["query"] or "", keep_blank_values=True).items():
        flat[f"query {name}"] = values[0] if len(values) == 1 else values
    body = request["body"]
    if isinstance(body, dict) and set(body) == {"parts"}:
        # The order of the parts means nothing; two of one name and file name stay two.
        names = Counter()
        parts = {}
        for part in sorted(body["parts"], key=lambda part: part["sha256"]):
            name = part["filename"] or part["name"]
            names[name] += 1
            parts[f"part {name}" if names[name] == 1 else f"part {name} {names[name]}"] = part
        body = parts
    flatten("body", body, flat)
    return flat


def flatten(path, value, flat):
    """Adds the leaves of a JSON value; an empty list or map is one."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            flatten(f"{path}.{name}", member, flat)
    elif isinstance(value, list) and value:
        for at, item in enumerate(value):
            flatten(f"{path}[{at}]", item, flat)
    else:
        flat[path] = value


def unequal(left, right):
    """What differs of two flat maps, as (where, left, right). 1, 1.0 and true are three values."""
    for where in dict.fromkeys([*left, *right]):
        pair = left.get(where, ABSENT), right.get(where, ABSENT)
        if json.dumps(pair[0]) != json.dumps(pair[1]):
            yield where, *pair


def differences(operation, theirs, ours):
    """What differs of two lists of requests, each difference once."""
    theirs = [facts(request, operation.ids[0]) for request in theirs]
    ours = [facts(request, operation.ids[1]) for request in ours]
    found = []
    if len(theirs) != len(ours):
        sides = [" + ".join(f"{request['method']} {request['path']}" for request in side) for side in (theirs, ours)]
        found.append(("requests", *sides))
        # The last is the one that was asked for; what only one side asks before it is named above.
        theirs, ours = theirs[-1:], ours[-1:]
    for left, right in zip(theirs, ours):
        found.extend(difference for difference in unequal(left, right) if difference not in found)
    return found


def answer_differences(operation, theirs, ours):
    """What differs of the two answers."""
    return list(unequal(answer_facts(operation, theirs), answer_facts(operation, ours)))


def answer_facts(operation, answer):
    """An answer as a flat map, without what differs from call to call. The SDK rewrites times: they are compared as such."""
    flat = {}
    flatten("answer", answer, flat)
    unlike = [f"answer.{name}" for name in operation.unlike]
    return {where: instant(value) for where, value in flat.items() if where not in unlike}


def instant(value):
    """A time without zeros at its end; any other value as it is."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", value):
        return value
    return f"{value[:-1].rstrip('0').rstrip('.')}Z"


class Comparison:
    """The operations so far, and which listed differences they had."""

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._seen = {}
        self.count = 0
        self.names = set()
        self.failed = 0

    def check(self, operation):
        """Does it by both and prints the outcome."""
        self.count += 1
        # "messages.create, a workspace" is another case of one operation.
        if not operation.name.startswith("an error"):
            self.names.add(operation.name.split(",")[0])
        theirs, their_requests = self._sandbox.requests_of(operation.sdk)
        ours, our_requests = self._sandbox.requests_of(operation.ours)
        found = differences(operation, their_requests, our_requests)
        found += answer_differences(operation, theirs, ours)
        listed, wrong = [], []
        for difference in found:
            entry = next((entry for entry in LISTED if self._means(entry, operation, difference)), None)
            if entry is None:
                wrong.append(difference)
            else:
                listed.append(entry.name)
                self._seen.setdefault(entry.name, []).append(operation.name)
        if not their_requests or not our_requests:
            wrong.append(("requests", len(their_requests), len(our_requests)))
        if wrong:
            self.failed += 1
            print(f"{operation.name:36} DIFFERS")
            for where, their_value, our_value in wrong:
                print(f"    {where}: the SDK {their_value!r}, ours {our_value!r}")
            return
        # The one that all have is told once, in the table at the end.
        listed = [name for name in listed if name != DEFAULT_KEY]
        print(f"{operation.name:36} {'differs as listed: ' + ', '.join(listed) if listed else 'same'}", flush=True)

    @staticmethod
    def _means(entry, operation, difference):
        named = any(fnmatch(operation.name, pattern) for pattern in entry.operations)
        return named and difference == (entry.where, entry.sdk, entry.ours)

    def compare_list(self):
        """Compares the operations that were seen, each once, with the list in the tree."""
        path = Path(__file__).with_name("compared.txt")
        seen = "".join(f"{name}\n" for name in sorted(self.names))
        if os.environ.get("UPDATE"):
            path.write_text(seen)
        if not path.exists() or path.read_text() != seen:
            self.failed += 1
            print(f"\n{path} is not the list of what was compared: UPDATE=1 writes it")

    def table(self):
        """Prints what was listed, with reasons. An entry that nothing has is a failure."""
        print("\nWhat differs, and why:")
        for entry in LISTED:
            operations = self._seen.get(entry.name, [])
            if not operations:
                self.failed += 1
            where = f"{len(operations)} of {self.count} operations" if operations else "NOTHING ANY MORE: take it off the list"
            print(f"- {entry.name} ({where}): {entry.where}: the SDK {entry.sdk!r}, ours {entry.ours!r}.\n  {entry.reason}")


def plain(value):
    """What the SDK returned, as the JSON that it was made of."""
    return [item.to_dict(mode="json") for item in value] if isinstance(value, list) else value.to_dict(mode="json")


def failure(action):
    """How the service refused, as the SDK tells it."""
    try:
        action()
    except anthropic.APIStatusError as error:
        return f"{error.status_code} {error.body['error']['type']}: {error.body['error']['message']}"
    raise SystemExit("the SDK raised nothing")


def our_failure(message):
    """How the service refused, as `flow` tells it: with the code and the request id after it."""
    return re.sub(r"^.*the service answered (.*) \([^()]*request req_\w+\)\s*$", r"\1", message, flags=re.DOTALL)


def messages(client, project, _sandbox):
    """`messages`: create, stream, count_tokens."""
    conversation = [
        *user([{"type": "text", "text": HARD_TEXT, "cache_control": {"type": "ephemeral"}}]),
        {"role": "assistant", "content": "[]"},
        *user("What now?"),
    ]
    tool = {
        "name": "weather",
        "description": HARD_TEXT,
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": []},
    }
    small = {"model": MODEL, "max_tokens": 300, "messages": user(HARD_TEXT)}
    rich = {
        "model": MODEL,
        "max_tokens": 3000,
        "messages": conversation,
        "system": [{"type": "text", "text": "Be brief."}],
        "stop_sequences": ["\n\nHuman:", "###"],
        "tools": [tool],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low"},
        "metadata": {"user_id": "42"},
        "service_tier": "standard_only",
    }
    counted = {name: rich[name] for name in ("model", "messages", "system", "tools", "tool_choice", "thinking")}
    # The signature of a thinking block follows from the id.
    unlike = ("id", "content[0].signature")
    create = "claude.messages.create"
    yield Operation("messages.create", lambda: plain(client.messages.create(**small)), lambda: project.call(create, **small), unlike=unlike)
    yield Operation(
        "messages.create, many parameters",
        lambda: plain(client.messages.create(**rich)),
        lambda: project.call(create, **rich),
        unlike=unlike,
    )
    yield Operation(
        "messages.create, for a profile",
        lambda: plain(client.messages.create(**small, user_profile_id="uprof_1")),
        lambda: project.call(create, **small, user_profile_id="uprof_1"),
        unlike=unlike,
    )
    yield Operation(
        "messages.create, a workspace",
        lambda: plain(client.messages.create(**small, workspace_id="wrkspc_1")),
        lambda: project.call(create, "--setting", "workspace_id=wrkspc_1", **small),
        unlike=unlike,
    )

    picture = b"\x89PNG\r\n\x1a\n\x00\xff"
    project.write("in/picture.png", picture)

    def pictured(source):
        blocks = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
        return {"model": MODEL, "max_tokens": 100, "messages": user(blocks)}

    encoded = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(picture).decode()}
    yield Operation(
        "messages.create, a picture from a file",
        lambda: plain(client.messages.create(**pictured(encoded))),
        lambda: project.call(create, **pictured({"file": "in/picture.png"})),
        unlike=unlike,
    )

    def streamed(**parameters):
        with client.messages.stream(**parameters) as stream:
            return plain(stream.get_final_message())

    stream = "claude.messages.stream"
    yield Operation("messages.stream", lambda: streamed(**small), lambda: project.call(stream, **small), unlike=unlike)
    tools = {**small, "tools": [tool], "tool_choice": {"type": "any"}}
    yield Operation("messages.stream, a tool", lambda: streamed(**tools), lambda: project.call(stream, **tools), unlike=("id", "content[0].id"))
    yield Operation(
        "messages.count_tokens",
        lambda: plain(client.messages.count_tokens(**counted)),
        lambda: project.call("claude.messages.count_tokens", **counted),
    )


def message_batches(client, project, _sandbox):
    """`message_batches`: create, read, list, results, cancel, delete."""
    batches = client.messages.batches

    def requests(*names):
        params = {"model": MODEL, "max_tokens": 100, "messages": user(HARD_TEXT)}
        return [{"custom_id": name, "params": params} for name in names]

    made = [batches.create(requests=requests("a", "b", "c")).id for _ in range(6)]
    yield Operation(
        "message_batches.create",
        lambda: plain(batches.create(requests=requests("a", "b"))),
        lambda: project.call("claude.message_batches.create", requests=requests("a", "b")),
        unlike=("id", "created_at", "expires_at"),
    )
    yield Operation(
        "message_batches.cancel",
        lambda: plain(batches.cancel(made[0])),
        lambda: project.call("claude.message_batches.cancel", batch_id=made[1]),
        ids=(made[0], made[1]),
        unlike=("id", "created_at", "expires_at", "cancel_initiated_at"),
    )
    while any(batches.retrieve(batch).processing_status != "ended" for batch in made):
        time.sleep(0.2)
    yield Operation(
        "message_batches.read",
        lambda: plain(batches.retrieve(made[2])),
        lambda: project.call("claude.message_batches.read", batch_id=made[2]),
    )
    yield Operation(
        "message_batches.results",
        lambda: plain(list(batches.results(made[2]))),
        lambda: project.call("claude.message_batches.results", batch_id=made[2]),
        ids=(made[2], made[2]),
    )
    yield from listing("message_batches", batches.list, project, before_id=made[0], after_id=made[3])
    yield Operation(
        "message_batches.delete",
        lambda: plain(batches.delete(made[2])),
        lambda: project.call("claude.message_batches.delete", batch_id=made[3]),
        ids=(made[2], made[3]),
        unlike=("id",),
    )


def models(client, project, _sandbox):
    """`models`: list, read."""
    yield from listing("models", client.models.list, project, before_id="claude-haiku-4-5-20251001", lifecycle=["active", "retired"])
    yield Operation(
        "models.read", lambda: plain(client.models.retrieve(MODEL)), lambda: project.call("claude.models.read", model_id=MODEL)
    )
    bearer = anthropic.Anthropic(base_url=client.base_url, auth_token="x")
    yield Operation(
        "models.read, bearer",
        lambda: plain(bearer.models.retrieve(MODEL)),
        lambda: project.call("claude.models.read", "--setting", "auth=bearer", model_id=MODEL),
    )


def listing(resource, listed, project, **filters):
    """A list: its first page as it is asked for by itself, then pages of two, one of them, and each filter."""
    ours = f"claude.{resource}.list"
    yield Operation(f"{resource}.list", lambda: plain(listed().data), lambda: project.call(ours, "--pages", "1")[:20])
    yield Operation(f"{resource}.list, pages of two", lambda: plain(list(listed(limit=2))), lambda: project.call(ours, limit=2))
    yield Operation(
        f"{resource}.list, one page", lambda: plain(listed(limit=2).data), lambda: project.call(ours, "--pages", "1", limit=2)
    )
    for name, value in filters.items():
        # The service refuses `limit` beside `ids`.
        given = {name: value} if name == "ids" else {name: value, "limit": 2}
        yield Operation(
            f"{resource}.list, {name}",
            lambda given=given: plain(list(listed(**given))),
            lambda given=given: project.call(ours, **given),
        )


def files(client, project, sandbox):
    """`files`: upload, list, read, download, delete."""
    project.write("notes/hello.txt", "héllo\r\n")
    project.write("notes/blob", b"\x00\xff" * 1000)
    odd = 'Grüße "x" 100%.txt'
    project.write(odd, "")
    folder = project.path
    unlike = ("id", "created_at", "expires_at")

    def upload(path, **more):
        return lambda: plain(client.files.upload(file=folder / path, **more))

    def our_upload(path, **more):
        return lambda: project.call("claude.files.upload", file=path, **more)

    yield Operation("files.upload", upload("notes/hello.txt"), our_upload("notes/hello.txt"), unlike=unlike)
    yield Operation("files.upload, unknown kind", upload("notes/blob"), our_upload("notes/blob"), unlike=unlike)
    yield Operation("files.upload, odd name", upload(odd), our_upload(odd), unlike=unlike)
    yield Operation(
        "files.upload, expiry",
        upload("notes/hello.txt", expires_in_seconds=3600),
        our_upload("notes/hello.txt", expires_in_seconds=3600),
        unlike=unlike,
    )
    yield Operation(
        "files.upload, a value",
        lambda: plain(client.files.upload(file=("a.csv", b"1,2\n", "text/csv"))),
        lambda: project.call("claude.files.upload", file={"name": "a.csv", "content": "1,2\n", "media": "text/csv"}),
        unlike=unlike,
    )
    made = [client.files.upload(file=(f"{at}.txt", b"x")).id for at in range(3)]
    yield from listing("files", client.files.list, project, ids=made[:2])
    yield Operation(
        "files.read", lambda: plain(client.files.retrieve_metadata(made[0])), lambda: project.call("claude.files.read", file_id=made[0])
    )
    planted = sandbox.plant(b"\x00\xff made by a skill\n")
    yield Operation(
        "files.download",
        lambda: client.files.download(planted).read().hex(),
        lambda: project.call("claude.files.download", file_id=planted, raw=True).hex(),
    )
    yield Operation(
        "files.download, refused",
        lambda: failure(lambda: client.files.download(made[0])),
        lambda: our_failure(project.call("claude.files.download", file_id=made[0], code=4)),
    )
    yield Operation(
        "files.delete",
        lambda: plain(client.files.delete(made[0])),
        lambda: project.call("claude.files.delete", file_id=made[1]),
        ids=(made[0], made[1]),
        unlike=("id",),
    )


def skills(client, project, _sandbox):
    """`skills` and `skill_versions`: create, list, read, download, delete."""
    project.write("demo/SKILL.md", "---\nname: demo\ndescription: Shows a skill.\n---\n# Demo\n")
    project.write("demo/scripts/run.py", "print(1)\n")
    project.write("demo/data.bin", b"\x00\x01")
    unlike = ("id", "skill_id", "created_at", "updated_at", "latest_version_id")

    def content():
        return files_from_dir(project.path / "demo")

    yield Operation(
        "skills.create",
        lambda: plain(client.skills.create(files=content(), display_name="Démo")),
        lambda: project.call("claude.skills.create", folder="demo", display_name="Démo"),
        unlike=unlike,
    )
    paths = ["demo/SKILL.md", "demo/data.bin"]
    yield Operation(
        "skills.create, files",
        lambda: plain(client.skills.create(files=[(path, (project.path / path).read_bytes()) for path in paths])),
        lambda: project.call("claude.skills.create", files=paths),
        unlike=unlike,
    )
    made = [client.skills.create(files=content()).id for _ in range(2)]
    yield from listing("skills", client.skills.list, project, source="custom")
    yield Operation(
        "skills.read", lambda: plain(client.skills.retrieve(made[0])), lambda: project.call("claude.skills.read", skill_id=made[0])
    )
    versions = client.skills.versions
    yield Operation(
        "skill_versions.create",
        lambda: plain(versions.create(made[0], files=content())),
        lambda: project.call("claude.skill_versions.create", skill_id=made[1], folder="demo"),
        ids=(made[0], made[1]),
        unlike=unlike,
    )
    more = [versions.create(made[0], files=content()).id for _ in range(2)]

    def call(operation, **parameters):
        return project.call(f"claude.skill_versions.{operation}", skill_id=made[0], **parameters)

    yield Operation("skill_versions.list", lambda: plain(versions.list(made[0]).data), lambda: call("list"))
    yield Operation(
        "skill_versions.list, pages of two", lambda: plain(list(versions.list(made[0], limit=2))), lambda: call("list", limit=2)
    )
    yield Operation(
        "skill_versions.read",
        lambda: plain(versions.retrieve("latest", skill_id=made[0])),
        lambda: call("read", version="latest"),
    )
    yield Operation(
        "skill_versions.download",
        lambda: client.beta.skills.versions.download(more[1], skill_id=made[0]).read().hex(),
        lambda: project.call("claude.skill_versions.download", skill_id=made[0], version=more[1], raw=True).hex(),
    )
    yield Operation(
        "skill_versions.delete",
        lambda: plain(versions.delete(more[0], skill_id=made[0])),
        lambda: call("delete", version=more[1]),
        ids=(more[0], more[1]),
        unlike=("id",),
    )
    yield Operation(
        "skills.delete",
        lambda: plain(client.skills.delete(made[0])),
        lambda: project.call("claude.skills.delete", skill_id=made[1]),
        ids=(made[0], made[1]),
        unlike=("id",),
    )


def errors(client, project, _sandbox):
    """What the service refuses."""
    odd = "a b/ü?#%2F"
    yield Operation(
        "an error: 404, an odd id",
        lambda: failure(lambda: client.models.retrieve(odd)),
        lambda: our_failure(project.call("claude.models.read", model_id=odd, code=4)),
    )
    wrong = {"model": MODEL, "max_tokens": 1, "messages": []}
    yield Operation(
        "an error: 400",
        lambda: failure(lambda: client.messages.create(**wrong)),
        lambda: our_failure(project.call("claude.messages.create", **wrong, code=4)),
    )


def main():
    flow, base_url = sys.argv[1:]
    # The SDK guesses the kinds of files by Python's own table alone, not by the machine's.
    mimetypes.init([])
    client = anthropic.Anthropic(base_url=base_url, api_key="x")
    sandbox = Sandbox(base_url)
    comparison = Comparison(sandbox)
    with Project(flow, base_url) as project:
        for resource in (messages, message_batches, models, files, skills, errors):
            for operation in resource(client, project, sandbox):
                comparison.check(operation)
    comparison.table()
    comparison.compare_list()
    if comparison.failed:
        raise SystemExit(f"\n{comparison.failed} differences are not as listed")
    print(f"\nall {comparison.count} operations compared with anthropic {anthropic.__version__}")


if __name__ == "__main__":
    main()
