"""What API Gateway and Pipes do with a template, as far as Ductwork's use it. Velocity is airspeed's."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_ESCAPES = {'"': '\\"', "'": "\\'", "\\": "\\\\", "/": "\\/", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Text(str):
    """A text of Java's. Velocity leaves backslashes of its literals to the regular expression; airspeed halves them."""

    def replaceAll(self, pattern: str, by: str) -> Text:
        return Text(re.sub(pattern.replace("\\", r"\\"), by, self))


@dataclass
class Input:
    body: str
    given: dict[str, str]

    def params(self, name: str) -> Text:
        return Text(self.given.get(name, ""))

    def json(self, path: str) -> Text:
        value = self.path(path)
        return Text("" if value is None else json.dumps(value))

    def path(self, path: str) -> Any:
        value: Any = json.loads(self.body or "{}")
        for name in path.removeprefix("$").split("."):
            if name:
                value = value.get(name) if isinstance(value, dict) else None
        return value


class Util:
    def escapeJavaScript(self, text: object) -> Text:
        return Text("".join(_ESCAPES.get(each, each) for each in str("" if text is None else text)))


def rendered(template: str, body: object, given: dict[str, str] | None = None) -> tuple[Any, object]:
    """What a template makes of a body, as JSON, and the status that it sets."""
    import airspeed

    context: dict[str, dict[str, object]] = {"responseOverride": {}}
    text = airspeed.Template(template).merge(
        {"input": Input(json.dumps(body), given or {}), "util": Util(), "context": context}
    )
    return json.loads(text), context["responseOverride"].get("status")


def piped(template: str, record: dict[str, Any]) -> Any:
    """Pipes' input template: ``<$.path>`` is the JSON of what is there."""

    def value(match: re.Match[str]) -> str:
        found: Any = record
        for name in match[1].split("."):
            found = found[name]
        return json.dumps(found)

    return json.loads(re.sub(r"<\$\.([\w.]+)>", value, template))
