"""The studio's one exception: an input that cannot be worked on."""

from maquette.worker.handler import Failed


class StudioInputError(Exception):
    """An input file or parameter is unusable. Handlers answer it with ``Failed`` of class ``invalid``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        """lower_snake_case and stable: ``mesh_has_no_faces``."""
        self.message = message
        """A sentence for people: what is wrong, where, what to do."""

    def failed(self) -> Failed:
        """Answer for the handler: trying again cannot help."""
        return Failed(code=self.code, message=self.message)
