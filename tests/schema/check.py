"""Validates workflows with the schema that `flow schema` gives, by a validator that knows nothing of flow.

    check.py SCHEMA accept FILE...    each file must fit
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


def load(path):
    with open(path, encoding="utf-8") as file:
        # Through JSON: keys that are no texts would be none in an editor either.
        return json.loads(json.dumps(reader().load(file), default=str))


def place(error):
    """Where an error is: at the key itself, where one is too many or is no name."""
    path = error.json_path
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
    errors = list(validator.iter_errors(load(path)))
    if not errors:
        return "is accepted"
    best = best_match(errors)
    if place(best) != [expected]:
        return f"expected {expected}, found {place(best)}: {best.message[:200]}"
    # One mistake a file: whatever else is said is about the same place, or what it is in.
    for error in errors:
        for found in place(error):
            if not (expected + ".").startswith(found + ".") and not expected.startswith(found + "["):
                return f"expected {expected} alone, found also {found}: {error.message[:200]}"
    return None


def main():
    schema_path, mode, *paths = sys.argv[1:]
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    failed = 0
    spent = 0.0
    for path in paths:
        if mode == "refuse":
            problem = refused(validator, path)
        else:
            document = load(path)
            started = time.perf_counter()
            best = best_match(validator.iter_errors(document))
            spent += time.perf_counter() - started
            problem = best and f"{best.json_path}: {best.message[:300]}"
        if problem:
            failed += 1
            print(f"{path}: {problem}")
    done = len(paths) - failed
    took = f", {spent * 1000 / max(len(paths), 1):.1f} ms a file" if mode == "accept" else ""
    print(f"{mode}: {done} of {len(paths)}{took}")
    sys.exit(failed > 0)


main()
