"""A server on this machine that answers as an OpenAPI document says: with its examples, else with values of its schemas."""

import http.server
import json
import re
import threading
import urllib.parse

DEPTH_MAX = 12


class Document:
    def __init__(self, document):
        self.root = document
        server = (document.get("servers") or [{"url": "/"}])[0]
        url = server["url"]
        for name, variable in server.get("variables", {}).items():
            url = url.replace("{" + name + "}", variable.get("default", ""))
        self.base = urllib.parse.urlparse(url).path.rstrip("/")
        # What has fewer holes comes first: /things/newest before /things/{id}.
        paths = sorted(document["paths"], key=lambda path: (path.count("{"), path))
        self.routes = [(self.pattern(path), path) for path in paths]

    def pattern(self, path):
        parts = re.split(r"\{[^}]*\}", path)
        return re.compile(re.escape(self.base) + "[^/]+".join(map(re.escape, parts)) + "$")

    def resolved(self, node):
        for _ in range(32):
            if not isinstance(node, dict) or "$ref" not in node:
                return node
            target = self.root
            for part in node["$ref"].lstrip("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        raise ValueError("references in a circle")

    def operation(self, method, path):
        for pattern, template in self.routes:
            found = self.resolved(self.root["paths"][template]).get(method.lower())
            if found and pattern.match(path):
                return found
        return None

    def answer(self, operation):
        """Status, media type and body of the first success."""
        for status, response in sorted(operation["responses"].items(), key=lambda pair: str(pair[0])):
            if not str(status).startswith("2"):
                continue
            content = self.resolved(response).get("content") or {}
            for media, about in content.items():
                if "json" in media:
                    return int(status), media, json.dumps(self.body(about))
            for media in content:
                return int(status), media, "text"
            return int(status), None, ""
        return 500, None, ""

    def body(self, about):
        # Examples of a document may be wrong, or shortened: what its schema says is what clients count on.
        return self.value(about.get("schema", {}), 0)

    def value(self, schema, depth):
        schema = self.resolved(schema)
        if not isinstance(schema, dict) or depth > DEPTH_MAX:
            return None
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if schema.get("enum"):
            return schema["enum"][0]
        if "allOf" in schema:
            merged = {}
            for part in schema["allOf"] + [{key: value for key, value in schema.items() if key != "allOf"}]:
                value = self.value(part, depth + 1) if part else None
                if isinstance(value, dict):
                    merged.update(value)
                elif value is not None and not merged:
                    merged = value
            return merged
        for key in ("oneOf", "anyOf"):
            if schema.get(key):
                return self.value(schema[key][0], depth + 1)
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next(one for one in kind if one != "null")
        if kind == "object" or "properties" in schema:
            required = schema.get("required", [])
            members = schema.get("properties", {}).items()
            # Deep down only what must be there.
            return {name: self.value(member, depth + 1) for name, member in members if depth < 4 or name in required}
        if kind == "array":
            return [self.value(schema.get("items", {}), depth + 1)] if depth < 8 else []
        if kind == "boolean":
            return True
        if kind in ("integer", "number"):
            return schema.get("minimum", 1)
        if kind == "string":
            texts = {"date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02", "uri": "https://example.com/", "email": "a@example.com"}
            return texts.get(schema.get("format"), "text")
        return None


def serve(document):
    """Starts the server; gives its address and the requests that it could not answer."""
    lost = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do(self):
            length = int(self.headers.get("content-length") or 0)
            self.rfile.read(length)
            path = urllib.parse.unquote(urllib.parse.urlparse(self.path).path)
            operation = document.operation(self.command, path)
            if operation is None:
                lost.append(f"{self.command} {path}")
                status, media, body = 404, "application/json", "{}"
            else:
                status, media, body = document.answer(operation)
                # A list that goes on is one page long.
                query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
                if any(query.get(name, ["1"])[0] not in ("0", "1") for name in ("page", "offset")) and body.startswith("["):
                    body = "[]"
            data = body.encode()
            self.send_response(status)
            if media:
                self.send_header("content-type", media)
            if status != 204:
                self.send_header("content-length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD" and status != 204:
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}", lost
