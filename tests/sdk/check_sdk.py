"""Drives a sandbox with the official Python SDK, unchanged.

Usage: python check_sdk.py BASE_URL   (needs: pip install anthropic)

Prints one line a check and ends with status 1 at the first that fails. The sandbox should be a
fresh one with default settings: batches end after about three seconds.
"""

import sys
import time
import warnings

import anthropic

MODEL = "claude-haiku-5-5"
BASE_URL = sys.argv[1]
client = anthropic.Anthropic(base_url=BASE_URL, api_key="sk-sandbox", max_retries=2)
checks = 0


def check(name, good, shown=""):
    global checks
    checks += 1
    print(f"{'ok  ' if good else 'FAIL'} {name}{f': {shown}' if shown != '' else ''}", flush=True)
    if not good:
        sys.exit(1)


def refused(name, error_class, kind, call):
    try:
        call()
    except error_class as error:
        body = error.body["error"]
        check(name, body["type"] == kind and error.request_id, f"{error.status_code} {body['message']}")
        return body
    except Exception as error:  # The wrong class is what this check is about.
        check(name, False, repr(error))
    check(name, False, "nothing was raised")


def user(text):
    return [{"role": "user", "content": text}]


def messages():
    message = client.messages.create(model=MODEL, max_tokens=200, messages=user("Grüße aus Köln"))
    check("messages.create", "Grüße aus Köln" in message.content[0].text and message.stop_reason == "end_turn", message.id)
    check("request id", message._request_id.startswith("req_"), message._request_id)
    raw = client.messages.with_raw_response.create(model=MODEL, max_tokens=9, messages=user("x" * 100))
    check("raw headers", raw.headers["x-flow-sandbox"] == "1" and "anthropic-ratelimit-requests-limit" in raw.headers)
    check("max_tokens", raw.parse().stop_reason == "max_tokens" and raw.parse().usage.output_tokens == 9)

    with client.messages.stream(model=MODEL, max_tokens=200, messages=user("a longer question to stream")) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    check("messages.stream", "a longer question to stream" in text and final.content[0].text == text)
    check("stream usage", final.usage.output_tokens > 1 and final.stop_reason == "end_turn", final.usage.output_tokens)
    events = [event.type for event in client.messages.create(model=MODEL, max_tokens=50, messages=user("x"), stream=True)]
    check("raw stream", events[0] == "message_start" and events[-1] == "message_stop", len(events))

    thought = client.messages.create(
        model=MODEL, max_tokens=2000, thinking={"type": "adaptive"}, messages=user("Think about it")
    )
    check("thinking", [block.type for block in thought.content] == ["thinking", "text"])
    tool = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    used = client.messages.create(
        model=MODEL, max_tokens=200, tools=[tool], tool_choice={"type": "any"}, messages=user("Paris?")
    )
    check("tool use", used.content[0].type == "tool_use" and isinstance(used.content[0].input["city"], str))
    with client.messages.stream(
        model=MODEL, max_tokens=200, tools=[tool], tool_choice={"type": "any"}, messages=user("Paris?")
    ) as stream:
        streamed = stream.get_final_message()
    check("streamed tool use", streamed.content[0].input == used.content[0].input)
    parsed = client.messages.create(
        model=MODEL,
        max_tokens=200,
        messages=user("The printer does not print"),
        output_config={
            "format": {
                "type": "json_schema",
                "schema": {
                    "type": "object",
                    "properties": {"topic": {"type": "string", "enum": ["billing", "printer"]}},
                    "required": ["topic"],
                    "additionalProperties": False,
                },
            }
        },
    )
    check("structured output", parsed.content[0].text == '{"topic":"printer"}', parsed.content[0].text)
    count = client.messages.count_tokens(model=MODEL, messages=user("12345678"))
    check("messages.count_tokens", count.input_tokens == 6, count.input_tokens)


def errors():
    refused(
        "unknown model", anthropic.NotFoundError, "not_found_error",
        lambda: client.messages.create(model="claude-none", max_tokens=1, messages=user("x")),
    )
    refused(
        "bad body", anthropic.BadRequestError, "invalid_request_error",
        lambda: client.messages.create(model=MODEL, max_tokens=1, messages=[]),
    )
    refused("unknown batch", anthropic.NotFoundError, "not_found_error", lambda: client.messages.batches.retrieve("msgbatch_x"))
    refused(
        "sampling parameter", anthropic.BadRequestError, "invalid_request_error",
        lambda: client.messages.create(model=MODEL, max_tokens=1, messages=user("x"), extra_body={"temperature": 1}),
    )


def batch(ids, text="Hello"):
    requests = [
        {"custom_id": name, "params": {"model": MODEL, "max_tokens": 100, "messages": user(f"{text} {name}")}} for name in ids
    ]
    return client.messages.batches.create(requests=requests)


def ended(identifier):
    for _ in range(200):
        found = client.messages.batches.retrieve(identifier)
        if found.processing_status == "ended":
            return found
        time.sleep(0.1)
    check("batch ends", False, identifier)


