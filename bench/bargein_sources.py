"""Sounds of people and things, from Debian packages, the project's recordings and synthesisers, for bench/bargein.py.

    python -m bench.bargein_sources [--to FOLDER]

(from the top of the project, as root or with apt's archive readable; needs the extra `offline`, `pip install scipy`, and
`apt-get install espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts festvox-italp16k
festvox-itapc16k festvox-suopuhe-lj festvox-suopuhe-mv festvox-ca-ona-hts`.)

Packages are downloaded and unpacked, not installed; nothing of them is in the repository. What each is used for and its
licence (see usr/share/doc/*/copyright in the folder):

    hedgewars-data            exclamations, "hmm", "uh-oh", laughs, coughs of some 14 people   GPL-2, GFDL
    fillets-ng-data-cs, -nl   dialogues of two actors each, Czech and Dutch                    GPL-2
    asterisk-core-sounds-*    telephone announcements: en, es, fr, it, ru (8 kHz)              CC-BY-SA-3.0
    klettres-data             vowels in 12 languages, as "ah", "oh"                            GPL-2
    ktuberling-data           words in 20 languages                                            GPL-2
    tuxpaint-stamps-default   what a picture shows, in 10 languages; animals, things           GPL-2 and others
    nexuiz-data               calls, taunts, cries of actors; weapons                          GPL-2
    openarena-data            the same                                                         GPL-2
    warzone2100-data          spoken reports; machines                                         GPL-2, CC
    warmux-data               cries; weapons                                                   GPL-2
    wesnoth-1.16-data         cries of people, elves, dwarves; animals; weapons                GPL-2, CC-BY-SA-4.0
    scratch                   coughs, sneezes, laughs; animals; doors, typing                  CC-BY-SA-2.0 and others
    bucklespring-data         a keyboard, key by key                                           GPL-2
    ardentryst                a narrator; cries of two people; magic, weapons                  GPL-2 and others
    btanks-, cube2-, frozen-bubble-, tuxpaint-, tuxtype-, supertux-, pingus-, lugaru-, teeworlds-data, pysiogame, kanagram,
    sonic-pi-samples, hydrogen-drumkits, libreoffice-common, lomiri-sounds, deepin-sound-theme, sound-theme-freedesktop,
    sound-icons, asterisk-moh-opsound-wav    noises, bells, drums, applause, music                            free, each its own
"""

from __future__ import annotations

import argparse
import hashlib
import math
import re
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from bench.bargein_synth import Sound, breath, cough, hum, laugh, residual
from scipy.signal import resample_poly
from tests.devices.acoustics import RECORDINGS, to_sound

from vivavoce.devices.wav import load
from vivavoce.errors import BadSettings
from vivavoce.pcm import RATE_HZ

FOLDER = Path(tempfile.gettempdir()) / "bargein-data"  # hundreds of megabytes that are no part of the project
_PACKAGES = (
    "hedgewars-data fillets-ng-data-cs fillets-ng-data-nl asterisk-core-sounds-en-wav asterisk-core-sounds-es-wav "
    "asterisk-core-sounds-fr-wav asterisk-core-sounds-it-wav asterisk-core-sounds-ru-wav klettres-data ktuberling-data "
    "tuxpaint-stamps-default nexuiz-data openarena-data warzone2100-data warmux-data wesnoth-1.16-data scratch "
    "bucklespring-data btanks-data frozen-bubble-data tuxpaint-data supertux-data pingus-data lugaru-data ardentryst "
    "sonic-pi-samples hydrogen-drumkits libreoffice-common lomiri-sounds deepin-sound-theme sound-theme-freedesktop "
    "sound-icons asterisk-moh-opsound-wav cube2-data tuxtype-data pysiogame kanagram"
)
PACKAGES = _PACKAGES.split()
SOUNDS = (".ogg", ".wav", ".oga", ".mp3", ".opus", ".flac", ".gsm")
CLASSES = ("speech", "backchannel", "agreement", "cough", "laugh", "vocal", "cry", "noise", "music")
TRAINING = ("train", "more", "further", "people")
"""`more` judged, until it had been looked at too often; `further` is made by bargein_unheard.py, as is `test`; no clip is of
`people`, whose scenes have those of the three before (bargein_scenes.py)."""
SPLITS = (*TRAINING, "dev", "test")
MOST_S = {"speech": 2.5, "music": 6.0}
PER_SPEAKER = 90


