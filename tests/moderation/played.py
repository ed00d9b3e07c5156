"""A moderator that a test tells what to object to, by words; it stands for rules, or for one outside."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from house import House

from maquette.domain.moderation import InForce, Objection, Subject
from maquette.domain.principal import Principal
from maquette.domain.ruling import Answer
from maquette.ports import ModeratorAway

OPERATOR = Principal("operator", "usr_operator")


@dataclass
class Played:
    """Objects to words, and to images by their bytes; says nothing while it is ``away``."""

    words: dict[str, Answer] = field(default_factory=lambda: {"maybe": "hold", "never": "block"})
    source: str = "project"
    name: str = "rules"
    state: str = "closed"
    away: str = ""
    asked: list[list[Subject]] = field(default_factory=list)

    async def judge(self, subjects: Sequence[Subject], policy: InForce) -> Sequence[Sequence[Objection]]:
        self.asked.append(list(subjects))
        if self.away:
            raise ModeratorAway(self.away, f"It is {self.away}.")
        return [
            [
                Objection("weapons", answer, item.where, word, self.source, (0, len(word)))
                for word, answer in self.words.items()
                if word in item.text or word.encode() in item.image
            ]
            for item in subjects
        ]


def play(house: House, **more: str) -> Played:
    """Let a played moderator judge in place of the rules."""
    house.deps.moderation.rules = played = Played(**more)
    return played
