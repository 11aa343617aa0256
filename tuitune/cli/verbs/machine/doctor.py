"""`tuitune doctor`: what on this machine would keep a run from working, or with `--gpu` a first contact with a card."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import say, say_json, say_pairs


def arguments(parser: Parser) -> None:
    first_contact = "test a GPU in a few minutes and print a block to paste into a report"
    parser.add_argument("--gpu", nargs="?", const="auto", metavar="GPU", help=f"{first_contact}: a number or UUID")
    parser.take("--json")


def doctor(options: argparse.Namespace) -> int:
    """Look the machine over; exits 1 where something would keep a run from working."""
    from tuitune.cli.doctor.contact import contact
    from tuitune.cli.doctor.findings import examine

    if options.gpu is not None:
        return contact(options)
    findings = examine()
    bad = sum(finding.level == "error" for finding in findings)
    if options.json:
        say_json([asdict(finding) for finding in findings])
    else:
        say_pairs((f"{finding.level:<7} {finding.subject}", finding.message) for finding in findings)
        say("", f"{bad} of {len(findings)} checks failed" if bad else "this machine is ready")
    return Exit.FAILED if bad else Exit.DONE
