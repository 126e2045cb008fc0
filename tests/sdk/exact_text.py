"""Sends a text full of what templates, JSON and shells treat specially, by every way there is.

Usage: python exact_text.py FLOW BASE_URL

The sandbox must have got it as it is, and what it answers, which quotes it, must come back as it is:
through the built-in descriptor and through one of a project with body templates; by `flow call` and
in a workflow; in a message and in a batch, whose requests and results are streams.
"""

import json
import sys

from sides import HARD_TEXT, MODEL, Project, Sandbox, parsed, user

# YAML itself may not hold control characters.
RAW_TEXT = HARD_TEXT.replace("\x01", "").replace("\r", "")

# A connector of the project, of a service document and a resources document.
SERVICE = {
    "handle": "seeded",
    "status": "active",
    "meta": {"short": "Seeded", "description": "The Claude API with bodies written as templates.", "tags": ["AI"]},
    "service": {
        "protocol": "http",
        "contentType": "application/json",
        "headers": {"anthropic-version": {"value": "2023-06-01"}, "x-api-key": {"value": "{{apiKey}}"}},
        "auth": {
            "method": "api_token",
            "params": {"apiToken": {"token": {"value": "{{apiKey}}"}, "headerName": {"value": "x-api-key"}}},
        },
    },
}
PARAMS = '"model": "{{model}}", "max_tokens": {{max_tokens}}, "messages": [{"role": "user", "content": "{{content}}"}]'
PLACEHOLDERS = [
    {"name": "model", "type": "String", "description": "Model to use.", "required": True},
    {"name": "max_tokens", "type": "Integer", "description": "Tokens to generate.", "required": True},
    {"name": "content", "type": "String", "description": "What the user says.", "required": True},
]
RESOURCES = [
    {
        "handle": "messages",
        "meta": {"short": "Messages", "description": "Send messages."},
        "endpoint": {"value": "/messages"},
        "fields": [
            {"name": "said", "type": "String", "selector": ["content", 0, "text"], "meta": {"description": "The text."}},
        ],
        "operations": {
            "create": {
                "method": "POST",
                "path": {"value": ""},
                "bodyTemplate": {"value": f"{{{PARAMS}}}", "placeholders": PLACEHOLDERS},
            },
        },
    },
    {
        "handle": "message_batches",
        "meta": {"short": "Message Batches", "description": "Send many messages."},
        "endpoint": {"value": "/messages/batches"},
        "operations": {
            "create": {
                "method": "POST",
                "path": {"value": ""},
                "bodyTemplate": {
                    "value": f'{{"requests": [{{"custom_id": "{{{{custom_id}}}}", "params": {{{PARAMS}}}}}]}}',
                    "placeholders": [{"name": "custom_id", "type": "String", "required": True}, *PLACEHOLDERS],
                },
            },
        },
    },
]

WORKFLOW = """\
name: exact-text
inputs:
  text:  { type: string }
  lines: { type: file }
connections:
  claude: { connector: claude-api, base_url: "BASE_URL" }
  seeded: { connector: seeded, base_url: "BASE_URL/v1" }
steps:
  read:
    query: file.read
    with: { path: text.txt, as: text }

  from_file:
    action: claude.messages.create
    with: { model: MODEL, max_tokens: 1000, messages: [{ role: user, content: "{{ steps.read }}" }] }
  from_input:
    action: claude.messages.stream
    with: { model: MODEL, max_tokens: 1000, messages: [{ role: user, content: "{{ inputs.text }}" }] }
  raw:
    action: claude.messages.create
    with: { model: MODEL, max_tokens: 1000, messages: [{ role: user, content: !raw RAW_TEXT }] }
  by_template:
    action: seeded.messages.create
    with: { model: MODEL, max_tokens: 1000, content: "{{ steps.read }}" }
  batch_by_template:
    action: seeded.message_batches.create
    with: { custom_id: one, model: MODEL, max_tokens: 1000, content: "{{ steps.from_file.text }}" }

  requests:
    query: data.map
    with:
      items: "{{ inputs.lines | jsonl }}"
      each:
        custom_id: "{{ item.id }}"
        params: { model: MODEL, max_tokens: 1000, messages: [{ role: user, content: "{{ item.text }}" }] }
  batch:   { action: claude.message_batches.create, with: { requests: "{{ steps.requests }}" } }
  ended:   { trigger: claude.message_batches.ended, with: { batch_id: "{{ steps.batch.id }}" }, every: 1s, timeout: 1m }
  results: { query: claude.message_batches.results, needs: ended, with: { batch_id: "{{ steps.batch.id }}" } }
  answers: { query: data.map, with: { items: "{{ steps.results }}", each: "{{ item.text | default(null) }}" } }

  keep_text:    { action: file.write, with: { path: out/text.txt, content: "{{ steps.from_file.text }}" } }
  keep_said:    { action: file.write, with: { path: out/said.txt, content: "{{ steps.by_template.said }}" } }
  keep_results: { action: file.write, with: { path: out/results.jsonl, content: "{{ steps.results }}" } }
  keep_answers: { action: file.write, with: { path: out/answers.jsonl, content: "{{ steps.answers }}" } }
outputs:
  streamed: "{{ steps.from_input.text }}"
  raw: "{{ steps.raw.text }}"
"""