@dataclass(frozen=True, slots=True)
class Clip:
    """A sound from its first to its last audible moment.

    Attributes:
        kind: one of `CLASSES`.
        speaker: who or what; a speaker is in one split only.
        made: "real" recorded, "tts" by a synthesiser of speech, "dsp" computed here.
    """

    kind: str
    speaker: str
    made: str
    split: str
    name: str
    sound: Sound


@dataclass(frozen=True, slots=True)
class Rule:
    """Files whose path fits are of that kind; the speaker is made of the groups of the pattern."""

    pattern: re.Pattern[str]
    kind: str
    speaker: str


def _rule(pattern: str, kind: str, speaker: str) -> Rule:
    return Rule(re.compile(pattern), kind, speaker)


_HEDGE = r"hedgewars/Data/Sounds/voices/(\w+)/"
RULES = (  # the first that fits counts; "" leaves out
    _rule(_HEDGE + r"Uh-oh", "", ""),  # most say a phrase
    _rule(_HEDGE + r"Hmm\.", "backchannel", r"hedgewars-\1"),
    _rule(_HEDGE + r"PoisonCough", "cough", r"hedgewars-\1"),
    _rule(_HEDGE + r"Laugh", "laugh", r"hedgewars-\1"),
    _rule(_HEDGE + r"(?:Ooff|Ow|Ouch|PoisonMoan|Jump|Firepunch|Kamikaze|Flyaway|Nooo|Melon)", "", r"hedgewars-\1"),
    _rule(_HEDGE, "speech", r"hedgewars-\1"),
    _rule(r"fillets-ng/sound/.*(?:hmm|snorr|smich|smech)", "", ""),
    _rule(r"fillets-ng/sound/\w+/(cs|nl)/[\w]+-([mv])-", "speech", r"fillets-\1-\2"),
    _rule(r"asterisk/.*/(?:silence|beep|\w*tone|letters/\w\.|confbridge-(?:join|leave)\.)|tux-huh", "", ""),
    _rule(r"asterisk/sounds/(\w\w)", "speech", r"asterisk-\1"),
    _rule(
        r"klettres/(es|it|cs|hu|he|pt_BR|nb|ml|ru|uk|lt|tn)/alpha/(?:a|o|e|u|aa|oo|ae|ee)\.", "backchannel", r"lang-\1"
    ),
    _rule(r"klettres/", "", ""),  # a letter or a syllable is hardly an interruption
    _rule(r"ktuberling/sounds/.*laugh", "", ""),
    _rule(r"ktuberling/sounds/.*(?:snor|bell)", "", ""),
    _rule(r"ktuberling/sounds/([\w@]+)/", "speech", r"lang-\1"),
    _rule(r"tuxpaint/stamps/.*_desc_(\w+)\.", "speech", r"lang-\1"),
    _rule(r"tuxpaint/stamps/.*_desc\.", "speech", r"lang-en"),
    _rule(r"tuxpaint/stamps/symbols/math/\w+?_(\w+)\.", "speech", r"lang-\1"),
    _rule(r"tuxpaint/stamps/symbols/math/", "speech", "lang-en"),
    _rule(
        r"tuxpaint/stamps/(?:people|symbols)|dreydl|apollo_lander|/ghost|santahat|xing_", "", ""
    ),  # letters, single words
    _rule(
        r"nexuiz/.*sound/player/([\w-]+)/coms/|nexuiz/.*sound/player/(torus)/(?:attack|cover|flag|inc|let|need|tau|team|way)",
        "speech",
        r"nexuiz-\1\2",
    ),
    _rule(r"nexuiz/.*sound/player/([\w-]+)/(?:player/)?(?:gasp)", "vocal", r"nexuiz-\1"),
    _rule(r"nexuiz/.*sound/player/([\w-]+)/(?:player/)?(?:pain|jump)", "vocal", r"nexuiz-\1"),
    _rule(r"nexuiz/.*sound/(?:player|voices|misc)/", "", ""),
    _rule(r"nexuiz/.*sound/(announcer/male|tutorial)", "speech", "nexuiz-announcer"),
    _rule(r"nexuiz/.*sound/(?:announcer|ctf|cdtracks|onslaught|desertfactory/radio)", "", ""),
    _rule(r"openarena/.*sound/voices/(rott)/", "speech", r"openarena-\1"),
    _rule(r"openarena/.*sound/(?:voices|world/(?:new/)?(?:moan|growl|x_drown)|world/ambient/x_drown)", "", ""),
    _rule(r"openarena/.*sound/player/sarge/(?:pain|jump)", "vocal", "openarena-sarge"),
    _rule(r"openarena/.*sound/(?:player|feedback|teamplay|misc|taunts)", "", ""),
    _rule(r"warzone2100/.*audio/(?:tutorial|memressp|taunts|countdown|trnsppil|vtoltalk)", "", ""),
    _rule(
        r"warzone2100/.*(?:audio/(?:extra|multi|nexus|coltive|prox|radclick)|sfx/misc/(?:help|scream)|shut-?d|sequenceaudio|music)",
        "",
        "",
    ),
    _rule(r"warmux/.*voices/(?:injured|jump|backjump|superjump)", "vocal", "warmux"),
    _rule(r"warmux/.*(?:voices|music|suicide|sherif)", "", ""),
    _rule(r"wesnoth/.*sounds/(human|human-old|human-female|elf)-hit-\d", "vocal", r"wesnoth-\1"),
    _rule(r"wesnoth/.*sounds/(dwarf|witches)-laugh", "laugh", r"wesnoth-\1"),
    _rule(r"wesnoth/.*/(?:human|elf|dwarf|orc|ogre|troll|goblin|lich|mer|naga|ugg|groan|wail|zombie)", "", ""),
    _rule(r"wesnoth/.*music", "", ""),
    _rule(r"Human/(Cough-\w+)", "cough", r"scratch-\1"),
    _rule(r"Human/(Laugh-\w+)", "laugh", r"scratch-\1"),
    _rule(r"Human/(Sneeze-\w+)", "vocal", r"scratch-\1"),
    _rule(r"Human/(?:FingerSnap|Footsteps|Slurp)", "noise", "scratch"),
    _rule(r"Human/|Vocals/|BeatBox|Beatbox", "", ""),
    _rule(r"scratch/.*Music Loops", "music", "scratch"),
    _rule(r"btanks/.*(laugh\d+)", "laugh", r"btanks-\1"),
    _rule(r"btanks/.*(?:deadman|scream|zombie|ambient|tunes)", "", ""),
    _rule(r"tuxpaint/sounds/giggle", "laugh", "tuxpaint-giggle"),
    _rule(r"tuxpaint/sounds/(?:areyou|tuxok|youcannot|prompt)", "", ""),
    _rule(r"frozen-bubble/.*(?:zik|newroot_solo|hurry|noh)", "", ""),
    _rule(r"supertux2/(?:speech|music)|supertux2/sounds/(?:excellent|welldone|grunts|yeti|hurt)", "", ""),
    _rule(r"asterisk/moh", "music", "moh"),
    _rule(r"lomiri/ringtones", "music", "lomiri"),
    _rule(r"ardentryst/.*VOI_", "speech", "ardentryst"),
    _rule(r"ardentryst/.*(NYX|PYR)_(?:JUMP|PAIN)", "vocal", r"ardentryst-\1"),
    _rule(r"ardentryst/.*(?:[Mm]usic|[Vv]oice|AMB_|Monster)", "", ""),
    _rule(r"cube2/.*aard/(?:grunt|pain)", "vocal", "cube2-aard"),
    _rule(r"cube2/.*(?:0ad/death|aard/die)", "", ""),
    _rule(r"freedesktop/.*audio-(?:channel|test)", "speech", "freedesktop"),
    _rule(r"tuxtype/.*(?:excuseme|cheer|winfinal|tuxi|chiptune)|sounds/romans", "", ""),
    _rule(r"sonic-pi/samples/(?:vinyl|loop|ambi|bass_voxy|misc_crow|misc_burp)", "", ""),
    _rule(r"lugaru/.*(?:[Mm]usic|die|hit|jump|Rabbit)", "", ""),
    _rule(r"pingus/.*(?:ohno|letsgo|yipee|chink|goodidea|music)", "", ""),
    _rule(r"buckle/wav", "noise", "keyboard"),
    _rule(
        r"(?:wesnoth|scratch|btanks|tuxpaint|frozen|supertux|pingus|lugaru|ardentryst|sonic|hydrogen|libreoffice|lomiri|"
        r"deepin|freedesktop|sounds|warmux|nexuiz|openarena|warzone)",
        "noise",
        "noise",
    ),
)

