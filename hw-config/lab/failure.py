"""What the lab cannot do, told to the user: a message that names the thing and the fix."""


class Failure(Exception):
    """Ends a command of the lab. Its text is for the user; `code` is the exit code."""

    def __init__(self, text, code=1):
        super().__init__(text)
        self.code = code
