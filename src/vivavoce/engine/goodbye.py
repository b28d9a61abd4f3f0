"""Does somebody want to finish the conversation? A deterministic rule, asked before the language model.

The words are cut into clauses. A clause may say farewell ("see you later"), say that all is done ("that's everything"),
announce leaving ("I have to go"), or ask for the end ("please hang up"). Around that core only courtesy may stand: a clause
that says more ("say goodbye to my money", "I have to go to the dentist") is about something else. A question, a negation, a
quotation or another request in the same breath means that the conversation goes on.

The core is English: the engine's voice speaks nothing else.
"""

from __future__ import annotations

import re

FINISH = "user_wants_to_finish_conversation"

_LONGEST_WORDS = 40  # nobody takes leave at greater length without a clause of plain farewell at the end