MORE_LANGUAGES = {"nl", "nb", "nn", "pt", "pt_BR", "ml", "nds", "en_GB", "gl", "sl", "ro", "el", "it"}
DEV_LANGUAGES = {"lt", "hu", "wa", "sv", "tn"}
PLACED = {
    **{f"hedgewars-{name}": "more" for name in ("British", "Pirate", "Default_es", "Russian", "Mobster", "HillBilly")},
    **{f"hedgewars-{name}": "dev" for name in ("Surfer", "Default_uk", "Singer")},
    **{f"hedgewars-{name}": "train" for name in ("Default", "Classic", "Default_pl", "Russian_pl", "Default_ru", "Robot")},
    "fillets-cs-m": "train", "fillets-cs-v": "train", "fillets-nl-m": "more", "fillets-nl-v": "more",
    "asterisk-en": "train", "asterisk-fr": "train", "asterisk-es": "dev", "asterisk-it": "more", "asterisk-ru": "more",
    "nexuiz-torus": "more", "nexuiz-marine": "more", "nexuiz-fricka": "dev", "nexuiz-announcer": "train",
    "openarena-sarge": "more", "wesnoth-human-female": "more", "wesnoth-human-old": "dev", "wesnoth-human": "train",
    "scratch-Cough-male": "more", "scratch-Cough-female": "train", "scratch-Sneeze-female": "more",
    "scratch-Sneeze-male": "train", "scratch-Laugh-male1": "more", "scratch-Laugh-male2": "dev",
    "scratch-Laugh-male3": "more", "scratch-Laugh-female": "train", "btanks-laugh01": "train", "btanks-laugh02": "train",
    "tuxpaint-giggle": "dev", "wesnoth-dwarf": "more", "wesnoth-witches": "train", "warmux": "train",
    "recordings": "more", "questions": "more", "hibari": "more", "flite-rms": "more", "flite-slt": "train",
    "flite-awb": "dev", "flite-kal16": "train", "flite-kal": "train", "festival-ked_diphone": "more",
    "festival-kal_diphone": "train", "festival-cmu_us_slt_arctic_hts": "train",
}  # fmt: skip


