"""`tuitune completion`: what makes a shell complete commands, settings and runs, by argcomplete."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import say


def arguments(parser: Parser) -> None:
    parser.add_argument(
        "shell",
        choices=("bash", "zsh", "fish"),
        help='bash and zsh: eval "$(tuitune completion bash)" in .bashrc or .zshrc; fish: write it to '
        "~/.config/fish/completions/tuitune.fish",
    )


def completion(options: argparse.Namespace) -> int:
    import argcomplete

    say(argcomplete.shellcode(["tuitune"], shell=options.shell).rstrip())
    return Exit.DONE
