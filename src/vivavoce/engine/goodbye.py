"""Does somebody want to finish the conversation? A deterministic rule, asked before the language model.

The words are cut into clauses. A clause may say farewell ("see you later"), say that all is done ("that's everything"),
announce leaving ("I have to go"), or ask for the end ("please hang up"). Around that core only courtesy may stand: a clause
that says more ("say goodbye to my money", "I have to go to the dentist") is about something else. A question, a negation, a
quotation or another request in the same breath means that the conversation goes on.

The rule is English: the engine's voice speaks nothing else.
"""

from __future__ import annotations

import re

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
    (r"\bso long\b(?! as\b)(?=[^a-z]*(?:$|[.,!]| and\b| for now| my| everyone| friend))", "farewell"),
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
    (r"\b(it|that) is been\b", r"\1 has been"),
    (r"\bover and out\b", "signing off"),
    (r"\bgo ahead and\b", "please"),
    (r"\b(hang up|hanging up|disconnect) (?:on me|the phone|the call|the line|this call)\b", r"\1"),
    (r"\bcalling it a\b", "going to call it a"),
    (r"\b(?:oh )?(?:would you )?look at (?:the time|that clock)\b", "it is late"),
)
_CUT = re.compile(r"([.!?,;:\u2014\u2026]+|\s+-+\s+|\b(?:and|but|so|because|cause|since|as|then|cuz)\b)")

# Words of courtesy, taken from both ends of a clause before it is looked at.
_COURTESY = (
    r"(?:ok(?:ay)?|alright|alrighty|well|oh|ah|um+|uh+|hmm+|right|great|perfect|cool|fine|wonderful|"
    r"awesome|excellent|super|lovely|"
    r"good|nice|sure|yes|yeah|yep|yup|no|nope|nah|please|anyway|anyways|actually|really|just|guess what|"
    r"you know|all in all|"
    r"(?:many |no )?thanks?(?: you)?(?: (?:so|very) much| a lot| a million| a bunch| again| anyway)?"
    r"(?: for (?:your|the|all|everything|helping|talking|chatting|listening|being)(?: \w+){0,4})?|"
    r"i (?:really )?appreciate (?:it|that|your help|the help|everything)|i (?:think|guess|believe|suppose|"
    r"reckon|am afraid|mean)|"
    r"it looks like|it seems|looks like|that was (?:great|helpful|perfect|all very helpful|very helpful|lovely)|"
    r"sorry|(?:my )?(?:friend|dear|buddy|pal|mate|assistant|darling|love|sir|madam|everyone|everybody|"
    r"folks|guys|man)|"
    r"for now|for today|for tonight|for the (?:moment|day|night|time being)|now|then|here|today|tonight|"
    r"again|already|at last|"
    r"finally|honestly|unfortunately|hey|hi|hello|there|you)"
)
_LEAD = re.compile(rf"^(?:{_COURTESY}\b\s*)+")
_TRAIL = re.compile(rf"(?:\s*\b{_COURTESY})+$")

_WHEN = (
    r"(?:later|soon|tomorrow|around|again|then|tonight|next (?:time|week|month|year|\w+day)|"
    r"another (?:time|day)|some other time|"
    r"in (?:a|the) (?:bit|while|few|minute|morning|evening|moment)|(?:on )?(?:mon|tues|wednes|thurs|fri|"
    r"satur|sun)day|"
    r"when i (?:am|get) (?:back|home)|some time|sometime|later on)"
)
_FINE = (
    r"(?:nice|good|great|lovely|wonderful|pleasant|safe|fantastic|beautiful|blessed|happy|fun|restful|"
    r"pleasure|fabulous|super|"
    r"brilliant|marvellous|relaxing|terrific|splendid)"
)
_REST = r"rest of (?:your|the) (?:day|week|evening)"
_SPAN = rf"(?:day|evening|night|weekend|one|time|afternoon|morning|week|trip|holiday|vacation|{_REST})"
_TALK = r"(?:call|conversation|chat|talk|session|discussion|dialog(?:ue)?|connection|phone call|line|program)"
_BE = r"(?:(?:it|this|that) (?:was|is|has been)|(?:was|been))"

