"""Pictures in a terminal: by the graphics protocol that it speaks, else as blocks of colour, else not at all."""

from typing import Annotated, Literal

import typer

Choice = Literal["auto", "kitty", "iterm", "sixel", "blocks", "none"]
Pictures = Annotated[
    Choice, typer.Option("--pictures", case_sensitive=False, help="How to show pictures in the terminal.")
]
