"""The built-in moderator: terms and patterns of the policies in force. Judges texts; of images it says nothing."""

from collections.abc import Sequence

from maquette.domain import safety
from maquette.domain.moderation import InForce, Objection, Subject


class RulesModerator:
    """Pure but for its shape: it never waits and never fails."""

    name = "rules"
    state = "closed"

    async def judge(self, subjects: Sequence[Subject], policy: InForce) -> Sequence[Sequence[Objection]]:  # noqa: ARG002
        """Return what the rules object to in each subject."""
        return [
            [
                Objection(item.category, "block", subject.where, item.term, "floor")
                for item in safety.judge(subject.text)
            ]
            for subject in subjects
        ]
