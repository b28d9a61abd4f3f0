"""Viva Voce: talk with an AI model, over the Realtime API of OpenAI and Azure OpenAI, or offline.

`vivavoce.live.run` joins the parts of a talk; `vivavoce.session.session.Session` is its meaning, without any I/O.
"""

__version__ = "0.1.0"
