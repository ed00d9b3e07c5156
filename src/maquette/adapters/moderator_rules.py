"""The built-in moderator: terms and patterns of the policies in force. Judges texts; of images it says nothing."""

import asyncio
from collections.abc import Sequence

from maquette.domain import safety
from maquette.domain.moderation import InForce, Objection, Subject
from maquette.domain.safety import Compiled, Finding, Text

#: Names of files and bones come again with every job: the second time they cost a look-up instead of 50 µs.
_KNOWN_MAX = 4096
_KNOWN_LENGTH_MAX = 4000
#: About 20 ms of matching. What is longer (a worker may say 256 KiB) is read beside the event loop.
_AT_ONCE_MAX = 16_000

Texts = tuple[Text, ...]


class RulesModerator:
    """Never fails, and waits only for its own reading of long texts."""

    name = "rules"
    state = "closed"

    def __init__(self) -> None:
        self._known: dict[tuple[int, Texts], tuple[Compiled, list[Finding]]] = {}

    async def judge(self, subjects: Sequence[Subject], policy: InForce) -> Sequence[Sequence[Objection]]:
        """Return what the rules object to in each subject; what runs over several stands with the first."""
        texts = tuple(Text(subject.text, subject.avoided) for subject in subjects)
        objections: list[list[Objection]] = [[] for _ in subjects]
        for item in await self._found(policy.rules, texts):
            if item.answer != "allow":
                where = subjects[item.text].where
                objections[item.text].append(
                    Objection(item.category, item.answer, where, item.rule, item.source, item.span, item.view)
                )
        return objections

    async def _found(self, rules: Compiled, texts: Texts) -> list[Finding]:
        length = sum(len(item.text) for item in texts)
        if length > _AT_ONCE_MAX:
            return await asyncio.to_thread(safety.judge, rules, texts)
        if length > _KNOWN_LENGTH_MAX:
            return safety.judge(rules, texts)
        key = (id(rules), texts)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            # The rules are kept with what they found: no others can have their id meanwhile.
            known = self._known[key] = (rules, safety.judge(rules, texts))
        return known[1]
