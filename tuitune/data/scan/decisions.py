"""Whether a text is about deciding over people: whom to hire, lend to, admit, release or treat first."""

from __future__ import annotations

_PEOPLE = (
    "applicant",
    "candidate",
    "borrower",
    "loan application",
    "credit score",
    "inmate",
    "defendant",
    "offender",
    "parole",
    "asylum",
    "tenant",
    "claimant",
    "patient",
    "résumé",
    "curriculum vitae",
)
_DECISIONS = (
    " hire",
    "hiring",
    "recruit",
    "shortlist",
    "approve",
    "approval",
    "reject",
    "deny",
    "denied",
    "denial",
    " grant",
    "admit",
    "admission",
    "eligib",
    "recidivism",
    "creditworth",
    "triage",
    "prioriti",
    "screening",
)


def about_people(text: str) -> bool:
    """Whether it names, in English, both somebody to be decided about and a decision."""
    lower = text.lower()
    return any(word in lower for word in _PEOPLE) and any(word in lower for word in _DECISIONS)