_FAREWELL = (
    r"(?:goodbye|bye|farewell|cheerio|ciao|adios|au revoir|auf wiedersehen|sayonara|toodles|toodle-?oo|"
    r"ta ta|peace out|laters?|"
    r"over and out|signing off|so long|nighty night|night night|good night|goodnight|sleep (?:well|tight)|"
    r"sweet dreams|godspeed|"
    r"be (?:well|good)|stay (?:safe|well)|take (?:good )?care(?: of yourself)?|take it easy|all the best|"
    r"best wishes|cheers|"
    r"(?:bye|goodbye|good night|goodnight|farewell|see you)(?: for now)? (?!is\b|was\b|to\b|in\b|by\b|"
    r"the\b|a\b|and\b|means\b|or\b|song\b|at\b)\w+)"
    rf"|(?:i will |i )?see you(?: all)?(?: {_WHEN})*"
    r"|(?:i will |we will |i would |let us )?(?:talk|speak|chat|catch up|write|be in touch|call|ring|"
    rf"phone)(?: (?:to|with))?(?: you| each other)?(?: back| again)?(?: {_WHEN})+"
    rf"|(?:i will )?catch you(?: {_WHEN})+|(?:i will be|will be) back {_WHEN}|(?:until|till) (?:{_WHEN}|"
    r"we (?:meet|speak|talk)(?: again)?)"
    r"|(?:i hope you |i wish you |you )?(?:have|has) (?:yourself )?a (?:very |"
    rf"really )?(?:{_FINE} )?{_SPAN}|(?:i wish you )?a {_FINE} {_SPAN}"
    rf"|enjoy (?:your|the rest of your|the) {_SPAN}"
    rf"|{_BE} (?:a |so |very |really |always |such )*{_FINE}(?: to)? (?:talk|chat|speak|"
    r"meet)(?:t?ing)?(?: (?:to|with))?(?: you)?"
    rf"|(?:{_BE} )?(?:a |so |very |really |always |such )*{_FINE} (?:talking|chatting|speaking|meeting|"
    r"catching up)(?: (?:to|with))?(?: you)?"
)
_DONE = (
    r"(?:that|this) (?:concludes|ends) (?:(?:the|this|our) )?(?:call|conversation|chat|talk|session)|"
    r"(?:that|this) (?:is|will be|was|would be|about|wraps|does|covers|should be|should)(?: (?:all|it|"
    r"everything|enough|about|up|do|do it|"
    r"(?:more than )?enough|me done))+"
    r"(?: (?:that )?(?:i|we)(?: \w+)? (?:need|needed|wanted|want|had|have|came for|was looking for|"
    r"am looking for|wanted to know|"
    r"need to know|needed to know|wanted to ask|had to ask|wanted to hear)(?: from you| help with|"
    r" to know| to ask)?)?"
    r"(?: from me| on my end| from my side)?(?: with that)?"
    r"|that will do(?: it| nicely| me)?|all done|(?:we|i) (?:are|am) (?:all |pretty much |completely |"
    r"about |quite )?(?:done|finished|through|all set|set)"
    rf"(?: (?:talking|chatting|speaking|asking questions|with (?:you|this|our|the)(?: {_TALK})?|"
    r"asking))?(?: with you)?(?: any ?more)?"
    r"|i (?:will|do) not (?:need|be needing) (?:you|your help|your services|any help|anything)(?: (?:else|"
    r"more|any ?(?:more|longer)))*"
    r"|(?:i|we) have (?:got )?(?:everything|all|what)(?: that)? (?:i|we) (?:need|needed|wanted|want|came for)"
    r"|(?:i have|there is|there are|that is)? ?(?:no|nothing)(?: (?:more|further|other|"
    r"else))+(?: (?:questions?|requests?|to (?:ask|say|add|discuss)|"
    r"(?:that )?i (?:need|want|wanted)(?: to (?:know|ask))?))*(?: from me)?"
    r"|i have no (?:questions|requests)(?: left)?|(?:i )?do not (?:need|want|require|"
    r"have)(?: you)?(?: (?:any|anything))(?: (?:else|more|further|other|"
    r"help|questions?|assistance|to (?:ask|say|add)))*|i do not (?:need|want) you(?: any ?more)?"
    r"|i do not (?:want to|feel like|wish to) (?:talk|chat|speak|continue|go on)(?:t?ing)?(?: (?:to|"
    rf"with) you)?(?: this {_TALK})?(?: any ?(?:more|longer))?"
    r"|(?:that is )?(?:more than )?enough|i have had enough|you have (?:been (?:very |so |most |"
    r"really )?helpful|answered (?:all|everything).*|"
    r"helped (?:me )?(?:a lot|enough))(?<!helpful)"
    rf"|(?:the|this|our) {_TALK} is (?:over|finished|done)|we have (?:covered|discussed) (?:everything|"
    r"it all)|i am all good|i will (?:stop|leave it|end it)"
    r"(?: (?:here|there|at that))?"
)
_MUST = (
    r"(?:i|we)(?: \w+ly)? (?:have to|need to|must|should|ought to|will|shall|am going to|am about to|"
    r"want to|would like to|will have to|"
    r"would rather|am|are|really have to|do have to|just have to)|have to|need to|must|should|"
    r"time to|(?:it is )?(?:about )?time (?:for me )?"
    r"to|(?:i am )?(?:going|about) to|let me|my (?:ride|bus|train|taxi|cab|lift) is here and i have to"
)
_GO = (
    r"(?:be )?(?:(?:go|going|gone|run|running|leave|leaving|off|out of here|dash|dashing|bounce|split|"
    r"fly|scoot|jet|rush)(?: (?:now|soon|already))?"
    r"|(?:get|be) (?:going|moving|off(?: the (?:phone|line))?|on my way|on our way|out of here)|on my way(?: out)?|"
    r"head(?:ing)? (?:out|off|home|to bed)|tak(?:e|ing) off|(?:go|going|get|off|head|heading|run|"
    r"running) (?:home|to (?:bed|sleep|work)|back to (?:work|it)|to my next meeting)"
    r"|(?:sign|hop|jump)(?:p?ing)? off|log(?:ging)? off|hang(?:ing)? up|drop(?:ping)? off|"
    r"wrap(?:ping)? (?:this |it |things )?up|call it (?:a (?:day|night)|quits)|"
    r"say (?:goodbye|good night|goodnight|farewell|bye)(?: (?:to|for) (?:you|now))?|let you go|"
    r"love you and leave you|leave (?:it|you)(?: (?:here|there|at that|to it))?"
    r"|(?:go|run)(?: and)? (?:catch|get|make|eat|have|meet|pick up|cook|feed) (?:my|the|a|some|"
    r"our)? ?\w+(?: up)?|part ways|bid you (?:farewell|goodbye|good night)"
    r"|(?:quit|exit|finish(?: up)?|stop)(?: (?:now|here|talking|chatting|this))?|be done|"
    r"get some (?:sleep|rest)|sleep)"
)
_ASK = (
    r"(?:you (?:can|may|could|should|are free to)|can (?:we|you|i)|could (?:we|you|i)|may (?:we|i)|"
    r"shall we|should we|would you(?: mind)?|let us|we (?:can|could|may|should|might as well)|"
    r"i (?:want|would like|wish|need|am ready|am going|have) (?:you )?to|i would like (?:you )?to|i want|"
    r"feel free to|go ahead and|it is time to|time to|why do not we|i will|"
    r"how about we|what if we|do)(?: (?:please|just|now|simply|also))*"
)
_END = (
    r"(?:hang(?:ing)? up|disconnect|(?:end|ending|stop|finish|close|terminate|quit|exit|conclude|leave|"
    rf"cut|drop|wrap up|wrap|break off) (?:(?:the|this|our|that) )?(?:{_TALK})(?: up)?"
    r"|(?:end|stop|finish|conclude|wrap|leave|close)(?: (?:it|this|things|that|talking|chatting|off|"
    r"up))*(?: (?:here|there|at that|now|on that note))"
    r"|(?:end|finish|wrap|leave) (?:it|this|things|talking)(?: up| off)?|(?:wrap|finish|end) up|"
    r"stop (?:talking|chatting|listening)(?: (?:to|with) (?:me|each other))?"
    r"|finish (?:for|off)|call it (?:a (?:day|night)|quits|an? (?:evening|end))|(?:say|"
    r"exchange) (?:our )?(?:goodbyes?|good night|goodnight|farewells?|bye)|part(?: ways)?|be done|adjourn"
    r"|(?:switch|turn|shut) (?:yourself )?(?:off|down)(?: yourself)?|"
    r"shut yourself down|go (?:back )?to sleep|leave me alone|go away|"
    r"leave me|get lost|let me go)"
)
_BARE_END = (
    r"(?:hang up|disconnect|quit|exit|end|(?:end|stop|finish|close|terminate|quit|exit|conclude|leave|"
    rf"cut) (?:the|this|our) {_TALK}|end {_TALK}|"
    r"stop (?:talking|listening)(?: to me)?|call it (?:a day|a night|quits)|wrap (?:it|this) up|"
    r"leave me alone|go away|"
    r"(?:switch|turn|shut) yourself (?:off|down)|shut down|go to sleep|end it here|stop here|"
    r"leave it (?:at that|there))"
)
_REASON = r"(?: (?:to|for|at|before|until|in) (?:my|the|a|an|our|work|bed|dinner|lunch|school|class)(?: \w+){0,3})?"
_PLACE = r"(?: (?:here|now|there|at that|for good|immediately|right away))*"

