"""Sounds out of the archives of games, for bench/bargein_unheard.py: each becomes a file beside the archive, in a folder `x`.

Zips: 0 A.D. (`public.zip`), wheels. Groups of OpenClonk (`.ocg`): gzip whose first bytes are changed, a header of 204
bytes in disguise, entries of 316. Flight of the Amazon Queen (`queen.1c`): a table of names, places and lengths, then
MP3; what is said in a dialogue stands in its `.DOG`. Drascula (`N.ALS`): a header of 32 bytes, then 8 bits unsigned at
11,025 Hz. (Formats: engines/queen/resource.cpp, talk.cpp and engines/drascula/sound.cpp of ScummVM, src/c4group of
OpenClonk.)
"""

from __future__ import annotations

import re
import struct
import wave
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

_HEAD, _ENTRY = 204, 316
_GZIP = 31  # wbits: with a header of gzip
_COMMAND = re.compile(r"\*[A-Z0-9]{2}")


def unpack(there: Path) -> None:
    """All that is packed in the folder `there`, once."""
    if any(folder.is_dir() for folder in there.rglob("x")):
        return
    for pack in [*there.rglob("public.zip"), *there.rglob("*.whl")]:
        _unzip(pack)
    for pack in there.rglob("Sound.ocg"):
        _put(pack.parent / "x", _group(_plain(pack.read_bytes()), "Sound"))
    for pack in there.rglob("queen.1c"):
        _put(pack.parent / "x", _queen(pack.read_bytes()))
    for sound in there.rglob("*.ALS"):
        _as_wave(sound)


def _unzip(pack: Path) -> None:
    with zipfile.ZipFile(pack) as file:
        for name in file.namelist():
            if name.lower().endswith((".ogg", ".wav", ".mp3")) and "/music/" not in name:
                file.extract(name, pack.parent / "x")


def _put(folder: Path, files: Iterator[tuple[str, bytes]]) -> None:
    for name, data in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _as_wave(sound: Path) -> None:
    folder = sound.parent / "x"
    folder.mkdir(exist_ok=True)
    with wave.open(str(folder / f"{sound.stem}.wav"), "wb") as out:
        out.setparams((1, 1, 11_025, 0, "NONE", ""))
        out.writeframes(sound.read_bytes()[32:-32])


def _plain(group: bytes) -> bytes:
    return zlib.decompressobj(_GZIP).decompress(b"\x1f\x8b" + group[2:])


def _group(raw: bytes, path: str) -> Iterator[tuple[str, bytes]]:
    """The files of a group and of the groups in it."""
    head = bytearray(byte ^ 237 for byte in raw[:_HEAD])
    for at in range(0, _HEAD - 2, 3):
        head[at], head[at + 2] = head[at + 2], head[at]
    (count,) = struct.unpack_from("<i", head, 36)
    for entry in range(_HEAD, _HEAD + count * _ENTRY, _ENTRY):
        name = f"{path}/{raw[entry : entry + 260].split(bytes(1))[0].decode('latin-1')}"
        _, is_group, size, _, offset = struct.unpack_from("<5i", raw, entry + 260)
        begin = _HEAD + count * _ENTRY + offset
        data = raw[begin : begin + size]
        if is_group:
            yield from _group(_plain(data) if data[:2] in (b"\x1e\x8c", b"\x1f\x8b") else data, name)
        else:
            yield name, data


def _queen(pack: bytes) -> Iterator[tuple[str, bytes]]:
    """WHO/FILE~TEXT.mp3 of all dialogues, the text where it is known; Joe, whom one plays, answers in each."""
    (count,) = struct.unpack_from(">H", pack, 13)
    files: dict[str, bytes] = {}
    for at in range(15, 15 + 21 * count, 21):
        offset, size = struct.unpack_from(">II", pack, at + 13)
        files[pack[at : at + 12].split(bytes(1))[0].decode("latin-1")] = pack[offset : offset + size]
    for dialogue in [name for name in files if name.endswith(".DOG")]:
        who = re.sub(r"\d", "", dialogue[:-4])
        said = dict(_said(files, files[dialogue]))
        (talk,) = struct.unpack_from(">h", files[dialogue], 24)
        for name, sound in files.items():
            if fits := re.fullmatch(rf"{talk:02}.{{4}}([JP]).\.SB", name):
                words = re.sub(r"[^\w' -]", "", said.get(name, ""))[:60]
                yield f"queen/{who if fits[1] == 'P' else 'JOE'}/{name[:-3]}~{words}.mp3", sound


def _said(files: dict[str, bytes], dialogue: bytes) -> Iterator[tuple[str, str]]:
    """(file, text), where the parts of a sentence are as many as its files. Joe's sentences come before the other's."""
    levels, _, talk = struct.unpack_from(">3h", dialogue, 20)
    found: dict[int, list[str]] = {}
    for at in range(20 + (abs(levels) + 1) * 96, len(dialogue) - 5, 4):
        zero, number, length = struct.unpack_from(">HhB", dialogue, at)
        text = dialogue[at + 5 : at + 5 + length]
        if zero == 0 and length > 1 and not re.search(rb"[\x00-\x1f]", text):
            found.setdefault(number, []).append(text.decode("latin-1"))
    for number, texts in found.items():
        for side, words in (("J", texts[0] if len(texts) > 1 else ""), ("P", texts[-1])):
            own = sorted(name for name in files if re.fullmatch(rf"{talk:02}{number:04X}{side}.\.SB", name))
            parts = [part.strip() for part in _COMMAND.split(words) if part.strip()]
            if len(own) == len(parts):
                yield from zip(own, parts, strict=True)