def _drawn(name: str) -> str:
    """train 7, dev 1, more 2 in 10, by name."""
    return (("train",) * 7 + ("dev",) + ("more",) * 2)[hashlib.md5(name.encode()).digest()[0] % 10]  # noqa: S324


def split_of(speaker: str, name: str) -> str:
    """By speaker; noises by their name without its number."""
    if speaker.startswith("lang-"):
        language = speaker[5:]
        return "more" if language in MORE_LANGUAGES else "dev" if language in DEV_LANGUAGES else "train"
    if speaker in PLACED:
        return PLACED[speaker]
    return _drawn(
        re.sub(r"[\d_-]+", "", name)
        if speaker in ("noise", "scratch", "moh", "lomiri")
        else speaker + (name if speaker == "keyboard" else "")
    )


def fetch(folder: Path, packages: Sequence[str] = PACKAGES) -> None:
    """The packages, unpacked into `folder`/un/NAME."""
    archive = folder / "deb"
    archive.mkdir(parents=True, exist_ok=True)
    for package in packages:
        there = folder / "un" / package
        if there.is_dir():
            continue
        subprocess.run(["apt-get", "download", "-q", package], cwd=archive, check=True)  # noqa: S603, S607
        there.mkdir(parents=True)
        deb = next(iter(archive.glob(f"{package}_*.deb")))
        subprocess.run(["dpkg-deb", "-x", str(deb), str(there)], check=True)  # noqa: S603, S607
        for pack in [*there.rglob("*.pk3"), *there.rglob("*.wz")]:
            wanted = [f"*{ending}" for ending in SOUNDS]
            subprocess.run(["unzip", "-qo", str(pack), *wanted, "-d", str(pack.parent / "x")], check=False)  # noqa: S603, S607


