"""Does somebody want to finish the conversation? A deterministic rule, asked before the language model.

The words are cut into clauses. A clause may say farewell ("see you later"), say that all is done ("that's everything"),
announce leaving ("I have to go"), or ask for the end ("please hang up"). Around that core only courtesy may stand: a clause
that says more ("say goodbye to my money", "I have to go to the dentist") is about something else. A question, a negation, a
quotation or another request in the same breath means that the conversation goes on.

The rule is English: the engine's voice speaks nothing else.
"""

from __future__ import annotations

import re

FINISH = "user_wants_to_finish_conversation"

_SPELLINGS = (
    (r"[\u2018\u2019`]", "'"),
    (r"\bgood[- ]?b(?:ye|y|uy|i)\b(?! the\b)", "goodbye"),
    (r"\b(?:bye|by|buy)[- ,]+(?:bye|by|buy)\b", "bye"),
    (r"\bbye the way\b", "by the way"),
    (r"^(?:(?:ok|okay|thanks|thank you)[ ,]+)?(?:buy|by)[.!]*$", "bye"),
    (r"\b(?:gotta|got ta)\b", "have to"),
    (r"\b(?:i've|i have|i) got to\b", "i have to"),
    (r"\b(?:i'd|i had|i) better\b", "i should"),
    (r"\bgonna\b", "going to"),
    (r"\bwanna\b", "want to"),
    (r"\b(?:ya|u)\b", "you"),
    (r"\bcya\b", "see you"),
    (r"\blet's\b", "let us"),
    (r"\bi'm\b", "i am"),
    (r"\b(we|you|they)'re\b", r"\1 are"),
    (r"\b(i|we|you|that|this|it)'ll\b", r"\1 will"),
    (r"\b(i|we|you)'ve\b", r"\1 have"),
    (r"\b(i|we|you)'d\b", r"\1 would"),
    (r"\b(that|it|this|there|here|what|time)'s\b", r"\1 is"),
    (r"\b(do|did|does|is|are|was|have|has|should|could|would)n't\b", r"\1 not"),
    (r"\bwon't\b", "will not"),
    (r"\bcan(?:'t|not)\b", "can not"),
    (r"\ball right\b", "alright"),
    (r"\bhave you a\b", "have a"),
)
_CUT = re.compile(r"([.!?,;:\u2014\u2026]+|\s+-+\s+|\b(?:and|but|so|because|cause|since|as|then|cuz)\b)")

# Words of courtesy, taken from both ends of a clause before it is looked at.
_COURTESY = (
    r"(?:ok(?:ay)?|alright|alrighty|well|oh|ah|um+|uh+|hmm+|right|great|perfect|cool|fine|wonderful|awesome|excellent|super|lovely|"
    r"good|nice|sure|yes|yeah|yep|yup|no|nope|nah|please|anyway|anyways|actually|really|just|guess what|you know|all in all|"
    r"(?:many |no )?thanks?(?: you)?(?: (?:so|very) much| a lot| a million| a bunch| again| anyway)?"
    r"(?: for (?:your|the|all|everything|helping|talking|chatting|listening|being)(?: \w+){0,4})?|"
    r"i (?:really )?appreciate (?:it|that|your help|the help|everything)|i (?:think|guess|believe|suppose|reckon|am afraid|mean)|"
    r"it looks like|it seems|looks like|that was (?:great|helpful|perfect|all very helpful|very helpful|lovely)|"
    r"sorry|(?:my )?(?:friend|dear|buddy|pal|mate|assistant|darling|love|sir|madam|everyone|everybody|folks|guys|man)|"
    r"for now|for today|for tonight|for the (?:moment|day|night|time being)|now|then|here|today|tonight|again|already|at last|"
    r"finally|honestly|unfortunately|hey|hi|hello|there|you)"
)
_LEAD = re.compile(rf"^(?:{_COURTESY}\b\s*)+")
_TRAIL = re.compile(rf"(?:\s*\b{_COURTESY})+$")

