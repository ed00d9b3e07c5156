"""Pages of lists, newest first: each goes on below the last id of the page before."""

from uuid import UUID

#: Where a list begins. The statements compare with it plainly: behind a tenant's policy PostgreSQL takes ``coalesce`` and
#: sub-selects for what might tell something of a row, looks at them after the policy, row by row from the newest on, and
#: the thousandth page read 50,000 rows.
NEWEST = UUID(int=2**128 - 1)