def trimmed(sound: Sound, most_s: float, below_db: float = 35.0) -> Sound | None:
    """From the first to the last 10 ms that are less than `below_db` under the loudest; None when there is nothing."""
    frames = sound[: len(sound) // 240 * 240].reshape(-1, 240)
    power = (frames**2).mean(axis=1) if len(frames) else np.zeros(0)
    if len(power) < 3 or power.max() < 1e-6:
        return None
    loud = np.flatnonzero(power > power.max() * 10 ** (-below_db / 10))
    cut = sound[loud[0] * 240 : (loud[-1] + 1) * 240][: round(most_s * RATE_HZ)]
    return np.asarray(cut * (0.5 / np.abs(cut).max()))


def beginning(path: Path, most_s: float = 12.0) -> Sound:
    """The first seconds of a file, at our rate."""
    how = {"samplerate": 8000, "channels": 1, "format": "RAW", "subtype": "GSM610"} if path.suffix == ".gsm" else {}
    with soundfile.SoundFile(path, **how) as file:
        sound = file.read(round(most_s * file.samplerate), dtype="float64", always_2d=True).mean(axis=1)
        rate = int(file.samplerate)
    common = math.gcd(rate, RATE_HZ)
    return np.asarray(
        resample_poly(np.pad(sound, (0, 64)), RATE_HZ // common, rate // common)[: len(sound) * RATE_HZ // rate]
    )


def real(
    folder: Path,
    packages: Sequence[str] = PACKAGES,
    rules: Sequence[Rule] = RULES,
    split: Callable[[str, str], str] = split_of,
) -> Iterator[Clip]:
    """What is recorded, each sound once, at most some of each speaker; `split` by speaker and name."""
    random = np.random.default_rng(7)
    seen: set[bytes] = set()
    count: dict[tuple[str, str], int] = {}
    paths = [p for package in sorted(packages) for p in sorted((folder / "un" / package).rglob("*"))]
    paths = [p for p in paths if p.suffix.lower() in SOUNDS and p.is_file()]
    random.shuffle(paths)
    for path in paths:
        name = str(path.relative_to(folder / "un"))
        for one in rules:
            if (fits := one.pattern.search(name)) is not None:
                break
        else:
            continue
        if not one.kind:
            continue
        speaker = fits.expand(one.speaker)
        most = {"noise": 1500, "music": 60}.get(one.kind, PER_SPEAKER)
        if count.get((speaker, one.kind), 0) >= most:
            continue
        digest = hashlib.md5(path.read_bytes()).digest()  # noqa: S324
        if digest in seen:
            continue
        seen.add(digest)
        try:
            sound = trimmed(beginning(path), MOST_S.get(one.kind, 3.0))
        except soundfile.LibsndfileError:
            continue
        if sound is None or (one.kind == "speech" and len(sound) < 0.15 * RATE_HZ):
            continue
        count[speaker, one.kind] = count.get((speaker, one.kind), 0) + 1
        yield Clip(one.kind, speaker, "real", split(speaker, path.stem), name, sound)


def recorded_here() -> Iterator[Clip]:
    """The project's recordings, cut at pauses; the Piper voice of the questions."""
    for path in sorted(RECORDINGS.glob("*.wav")):
        if path.stem.startswith(("rir", "noise")):
            continue
        for n, sound in enumerate(phrases(to_sound(load(path)))):
            yield Clip("speech", "recordings", "real", "more", f"{path.stem}#{n}", sound)
    for path in sorted((RECORDINGS / "questions").glob("*.wav")):
        sound_or_none = trimmed(to_sound(load(path)), 2.5)
        if sound_or_none is not None:
            yield Clip("speech", "questions", "tts", "more", path.stem, sound_or_none)


def phrases(sound: Sound) -> Iterator[Sound]:
    """What lies between pauses of 150 ms."""
    frames = sound[: len(sound) // 240 * 240].reshape(-1, 240)
    power = (frames**2).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10**-3.0)
    for part in np.split(loud, np.flatnonzero(np.diff(loud) > 15) + 1):
        cut = trimmed(sound[part[0] * 240 : (part[-1] + 1) * 240], 2.5)
        if cut is not None and len(cut) > 0.3 * RATE_HZ:
            yield cut


INTERRUPTIONS = {
    "en": "stop|no|wait|hey|hold on|sorry, what?|excuse me|actually|hang on a second|but what about tomorrow?|no no no|"
    "stop talking|can I ask something?|that's not what I meant|let me think|listen|what do you mean?|one moment please|"
    "I have a question|never mind|next|cancel|how much is it?|please be quiet|go back|why?|I wanted to say something|"
    "umm can you stop|well, I think that is wrong|who said that?|again please|louder|enough|mister, hold it|only the first one|"
    "my name is Anna|all I need is the address|under no condition|everything is wrong|or maybe later|in English please",
    "de": "stopp|nein|warte|moment mal|entschuldigung|was meinst du?|halt|hör auf|eine frage|aber ich wollte etwas anderes|"
    "und morgen?|lauter bitte|nicht so schnell|also das stimmt nicht|wie bitte?",
    "fr": "stop|non|attends|excusez-moi|pardon|mais qu'est-ce que c'est?|arrête|une question|pas comme ça|un moment|"
    "je voulais dire autre chose|et demain?|moins vite|écoute",
    "es": "para|no|espera|perdona|un momento|pero qué dices?|tengo una pregunta|más despacio|no era eso|y mañana?|escucha|basta",
    "it": "ferma|no|aspetta|scusa|un momento|ma cosa dici?|ho una domanda|più piano|non era quello|e domani?|senti|basta",
    "ru": "стоп|нет|подожди|извините|минуту|что ты имеешь в виду?|у меня вопрос|не так быстро|хватит|а завтра?|послушай",  # noqa: RUF001
    "pl": "stop|nie|czekaj|przepraszam|chwileczkę|co masz na myśli?|mam pytanie|dość|a jutro?|posłuchaj",
    "nl": "stop|nee|wacht even|sorry, wat?|maar ik bedoelde iets anders|een vraag|niet zo snel|luister|en morgen?|hou op",
    "sv": "stopp|nej|vänta|ursäkta|ett ögonblick|vad menar du?|en fråga|lyssna|sluta|och imorgon?",
    "tr": "dur|hayır|bekle|pardon|bir dakika|ne demek istiyorsun?|bir sorum var|yeter|dinle",  # noqa: RUF001
    "cmn": "停|不对|等一下|对不起|你说什么|我有一个问题|够了|听我说",
    "hi": "रुको|नहीं|सुनो|एक मिनट|माफ़ कीजिए|मेरा एक सवाल है|बस",
}
AGREEMENTS = (
    "yeah",
    "okay",
    "right",
    "yes",
    "sure",
    "yep",
    "I see",
    "of course",
    "good",
    "great",
    "really?",
    "exactly",
)
HUMS = (
    "m:hm:", "m:h'm:", "mm", "m:", "hm", "hm:", "h@m", "@h@", "@h'@", "V~h'V~", "A:", "a:", "o:", "@:", "@:m", "m'm:",
    "m::", "hm::", "A:h", "'A:hA:", "n:h'n:", "@m", "u:", "e:", "aha:", "'oU",
)  # fmt: skip
_VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 klatt klatt2 klatt3 klatt4 klatt5 klatt6 grandma grandpa Alex Alicia Andrea Andy "
    "Annie adam aunty belinda benjamin boris caleb david ed edward Gene Hugo iven Jacky john linda marcelo Mario max Michael "
    "Mike pablo paul quincy rob sandro shelby steph travis victor zac croak"
)
VARIANTS = _VARIANTS.split()


def run(command: list[str], given: str | None, out: Path, encoding: str = "utf-8") -> Sound | None:
    """What a synthesiser wrote into `out`, trimmed; None where it did not."""
    out.unlink(missing_ok=True)
    subprocess.run(command, input=given, encoding=encoding, check=False, capture_output=True, timeout=60)  # noqa: S603
    if not out.is_file():
        return None
    try:
        with wave.open(str(out)) as _:
            pass
        return trimmed(to_sound(load(out)), 2.5)
    except (BadSettings, wave.Error, EOFError):
        return None


def espoken(folder: Path) -> Iterator[Clip]:
    """espeak-ng, a variant is a speaker."""
    random = np.random.default_rng(11)
    out = folder / "one.wav"
    for variant in VARIANTS:
        split = _drawn(variant)
        jobs = [
            ("speech", lang, text)
            for lang in INTERRUPTIONS
            for text in random.permutation(INTERRUPTIONS[lang].split("|"))[: 10 if lang == "en" else 2]
        ]
        jobs += [("backchannel", "en", f"[[{text}]]") for text in random.permutation(HUMS)[:14]]
        jobs += [("agreement", "en", text) for text in random.permutation(AGREEMENTS)[:3]]
        for kind, lang, text in jobs:
            pitch, speed = random.integers(20, 85), random.integers(130, 230)
            sound = run(
                ["espeak-ng", "-v", f"{lang}+{variant}", "-p", str(pitch), "-s", str(speed), "-w", str(out), text],
                None,
                out,
            )
            if sound is not None and len(sound) > 0.08 * RATE_HZ:
                yield Clip(kind, f"espeak-{variant}", "tts", split, f"{lang}:{text}", sound)


def fespoken(folder: Path) -> Iterator[Clip]:
    """flite and festival."""
    out = folder / "one.wav"
    texts = [*INTERRUPTIONS["en"].split("|")]
    for voice in ("kal16", "awb", "rms", "slt"):
        for kind, text in [("speech", t) for t in texts] + [("agreement", t) for t in AGREEMENTS]:
            sound = run(["flite", "-voice", voice, "-t", text, "-o", str(out)], None, out)
            if sound is not None:
                yield Clip(kind, f"flite-{voice}", "tts", PLACED[f"flite-{voice}"], text, sound)
    for voice in ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts"):
        for kind, text in [("speech", t) for t in texts[::2]] + [("agreement", t) for t in AGREEMENTS[::3]]:
            sound = run(["text2wave", "-eval", f"(voice_{voice})", "-o", str(out)], text, out)
            if sound is not None:
                yield Clip(kind, f"festival-{voice}", "tts", PLACED[f"festival-{voice}"], text, sound)


def hibari_spoken() -> Iterator[Clip]:
    """The voice of the offline engine, as a person: in none of the others."""
    from hibari import Hibari  # noqa: PLC0415  the extra `offline`

    voice = Hibari()
    spoken = [("speech", t) for t in INTERRUPTIONS["en"].split("|")] + [("agreement", t) for t in AGREEMENTS]
    spoken += [("backchannel", t) for t in ("mm-hmm.", "mm.", "hmm.", "uh-huh.", "ah.", "oh.", "mhm.", "aha.")]
    for kind, text in spoken:
        for n, speed in enumerate((0.9, 1.1)):
            sound = trimmed(np.asarray(voice(text, speed=speed, seed=n), np.float64), 2.5)
            if sound is not None:
                yield Clip(kind, "hibari", "tts", "more", text, sound)


def computed(clips: list[Clip]) -> Iterator[Clip]:
    """Hums with the glottal source of real voices; and coughs, laughs, breaths, bursts of noise made of nothing.

    What is made of nothing is for training only: a test by the same formula would prove nothing.
    """
    random = np.random.default_rng(13)
    yield from of_voices(random, clips)
    makers: tuple[tuple[str, Callable[[], Sound], int], ...] = (
        ("backchannel", lambda: hum(random, None), 500),
        ("cough", lambda: cough(random), 350),
        ("laugh", lambda: laugh(random), 300),
        ("vocal", lambda: breath(random), 250),
    )
    for kind, make, times in makers:
        for n in range(times):
            sound = trimmed(make(), 3.0)
            if sound is not None:
                yield Clip(kind, f"computed-{kind}", "dsp", "train" if n % 10 else "dev", f"{kind} {n}", sound)


def of_voices(random: np.random.Generator, clips: list[Clip], most: int = 12) -> Iterator[Clip]:
    """Three hums of each of at most `most` phrases of each real voice."""
    speakers: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.kind == "speech" and clip.made == "real":
            speakers.setdefault(clip.speaker, []).append(clip)
    for speaker, own in speakers.items():
        made = 0
        for index in random.permutation(len(own)):
            source = residual(own[index].sound)
            if source is None:
                continue
            for _ in range(3):
                sound = trimmed(hum(random, source), 3.0)
                if sound is not None:
                    yield Clip("backchannel", speaker, "dsp", own[0].split, f"hum of {own[index].name}", sound)
            made += 1
            if made == most:
                break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=FOLDER)
    folder = parser.parse_args().to
    fetch(folder)
    clips = [*real(folder), *recorded_here(), *espoken(folder), *fespoken(folder), *hibari_spoken()]
    clips += list(computed(clips))
    keep(folder, clips)
    table(clips)