_WHEN = (
    r"(?:later|soon|tomorrow|around|again|then|tonight|next (?:time|week|month|year)|another (?:time|day)|some other time|"
    r"in (?:a|the) (?:bit|while|few|minute|morning|evening|moment)|(?:on )?(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    r"when i (?:am|get) (?:back|home)|some time|sometime|later on)"
)
_FINE = (
    r"(?:nice|good|great|lovely|wonderful|pleasant|safe|fantastic|beautiful|blessed|happy|fun|restful|pleasure|fabulous|super|"
    r"brilliant|marvellous|relaxing|terrific|splendid)"
)
_SPAN = (
    r"(?:day|evening|night|weekend|one|time|afternoon|morning|week|trip|holiday|vacation|rest of (?:your|the) (?:day|week|evening))"
)
_TALK = r"(?:call|conversation|chat|talk|session|discussion|dialog(?:ue)?|connection|phone call|line|program)"
_BE = r"(?:(?:it|this) (?:was|is|has been)|(?:was|been))"

_FAREWELL = (
    r"(?:goodbye|bye|farewell|cheerio|ciao|adios|au revoir|auf wiedersehen|sayonara|toodles|toodle-?oo|ta ta|peace out|laters?|"
    r"over and out|signing off|so long|nighty night|night night|good night|goodnight|sleep (?:well|tight)|sweet dreams|godspeed|"
    r"be (?:well|good)|stay (?:safe|well)|take (?:good )?care(?: of yourself)?|take it easy|all the best|best wishes|cheers|"
    r"(?:bye|goodbye|good night|goodnight|farewell|see you)(?: for now)? (?!is\b|was\b|to\b|in\b|by\b|the\b|a\b|and\b|means\b|or\b|song\b|at\b)\w+)"
    rf"|(?:i will |i )?see you(?: all)?(?: {_WHEN})*"
    rf"|(?:i will |we will |i would |let us )?(?:talk|speak|chat|catch up|write|be in touch)(?: (?:to|with) (?:you|each other))?(?: {_WHEN})+"
    rf"|(?:i will )?catch you(?: {_WHEN})+|(?:i will be|will be) back {_WHEN}|(?:until|till) (?:{_WHEN}|we (?:meet|speak|talk)(?: again)?)"
    rf"|(?:i hope you |i wish you |you )?(?:have|has) (?:yourself )?a (?:very |really )?(?:{_FINE} )?{_SPAN}|(?:i wish you )?a {_FINE} {_SPAN}"
    rf"|enjoy (?:your|the rest of your|the) {_SPAN}"
    rf"|(?:{_BE} )?(?:a |so |very |really |always )*{_FINE}(?: (?:to|of))?(?: (?:talk|chat|speak|catch|meet)(?:ing)?|having you)(?: up)?"
    r"(?: (?:to|with))?(?: you)?"
)
_DONE = (
    r"(?:that|this) (?:is|will be|was|would be|about|wraps|does|covers|should be|should)(?: (?:all|it|everything|enough|about|up|do|do it|"
    r"(?:more than )?enough|me done))+"
    r"(?: (?:that )?(?:i|we)(?: \w+)? (?:need|needed|wanted|want|had|have|came for|was looking for|am looking for|wanted to know|"
    r"need to know|needed to know|wanted to ask|had to ask|wanted to hear)(?: from you| help with| to know| to ask)?)?"
    r"(?: from me| on my end| from my side)?(?: with that)?"
    r"|that will do(?: it| nicely| me)?|all done|(?:we|i) (?:are|am) (?:all |pretty much |completely |about |quite )?(?:done|finished|through|all set|set)"
    rf"(?: (?:talking|chatting|speaking|asking questions|with (?:you|this|our|the)(?: {_TALK})?|asking))?"
    r"|(?:i|we) have (?:got )?(?:everything|all|what)(?: that)? (?:i|we) (?:need|needed|wanted|want|came for)"
    r"|(?:i have|there is|there are|that is)? ?(?:no|nothing)(?: (?:more|further|other|else))+(?: (?:questions?|requests?|to (?:ask|say|add|discuss)|"
    r"(?:that )?i (?:need|want|wanted)(?: to (?:know|ask))?))*(?: from me)?"
    r"|i have no (?:questions|requests)(?: left)?|(?:i )?do not (?:need|want|require|have)(?: you)?(?: (?:any|anything))(?: (?:else|more|further|other|"
    r"help|questions?|assistance|to (?:ask|say|add)))*|i do not (?:need|want) you(?: any ?more)?"
    rf"|i do not want to (?:talk|chat|speak|continue|go on)(?: (?:to|with) you)?(?: this {_TALK})?(?: any ?(?:more|longer))?"
    r"|(?:that is )?(?:more than )?enough|i have had enough|you have (?:been (?:very |so |most |really )?helpful|answered (?:all|everything).*|"
    r"helped (?:me )?(?:a lot|enough))(?<!helpful)"
    rf"|(?:the|this|our) {_TALK} is (?:over|finished|done)|we have (?:covered|discussed) (?:everything|it all)|i am all good|i will (?:stop|leave it|end it)"
    r"(?: (?:here|there|at that))?"
)
_MUST = (
    r"(?:i|we)(?: \w+ly)? (?:have to|need to|must|should|ought to|will|shall|am going to|am about to|want to|would like to|will have to|"
    r"would rather|am|are|have|can|really have to|do have to|just have to)|have to|need to|must|should|time to|(?:it is )?(?:about )?time (?:for me )?"
    r"to|(?:i am )?(?:going|about) to|let me|my (?:ride|bus|train|taxi|cab|lift) is here and i have to"
)
_GO = (
    r"(?:be )?(?:(?:go|going|gone|run|running|leave|leaving|off|out|out of here|dash|dashing|bounce|split|fly|scoot|jet|rush)(?: (?:now|soon|already))?"
    r"|(?:get|be) (?:going|moving|off(?: the (?:phone|line))?|on my way|on our way|out of here)|on my way(?: out)?|"
    r"head(?:ing)? (?:out|off|home|to bed)|tak(?:e|ing) off|(?:go|going|get|off|head|heading|run|running) (?:home|to (?:bed|sleep|work)|back to (?:work|it)|to my next meeting)"
    r"|sign(?:ing)? off|log(?:ging)? off|hang(?:ing)? up|drop(?:ping)? off|wrap(?:ping)? (?:this |it |things )?up|call it (?:a (?:day|night)|quits)|"
    r"say (?:goodbye|good night|goodnight|farewell|bye)(?: (?:to|for) (?:you|now))?|let you go|love you and leave you|leave (?:it|you)(?: (?:here|there|at that|to it))?"
    r"|(?:go|run)(?: and)? (?:catch|get|make|eat|have|meet|pick up|cook|feed) (?:my|the|a|some|our)? ?\w+(?: up)?|part ways|bid you (?:farewell|goodbye|good night)"
    r"|(?:quit|exit|finish(?: up)?|stop)(?: (?:now|here|talking|chatting|this))?|be done|get some (?:sleep|rest)|sleep)"
)
_ASK = (
    r"(?:you (?:can|may|could|should|are free to)|can (?:we|you|i)|could (?:we|you|i)|may (?:we|i)|shall we|should we|would you(?: mind)?|let us|we (?:can|could|may|should|might as well)|"
    r"i (?:want|would like|wish|need|am ready|am going|have) (?:you )?to|i would like (?:you )?to|i want|feel free to|go ahead and|it is time to|time to|why do not we|i will|"
    r"how about we|what if we|do)(?: (?:please|just|now|simply|also))*"
)
_END = (
    rf"(?:hang(?:ing)? up|disconnect|(?:end|ending|stop|finish|close|terminate|quit|exit|conclude|leave|cut|drop|wrap up|wrap|break off) (?:(?:the|this|our|that) )?(?:{_TALK})(?: up)?"
    r"|(?:end|stop|finish|conclude|wrap|leave|close)(?: (?:it|this|things|that|talking|chatting|off|up))*(?: (?:here|there|at that|now|on that note))"
    r"|(?:end|finish|wrap|leave) (?:it|this|things|talking)(?: up| off)?|(?:wrap|finish|end) up|stop (?:talking|chatting|listening)(?: (?:to|with) (?:me|each other))?"
    r"|call it (?:a (?:day|night)|quits|an? (?:evening|end))|(?:say|exchange) (?:our )?(?:goodbyes?|good night|goodnight|farewells?|bye)|part(?: ways)?|be done|adjourn"
    r"|(?:go|leave|rest|sleep)|(?:switch|turn|shut) (?:yourself )?(?:off|down)(?: yourself)?|shut yourself down|go (?:back )?to sleep|leave me alone|go away|"
    r"leave me|get lost|let me go)"
)
_BARE_END = (
    rf"(?:hang up|disconnect|quit|exit|end|(?:end|stop|finish|close|terminate|quit|exit|conclude|leave|cut) (?:the|this|our) {_TALK}|end {_TALK}|"
    r"stop (?:talking|listening)|call it (?:a day|a night|quits)|wrap (?:it|this) up|leave me alone|go away|"
    r"(?:switch|turn|shut) yourself (?:off|down)|shut down|go to sleep|end it here|stop here|leave it (?:at that|there))"
)
_REASON = r"(?: (?:to|for|at|before|until|in) (?:my|the|a|an|our|work|bed|dinner|lunch|school|class)(?: \w+){0,3})?"
_PLACE = r"(?: (?:here|now|there|at that|for good|immediately|right away))*"

