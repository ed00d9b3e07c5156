"""How fast the durable path is: ``make bench``. What is measured and how to read it: docs/PERFORMANCE.md."""
