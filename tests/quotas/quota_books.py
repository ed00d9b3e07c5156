"""What the quota tests share: prices, who sets them, and the ledger read from its rows."""

from typing import Any

import asyncpg

from maquette.domain.principal import Principal

OPERATOR = Principal("operator", "usr_operator")
#: 0.10 dollars for each variant of the concept, a cent a second for the other two.
RATES = {
    "text_to_image": {"per_variant": 0.1, "seconds": 2.0, "gpu": True},
    "refine": {"per_second": 0.01, "seconds": 5.0},
    "export": {"per_attempt": 0.05},
}


class Books:
    """The ledger, read from its rows."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        connection = await asyncpg.connect(self._url)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def balance(self) -> dict[str, int]:
        """Micro-dollars by kind of entry."""
        rows = await self.rows("select kind, sum(micros)::bigint as micros from ledger group by kind")
        return {row["kind"]: row["micros"] for row in rows}
