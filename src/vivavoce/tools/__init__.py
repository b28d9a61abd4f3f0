"""Functions the model may call."""

from vivavoce.tools.functions import Tool, Toolbox, load, tool

__all__ = ["Tool", "Toolbox", "load", "tool"]
