"""How fast Maquette is, measured: ``make bench``. What is measured and how to read it: docs/PERFORMANCE.md.

A **section** is a module here with two names, and its own name stands in ``sections.NAMES``:

    TITLE = "POST /jobs"

    def measured(run: Run) -> list[Row]:
        with Installation(run.folder, profile=run.profile) as house: ...
        return [limited("POST /jobs, 64 clients: p99 over p50", "times", ratios, at_most=4)]

It starts what it measures itself, inside ``run.folder`` (which is its own and gone afterwards), and stops it.
``run.sized(full, small)`` chooses how much to do: ``full`` for the figures, ``small`` so that ``tests/bench`` can run it.
``Skipped("why")`` leaves the whole section out, ``skipped(name, unit, why)`` is a row that could not be had; both are
shown. Any other error is shown as the section's own and the others go on, but the command fails.

Every figure of a row is a number or the list of what each round gave: the row keeps their median, and the least and
the greatest as ``spread``. `rounds.interleaved` runs alternatives ABAB, since two figures that were not taken in turns
say little on a machine that others use too.
"""
