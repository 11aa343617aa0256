"""tuitune: a terminal workbench for fine-tuning language models."""

__version__ = "0.4.0"
