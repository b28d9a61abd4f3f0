"""Is a function wanted, and which? One token of a small model, held against what the words themselves show.

Measured on the 0.5B: the probability that its answer begins like a call tells calls from talk in nine of ten cases.
It errs on small talk, where it calls whatever there is, and on questions that share a word with a function. So kinds of talk that
never want a function are told by their shape, unless they share a word with one; and shared words weigh in.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vivavoce.engine.models import qwen
from vivavoce.engine.models.llamacpp import DECIDE_SLOT, Completions
from vivavoce.engine.stages import Asked, Cut
from vivavoce.engine.toolcalls import fitted

_THRESHOLD = -2.4  # log10 of the probability; see docs/performance.md
_SHARED_WORD = 0.7
_ARGUMENT_TOKENS = 128
_NAME_TOKENS = 48
_CALL_MARKS = "{<[`"

_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "could",
        "current",
        "do",
        "does",
        "for",
        "from",
        "get",
        "give",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "me",
        "my",
        "of",
        "on",
        "one",
        "or",
        "please",
        "put",
        "returns",
        "return",
        "some",
        "tell",
        "that",
        "the",
        "their",
        "them",
        "then",
        "this",
        "to",
        "user",
        "want",
        "was",
        "we",
        "what",
        "when",
        "where",
        "which",
        "who",
        "will",
        "with",
        "would",
        "you",
        "your",
        "name",
        "number",
        "text",
        "value",
        "string",
        "whether",
        "make",
        "made",
        "use",
        "used",
        "using",
        "about",
        "up",
        "off",
        "out",
        "not",
        "no",
        "so",
        "just",
        "like",
    ]
)
_TALK = re.compile(
    r"^(?:(?:oh|well|okay|ok|so|and|um|uh|please|can you|could you|would you)\b[ ,]*)*(?:"
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening))\b(?:[ ,]+(?:there|you|assistant|everyone|again))*[ .!,?]*$"
    r"|(?:hi|hello|hey)?[ ,]*(?:my name is|i am called|call me) \w+"
    r"|.*\bnice to meet you"
    r"|how are you|how(?:'s| is) it going|how do you do|who are you|what are you|what(?:'s| is) your (?:name|favou?rite)"
    r"|what do you (?:think|like|know)|do you (?:like|think|feel|love|know)|are you (?:a|an|real|human|there|sure|happy)"
    r"|(?:sorry|pardon|excuse me)\b[ ,]*(?:what did|could you|can you|i (?:did|do)|come again|$)|(?:what did you say|come again)"
    r"|(?:repeat|say) (?:that|it|this|yourself)|i (?:don't|didn't|do not|did not) (?:understand|hear|get|catch|mean)"
    r"|.*\bnot what i (?:mean|meant|asked|said|wanted)|let's (?:talk|chat)|speak (?:more|a)|slow(?:er)? down"
    r"|(?:tell me|know|say|sing|recite|make up)(?: me)? (?:a|an|another|some|something)"
    r"(?: \w+){0,3} ?\b(?:joke|story|tale|riddle|poem|song|rhyme|nice|funny|interesting|fact)"
    r"|(?:thanks|thank you|great|cool|nice|wow|interesting|that(?:'s| is) (?:\w+ )?(?:nice|great|cool|funny|interesting))"
    r"[ \w,]{0,20}[.!]*$"
    r"|(?:what(?:'s| is)|how much is|calculate|compute)? ?[\w ]{1,30}\b"
    r"(?:times|plus|minus|divided by|multiplied by) [\w ]{1,30}\??$"
    r")",
    re.IGNORECASE,
)


def wanted(
    model: Completions, tools: Sequence[Mapping[str, Any]], messages: Sequence[Mapping[str, Any]], cut: Cut
) -> Asked | None:
    """The call the last words of the person ask for, None when they want to be talked with (or when cut)."""
    said = qwen.last_said(messages)
    shared = [len(_stems(said) & _words_of(tool)) for tool in tools]
    if not said or (_TALK.match(said) and not any(shared)):
        return None
    prompt = qwen.decider(tools, messages)
    first = model.first(prompt, DECIDE_SLOT, cut)
    share = sum(
        math.exp(value) for token, value in first.items() if token.strip()[:1] and token.strip()[0] in _CALL_MARKS
    )
    score = math.log10(share + 1e-9) + (_SHARED_WORD if any(shared) else 0)
    if cut.is_set() or score < _THRESHOLD:
        return None
    call = written(model, tools, prompt, cut, shared)
    if call is None or _grounded(call, tools, said) or cut.is_set():
        return call
    return _second_choice(model, tools, prompt, cut, call, said) or (call if any(shared) else None)


def _second_choice(  # noqa: PLR0913, PLR0917 - all of them are the question
    model: Completions, tools: Sequence[Mapping[str, Any]], prompt: str, cut: Cut, call: Asked, said: str
) -> Asked | None:
    """Another call whose arguments are taken from what was said, when the first one made its arguments up."""
    others = [tool for tool in tools if tool["name"] != call.name and (tool.get("parameters") or {}).get("properties")]
    second = written(model, others, prompt, cut) if others else None
    return second if second is not None and _grounded(second, tools, said) else None


def _grounded(call: Asked, tools: Sequence[Mapping[str, Any]], said: str) -> bool:
    """Whether at least one of the free texts the function requires comes from what was said; true when it requires none."""
    schema = next(tool for tool in tools if tool["name"] == call.name).get("parameters") or {}
    properties = schema.get("properties") or {}
    texts = [
        value
        for key, value in json.loads(call.arguments).items()
        if key in (schema.get("required") or ()) and isinstance(value, str) and "enum" not in properties.get(key, {})
    ]
    spoken = set(re.findall(r"[a-z]{3,}", said.lower()))
    return not texts or any(spoken & set(re.findall(r"[a-z]{3,}", text.lower())) for text in texts)


def written(
    model: Completions, tools: Sequence[Mapping[str, Any]], prompt: str, cut: Cut, shared: Sequence[int] = ()
) -> Asked | None:
    """The call the model writes when it must write one; None when cut or when its arguments fit no schema."""
    name = _name(model, tools, prompt + qwen.CALL, cut, shared)
    tool = next((one for one in tools if one["name"] == name), None)
    return None if tool is None or cut.is_set() else _filled(model, tool, prompt, cut)


def _filled(model: Completions, tool: Mapping[str, Any], prompt: str, cut: Cut) -> Asked | None:
    """The call of `tool` with the arguments the model writes for it."""
    name, schema = str(tool["name"]), tool.get("parameters") or {}
    if not schema.get("properties"):
        return Asked(name, "{}")
    text = model.whole(
        f'{prompt}{qwen.CALL}{name}", "arguments": ',
        DECIDE_SLOT,
        cut,
        n_predict=_ARGUMENT_TOKENS,
        **_grammar(model, schema),
    )
    try:
        arguments = fitted(json.loads(text), schema)
    except (ValueError, AttributeError):
        return None
    return None if arguments is None else Asked(name, json.dumps(arguments, ensure_ascii=False))


def _name(model: Completions, tools: Sequence[Mapping[str, Any]], prompt: str, cut: Cut, shared: Sequence[int]) -> str:
    """Which function: the model's choice, unless only others share words with what was said."""
    if len(tools) == 1:
        return str(tools[0]["name"])
    choices = " | ".join(json.dumps(f'{tool["name"]}"') for tool in tools)
    name = model.whole(prompt, DECIDE_SLOT, cut, n_predict=_NAME_TOKENS, grammar=f"root ::= {choices}").removesuffix(
        '"'
    )
    if any(shared) and not any(count for tool, count in zip(tools, shared, strict=True) if tool["name"] == name):
        return str(tools[max(range(len(tools)), key=lambda n: shared[n])]["name"])
    return name


