"""The procedural painter behind ``text_to_image``: words become parts, parts become a shaded picture.

Reading order: ``vocabulary`` (words → brief), ``catalogue`` (nouns → subjects), ``subjects_*`` and ``figure*`` (subjects →
parts), ``canvas`` (parts → surface buffers), ``lighting`` (buffers → colours), ``picture`` (all of it in one call).
"""
