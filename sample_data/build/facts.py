"""What the bundled model can know: tables of everyday facts, written for this project and kept in `facts/`."""

from pathlib import Path

_FOLDER = Path(__file__).with_name("facts")


def _table(name: str) -> list[tuple[str, ...]]:
    """Read one row per line, with cells parted by " | "."""
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(" | ")) for line in lines]


ANIMALS = _table("animals")  # name, kind, food, home, sound, young
CAPITALS = _table("capitals")  # country, city
COLOURS = _table("colours")  # thing, colour
DEEDS = _table("deeds")  # what one does, what one did
DEFINITIONS = _table("definitions")  # thing, what it is
HOW_TO = _table("how_to")  # task, how it is done
JOBS = _table("jobs")  # person, what they do
OPPOSITES = _table("opposites")  # word, its opposite
REASONS = _table("reasons")  # question, answer
SMALL_TALK = _table("small_talk")  # what the user says, what the model answers; both hold choices
TOOLS = _table("tools")  # thing, what it is for
UNKNOWN = [question for (question,) in _table("unknown")]  # what a small model cannot know
KINDS = {kind: members.split(", ") for kind, members in _table("kinds")}  # kind of thing, some of them
NAMES = KINDS.pop("names")
DAYS = KINDS.pop("days")
MONTHS = KINDS.pop("months")
