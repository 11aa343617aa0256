"""Whether a text is about deciding over people: whom to hire, lend to, admit, release or treat first."""

from __future__ import annotations

import re

_PERSON = re.compile(
    r"\b(?:job applicants?|applicants?|candidates?|borrowers?|inmates?|defendants?|offenders?|tenants?|claimants?"
    r"|patients?|résumés?|resumes?|curriculum vitae|loan applications?|credit scores?|parole|bail|asylum)\b",
    re.IGNORECASE,
)
_DECISION = re.compile(
    r"\b(?:hir(?:e|ed|ing)|recruit(?:ed|ing|ment)?|shortlist(?:ed)?|approv(?:e|ed|al)|reject(?:ed|ion)?"
    r"|den(?:y|ied|ial)|grant(?:ed)?|admit(?:ted)?|admission|eligib(?:le|ility)|recidivism|creditworth(?:y|iness)"
    r"|triage|prioriti[sz]e[d]?|screen(?:ed|ing))\b",
    re.IGNORECASE,
)


def about_people(text: str) -> bool:
    """Whether it names both somebody to be decided about and a decision."""
    return bool(_PERSON.search(text)) and bool(_DECISION.search(text))