LINES = 20
failed = 0


def check(name, good, shown):
    """Prints one line; what was got is shown if it is wrong."""
    global failed
    failed += not good
    print(f"{name:44} {'exact' if good else f'CHANGED: {shown!r}'}", flush=True)


def quotes(answer, text):
    """Whether this is the sandbox's answer to the text."""
    return isinstance(answer, str) and answer.startswith(f'You asked: "{text}" ')


def said(requests):
    """What the users of these requests said: in messages, and in batches."""
    bodies = [request["body"] for request in requests if request["method"] == "POST"]
    batches = [body["requests"] for body in bodies if "requests" in body]
    return (
        [body["messages"][0]["content"] for body in bodies if "messages" in body],
        [[entry["params"]["messages"][0]["content"] for entry in batch] for batch in batches],
    )


def check_calls(project, sandbox):
    """Each way to send one message with `flow call`."""
    calls = {
        "claude.messages.create": {"messages": user(HARD_TEXT)},
        "claude.messages.stream": {"messages": user(HARD_TEXT)},
        "seeded.messages.create": {"content": HARD_TEXT},
    }
    for operation, more in calls.items():
        answer, requests = sandbox.requests_of(lambda: project.call(operation, model=MODEL, max_tokens=1000, **more))
        sent, _ = said(requests)
        check(f"flow call {operation}: sent", sent == [HARD_TEXT], sent)
        answered = answer["content"][0]["text"]
        check(f"flow call {operation}: answered", quotes(answered, HARD_TEXT), answered)


def check_workflow(project, sandbox):
    """All ways at once in a workflow: from a file, an input, the source; to messages, batches, files and outputs."""
    lines = [{"id": f"line-{at}", "text": HARD_TEXT} for at in range(LINES)]
    project.write("text.txt", HARD_TEXT)
    project.write("lines.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    project.write("inputs.json", json.dumps({"text": HARD_TEXT, "lines": "lines.jsonl"}))
    source = WORKFLOW.replace("BASE_URL", sandbox.base_url).replace("MODEL", MODEL)
    project.write("exact-text.yml", source.replace("RAW_TEXT", json.dumps(RAW_TEXT)))
    output, requests = sandbox.requests_of(lambda: project.run("run", "exact-text.yml", "--inputs", "inputs.json", "--json"))

    messages, batches = said(requests)
    check("workflow, three messages: sent", messages.count(HARD_TEXT) == 3, messages)
    check("workflow, !raw: sent", RAW_TEXT in messages and len(messages) == 4, messages)
    check("workflow, a batch: sent", [HARD_TEXT] * LINES in batches, batches)
    # What this one sends is an answer, which quotes the text.
    templated = [batch[0] for batch in batches if len(batch) == 1]
    check("workflow, a batch by template: sent", len(templated) == 1 and quotes(templated[0], HARD_TEXT), templated)

    outputs = parsed(output.decode())[-1]["outputs"]
    check("workflow, outputs: streamed", quotes(outputs["streamed"], HARD_TEXT), outputs["streamed"])
    check("workflow, outputs: !raw", quotes(outputs["raw"], RAW_TEXT), outputs["raw"])
    for name in ("text.txt", "said.txt"):
        text = project.read(f"out/{name}")
        check(f"workflow, out/{name}", quotes(text, HARD_TEXT), text)
    results = parsed(project.read("out/results.jsonl"))
    answers = [result["result"]["message"]["content"][0]["text"] for result in results if result["result"]["type"] == "succeeded"]
    check("workflow, out/results.jsonl", len(results) == LINES and answers and all(quotes(text, HARD_TEXT) for text in answers), answers)
    kept = [text for text in parsed(project.read("out/answers.jsonl")) if text is not None]
    check("workflow, out/answers.jsonl", kept == answers, kept)


def main():
    flow, base_url = sys.argv[1:]
    sandbox = Sandbox(base_url)
    with Project(flow, base_url) as project:
        SERVICE["service"]["baseURL"] = {"value": f"{base_url}/v1"}
        project.write("connectors/seeded.service.json", json.dumps(SERVICE))
        project.write("connectors/seeded.resources.json", json.dumps(RESOURCES))
        check_calls(project, sandbox)
        check_workflow(project, sandbox)
    if failed:
        raise SystemExit(f"{failed} texts were changed on their way")


if __name__ == "__main__":
    main()
