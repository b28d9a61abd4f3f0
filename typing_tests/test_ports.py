"""Each leaf is assigned to its port: mypy is the test."""

from vivavoce.devices.bargein import BargeInDetector
from vivavoce.devices.host import Host
from vivavoce.devices.memory import MemoryMicrophone, MemorySpeaker
from vivavoce.devices.portaudio import PortAudio
from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.devices.wav import FileMicrophone, WavSpeaker
from vivavoce.live import Functions, Performer
from vivavoce.ports import Ear, Microphone, Screen, Speaker, Tape, Wire
from vivavoce.script import Script
from vivavoce.tape.recorder import Recorder
from vivavoce.terminal.commands import Ears, Mouth
from vivavoce.terminal.json_lines import JsonLines
from vivavoce.terminal.plain import PlainLines
from vivavoce.testing.ear import SpokenEar
from vivavoce.testing.portaudio import SimulatedPortAudio
from vivavoce.tools import Toolbox
from vivavoce.wire.offline import OfflineWire
from vivavoce.wire.websocket import WebSocketWire

MICROPHONES: list[type[Microphone]] = [MemoryMicrophone, QueuedMicrophone, FileMicrophone, SoundCardMicrophone]
SPEAKERS: list[type[Speaker]] = [MemorySpeaker, WavSpeaker, SoundCardSpeaker]
WIRES: list[type[Wire]] = [WebSocketWire, OfflineWire]
SCREENS: list[type[Screen]] = [JsonLines, PlainLines]
FUNCTIONS: list[type[Functions]] = [Toolbox]
PERFORMERS: list[type[Performer]] = [Script]
TAPES: list[type[Tape]] = [Recorder]
HOSTS: list[type[Host]] = [PortAudio, SimulatedPortAudio]
JUDGES: list[type[Ear]] = [BargeInDetector, SpokenEar]
EARS: list[type[Ears]] = [SoundCardMicrophone]
MOUTHS: list[type[Mouth]] = [SoundCardSpeaker]