def _grammar(model: Completions, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The grammar of the arguments; nothing when llama.cpp cannot make one of the schema."""
    properties = dict(sorted(schema["properties"].items(), key=lambda item: _is_free(item[1])))
    closed = {"type": "object", **schema, "properties": properties, "additionalProperties": False}
    try:
        grammar = model.grammar_of(json.dumps(closed))
    except (RuntimeError, ValueError):
        return {}
    return {"grammar": re.sub(r"\[0-9\]\{0,15\}|\[0-9\]\*", "[0-9]{0,9}", grammar)}  # else it may count on for ever


def _is_free(schema: Any) -> bool:
    """Free text comes last: with the choices out of the way ("large"), what is left of the words is the rest ("coffee")."""
    return isinstance(schema, Mapping) and schema.get("type") == "string" and "enum" not in schema


def _words_of(tool: Mapping[str, Any]) -> set[str]:
    name = re.sub(r"([a-z])([A-Z])", r"\1 \2", str(tool["name"])).replace("_", " ")
    properties = (tool.get("parameters") or {}).get("properties") or {}
    told = [name, str(tool.get("description") or ""), *properties]
    for one in properties.values():
        if isinstance(one, Mapping):
            told += [str(one.get("description") or ""), *(str(choice) for choice in one.get("enum") or ())]
    return _stems(" ".join(told).replace("_", " "))


def _stems(text: str) -> set[str]:
    words = re.findall(r"[a-z]+", text.lower())
    return {re.sub(r"(?:ing|ed|es|s|e)$", "", word) for word in words if word not in _STOP and len(word) > 2}  # noqa: PLR2004 - "to", "am"