_CORE = re.compile(rf"(?:{_FAREWELL}|{_DONE}|(?:{_MUST}) {_GO}|{_ASK} {_END}|{_BARE_END}){_PLACE}")
_STATES_DONE = re.compile(_DONE)
_LEFT = re.compile(r"i am (?:leaving|off|out|going|heading (?:out|off|home)|done|going to (?:bed|sleep))")
_NOT_DONE = re.compile(
    r"\b(?:not|never|do not|before (?:we|i|you|that)|one more|another (?:question|thing)|(?:but )?first|wait|hold on|yet|except|unless|if|"
    r"when|until then|while|said|says|say(?:ing)? (?!goodbye$|good ?night$|bye$|farewell$)|called|titled|song|film|movie|word|phrase|mean(?:s|ing)?|translate|spell|"
    r"also|be right back|hang on|just a (?:second|moment|minute)|more about)\b"
)
_QUESTION = re.compile(
    r"^(?:who|what|when|where|why|how|which|whose|is|are|am|was|were|do|does|did|can|could|would|will|shall|should|have you|has|may|might)\b"
)
_STATEMENT = re.compile(
    r"^(?:i|it|my|the|that|this|we|you|there|she|he|they|our|someone|somebody|[a-z]+ (?:is|are|has|was)|[a-z]+ [a-z]+ (?:is|are|has))\b"
)
_LONGEST_WORDS = 45
_LONGEST_ASIDE_WORDS = 12