def keep(folder: Path, clips: list[Clip]) -> None:
    """All in one file, 16 bit."""
    np.savez(
        folder / "new.npz",
        sound=np.concatenate([np.rint(c.sound * 32767).astype(np.int16) for c in clips]),
        lengths=np.array([len(c.sound) for c in clips]),
        words=np.array([[c.kind, c.speaker, c.made, c.split, c.name] for c in clips]),
    )
    (folder / "new.npz").replace(folder / "clips.npz")


def kept(folder: Path = FOLDER) -> list[Clip]:
    """What `keep` kept."""
    with np.load(folder / "clips.npz") as file:
        sound, lengths, words = file["sound"], file["lengths"], file["words"]
    ends = np.cumsum(lengths)
    return [
        Clip(str(kind), str(speaker), str(made), str(split), str(name), sound[end - length : end] / 32767)
        for (kind, speaker, made, split, name), end, length in zip(words, ends, lengths, strict=True)
    ]


def table(clips: list[Clip]) -> None:
    """How many of each, and of how many speakers."""
    for kind in CLASSES:
        for made in ("real", "tts", "dsp"):
            for split in SPLITS:
                those = [c for c in clips if (c.kind, c.made, c.split) == (kind, made, split)]
                if those:
                    print(f"{kind:12} {made:5} {split:6} {len(those):5} of {len({c.speaker for c in those})}")


if __name__ == "__main__":
    main()
