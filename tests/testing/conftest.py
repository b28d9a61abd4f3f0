from __future__ import annotations

from vivavoce.testing.fixtures import realtime_server, realtime_server_tls, realtime_tls

__all__ = ["realtime_server", "realtime_server_tls", "realtime_tls"]