def wants_to_finish(text: str) -> bool:
    """Whether these words of a person say that they want to end the conversation."""
    if '"' in text or "\u201c" in text:
        return False  # somebody is quoted
    clauses = _clauses(text)
    if not clauses or sum(len(clause.split()) for clause, _ in clauses) > _LONGEST_WORDS:
        return False
    verdicts = [_is_core(clause, mark) for clause, mark in clauses]
    if not any(verdicts):
        return False
    return all(core or _is_aside(clause, mark) for (clause, mark), core in zip(clauses, verdicts, strict=True))


def _clauses(text: str) -> list[tuple[str, str]]:
    """The clauses of a text without the courtesy around them, each with the mark behind it; those of courtesy alone are left out."""
    text = re.sub(r"\s+", " ", text.lower().strip())
    for pattern, spelling in _SPELLINGS:
        text = re.sub(pattern, spelling, text)
    parts = [*_CUT.split(text), ""]
    found = []
    for clause, mark in zip(parts[::2], parts[1::2], strict=True):
        plain = re.sub(r"[^a-z0-9' -]", "", clause).strip(" '-")
        if plain:
            found.append((plain, mark.strip()))
    return found


def _is_core(clause: str, mark: str) -> bool:
    """Whether a clause alone says that the talk is to end."""
    for form in (clause, _LEAD.sub("", clause), _TRAIL.sub("", clause), _TRAIL.sub("", _LEAD.sub("", clause))):
        form = form.strip()  # noqa: PLW2901 - the same clause, tidied
        if form and _CORE.fullmatch(form):
            asks = "?" in mark and (_STATES_DONE.fullmatch(form) or _LEFT.fullmatch(form))
            return not asks
    return False


def _is_aside(clause: str, mark: str) -> bool:
    """Whether a clause may stand beside a farewell: courtesy, a name, or the reason for leaving; no question, no request."""
    bare = _TRAIL.sub("", _LEAD.sub("", clause)).strip()
    words = bare.split()
    if len(words) <= 1:
        return "?" not in mark
    if "?" in mark or len(words) > _LONGEST_ASIDE_WORDS or _QUESTION.match(bare) or _NOT_DONE.search(bare):
        return False
    return _STATEMENT.match(bare) is not None
