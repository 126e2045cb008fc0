"""Validates workflows with the schema that `flow schema` gives, by a validator that knows nothing of flow.

    check.py SCHEMA accept FILE...    each file must fit; of Markdown, each block that the tests of the docs check
    check.py SCHEMA refuse FILE...    each file must be refused, and best so at the place its first line names

The first line of a wrong file is `# expect: PATH`: a JSON path. Where a key is one too many, the path ends with it.
"""

import json
import re
import sys
import time

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from ruamel.yaml import YAML


def reader():
    """YAML 1.2, where `on` and `no` are texts; our three tags stand for texts."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    for tag in ("!raw", "!text", "!template"):
        yaml.constructor.add_constructor(tag, lambda loader, node: loader.construct_scalar(node))
    return yaml


def parse(text):
    # Through JSON: keys that are no texts would be none in an editor either.
    return json.loads(json.dumps(reader().load(text), default=str))


def load(path):
    with open(path, encoding="utf-8") as file:
        return parse(file.read())


def documents(path, schema_of):
    """The documents of a file, each with its place."""
    if not path.endswith(".md"):
        return [(path, load(path))]
    with open(path, encoding="utf-8") as file:
        page = file.read()
    # A page of workflows has these blocks, the one about connectors a descriptor too.
    first = "# connectors/" if schema_of == "descriptors" else "# flow (?:check|run)"
    pattern = rf"^```yaml\n({first}.*?)^```$"
    blocks = re.finditer(pattern, page, re.DOTALL | re.MULTILINE)
    return [(f"{path}:{page.count(chr(10), 0, block.start()) + 1}", parse(block.group(1))) for block in blocks]


def place(error, document):
    """Where an error is: at the key itself, where one is too many or is no name."""
    path = error.json_path
    if error.schema is False:
        # The validator leaves the key out of the path.
        for part in error.absolute_path:
            document = document[part]
        return [f"{path}.{key}" for key, value in document.items() if value is error.instance]
    if error.validator == "additionalProperties" and error.validator_value is False:
        known = error.schema.get("properties", {})
        return [f"{path}.{key}" for key in error.instance if key not in known]
    if "propertyNames" in error.absolute_schema_path:
        return [f"{path}.{error.instance}"]
    return [path]


def refused(validator, path):
    """What is wrong with how a wrong file is refused; nothing, if it is right."""
    with open(path, encoding="utf-8") as file:
        expected = re.fullmatch(r"# expect: (\$\S*)", file.readline().strip())
    if not expected:
        return "the first line is not `# expect: PATH`"
    expected = expected.group(1)
    document = load(path)
    errors = list(validator.iter_errors(document))
    if not errors:
        return "is accepted"
    best = best_match(errors)
    if place(best, document) != [expected]:
        return f"expected {expected}, found {place(best, document)}: {best.message[:200]}"
    # One mistake a file: whatever else is said is about the same place, or what it is in.
    for error in errors:
        for found in place(error, document):
            if not (expected + ".").startswith(found + ".") and not expected.startswith(found + "["):
                return f"expected {expected} alone, found also {found}: {error.message[:200]}"
    return None


def main():
    schema_path, mode, *paths = sys.argv[1:]
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    schema_of = "descriptors" if "connector" in schema["$id"] else "workflows"
    problems = []
    count = 0
    spent = 0.0
    for path in paths:
        if mode == "refuse":
            count += 1
            problem = refused(validator, path)
            problems += [f"{path}: {problem}"] if problem else []
            continue
        for name, document in documents(path, schema_of):
            count += 1
            started = time.perf_counter()
            best = best_match(validator.iter_errors(document))
            spent += time.perf_counter() - started
            problems += [f"{name}: {best.json_path}: {best.message[:300]}"] if best else []
    took = f", {spent * 1000 / max(count, 1):.1f} ms a file" if mode == "accept" else ""
    print("\n".join([*problems, f"{mode}: {count - len(problems)} of {count}{took}"]))
    sys.exit(bool(problems))


main()