def batches():
    sent = [f"item-{at:03}" for at in range(200)]
    made = batch(sent)
    check("batches.create", made.processing_status == "in_progress" and made.request_counts.processing == 200, made.id)
    canceled = batch(["a", "b"])
    canceling = client.messages.batches.cancel(canceled.id)
    check("batches.cancel", canceling.processing_status == "canceling" and canceling.results_url is None)
    refused(
        "delete before the end", anthropic.BadRequestError, "invalid_request_error",
        lambda: client.messages.batches.delete(made.id),
    )
    done = ended(made.id)
    counts = done.request_counts
    check("batch ended", counts.processing == 0 and done.results_url.startswith(BASE_URL), counts.model_dump())
    lines = list(client.messages.batches.results(made.id))
    got = [line.custom_id for line in lines]
    check("batches.results", sorted(got) == sent and got != sent, len(lines))
    kinds = {kind: sum(line.result.type == kind for line in lines) for kind in ("succeeded", "errored", "expired")}
    agreed = all(kinds[kind] == getattr(counts, kind) for kind in kinds)
    check("counts agree with results", agreed, kinds)
    answers = {line.custom_id: line.result.message for line in lines if line.result.type == "succeeded"}
    check("results match by custom_id", all(f"Hello {name}" in message.content[0].text for name, message in answers.items()))
    wrong = [line.result.error.error.type for line in lines if line.result.type == "errored"]
    check("errored results", all(kind in ("overloaded_error", "api_error") for kind in wrong), wrong)
    ended(canceled.id)
    kinds = [line.result.type for line in client.messages.batches.results(canceled.id)]
    check("canceled results", len(kinds) == 2 and set(kinds) <= {"canceled", "succeeded"}, kinds)
    more = [batch([f"m{at}"]).id for at in range(5)]
    listed = [found.id for found in client.messages.batches.list(limit=3)]
    check("batches.list pages", listed[:5] == more[::-1] and made.id in listed, len(listed))
    back = client.messages.batches.list(limit=2, before_id=more[0])
    check("batches.list before_id", [found.id for found in back.data] == [more[2], more[1]])
    deleted = client.messages.batches.delete(made.id)
    check("batches.delete", deleted.type == "message_batch_deleted" and deleted.id == made.id)
    refused("deleted batch", anthropic.NotFoundError, "not_found_error", lambda: client.messages.batches.retrieve(made.id))


def models():
    listed = [model.id for model in client.models.list(limit=5)]
    check("models.list pages", MODEL in listed and len(listed) == len(set(listed)) > 10, len(listed))
    check("models.retrieve alias", client.models.retrieve("claude-haiku-4-5").id == "claude-haiku-4-5-20251001")
    check("models capabilities", client.models.retrieve(MODEL).capabilities.thinking.types.adaptive.supported)
    retired = client.models.list(lifecycle=["retired"]).data
    check("models lifecycle filter", retired and all(model.lifecycle == "retired" for model in retired))
    refused("unknown model retrieve", anthropic.NotFoundError, "not_found_error", lambda: client.models.retrieve("none"))


def files():
    made = [client.files.upload(file=(f"note-{at}.txt", b"hello", "text/plain")) for at in range(5)]
    check("files.upload", made[0].size_bytes == 5 and made[0].filename == "note-0.txt" and not made[0].downloadable)
    kept = client.files.upload(file=("kept.bin", b"\0\1"), expires_in_seconds=3600)
    check("files.upload with expiry", kept.expires_at is not None, kept.expires_at)
    listed = [found.id for found in client.files.list(limit=2)]
    wanted = [kept.id] + [file.id for file in made[::-1]]
    check("files.list pages", listed[:6] == wanted, len(listed))
    some = [found.id for found in client.files.list(ids=[made[0].id, made[3].id, "file_none"])]
    check("files.list ids", sorted(some) == sorted([made[0].id, made[3].id]))
    check("files.retrieve_metadata", client.files.retrieve_metadata(made[1].id) == made[1])
    body = refused(
        "files.download", anthropic.BadRequestError, "invalid_request_error", lambda: client.files.download(made[1].id)
    )
    check("download error code", body["details"]["error_code"] == "file_not_downloadable")
    check("files.delete", client.files.delete(made[1].id).type == "file_deleted")
    refused("deleted file", anthropic.NotFoundError, "not_found_error", lambda: client.files.retrieve_metadata(made[1].id))
    old = client.beta.files.list(limit=2, betas=["files-api-2025-04-14"])
    check("beta files.list", len(old.data) == 2)


def skill_files(description):
    manifest = f"---\nname: demo\ndescription: {description}\n---\n# Demo\n"
    return [("demo/SKILL.md", manifest.encode()), ("demo/run.py", b"print(1)")]


def skills():
    skill = client.skills.create(files=skill_files("First."), display_name="Demo")
    check("skills.create", skill.display_name == "Demo" and skill.source.type == "custom", skill.id)
    second = client.skills.versions.create(skill.id, files=skill_files("Second."))
    check("skills.versions.create", second.description == "Second." and second.name == "demo", second.id)
    check("skills.retrieve", client.skills.retrieve(skill.id).latest_version_id == second.id)
    check("skills.list", [found.id for found in client.skills.list(limit=2)][0] == skill.id)
    check("skills.list source", [found.id for found in client.skills.list(source="custom")] == [skill.id])
    listed = [found.id for found in client.skills.versions.list(skill.id, limit=1)]
    check("skills.versions.list", listed == [second.id, skill.latest_version_id])
    latest = client.skills.versions.retrieve("latest", skill_id=skill.id)
    check("skills.versions.retrieve", latest == second)
    gone = client.skills.versions.delete(second.id, skill_id=skill.id)
    check("skills.versions.delete", gone.type == "skill_version_deleted")
    check("skills.delete", client.skills.delete(skill.id).type == "skill_deleted")
    refused("deleted skill", anthropic.NotFoundError, "not_found_error", lambda: client.skills.retrieve(skill.id))
    refused(
        "bad skill", anthropic.BadRequestError, "invalid_request_error",
        lambda: client.skills.create(files=[("demo/README.md", b"x")]),
    )


warnings.simplefilter("error")
for part in (messages, errors, batches, models, files, skills):
    part()
print(f"all {checks} checks passed with anthropic {anthropic.__version__}")
