"""The built-in moderator: terms and patterns of the policies in force. Judges texts; of images it says nothing."""

from collections.abc import Sequence

from maquette.domain import safety
from maquette.domain.moderation import InForce, Objection, Subject


class RulesModerator:
    """Pure but for its shape: it never waits and never fails."""

    name = "rules"
    state = "closed"

    async def judge(self, subjects: Sequence[Subject], policy: InForce) -> Sequence[Sequence[Objection]]:
        """Return what the rules object to in each subject; what runs over several stands with the first."""
        objections: list[list[Objection]] = [[] for _ in subjects]
        for item in safety.judge(
            policy.rules, [safety.Text(subject.text, subject.avoided) for subject in subjects]
        ):
            if item.answer != "allow":
                where = subjects[item.text].where
                objections[item.text].append(
                    Objection(item.category, item.answer, where, item.rule, item.source, item.span, item.view)
                )
        return objections