_TOGETHER = (
    r"(?:let us|(?:can|could|may|shall) we|we (?:can|should|could)|i (?:want|would like) to) (?:stop|finish|end)"
    rf"|(?:let us|we (?:can|could|will)) (?:continue|go on|resume|pick (?:this|it) up)(?: (?:this|it))?(?: {_WHEN})+"
)

_DISMISSED = r"you (?:can|may|are free to|could) (?:now |just )?(?:go|leave|rest|sleep|stop)"

_CORE = re.compile(
    rf"(?:{_FAREWELL}|{_DONE}|{_TOGETHER}|{_DISMISSED}|(?:{_MUST}) {_GO}|{_ASK} {_END}|{_BARE_END}){_PLACE}"
)
_STATES_DONE = re.compile(_DONE)
_LEFT = re.compile(r"i am (?:leaving|off|out|going|heading (?:out|off|home)|done|going to (?:bed|sleep))")
_NOT_DONE = re.compile(
    r"\b(?:not|never|do not|before (?:we|i|you|that)|one more|another (?:question|thing)|(?:but )?first|"
    r"wait|hold on|yet|except|unless|if|"
    r"when|until then|while|said|says|say(?:ing)? (?!goodbye$|good ?night$|bye$|farewell$)|called|titled|"
    r"song|film|movie|word|phrase|mean(?:s|ing)?|translate|spell|"
    r"also|be right back|hang on|just a (?:second|moment|minute)|more about)\b"
)
_QUESTION = re.compile(
    r"^(?:who|what|when|where|why|how|which|whose|is|are|am|was|were|do|does|did|can|could|would|will|"
    r"shall|should|have you|has|may|might)\b"
)
_STATEMENT = re.compile(
    r"^(?:i|it|my|the|that|this|we|you|there|she|he|they|our|someone|somebody|[a-z]+ (?:is|are|has|was)|"
    r"[a-z]+ [a-z]+ (?:is|are|has))\b"
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
    """The clauses of a text without the courtesy around them, each with the mark behind it."""
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
    return _STATEMENT.match(clause) is not None or _STATEMENT.match(bare) is not None
