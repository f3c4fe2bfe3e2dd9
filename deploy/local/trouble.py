"""What stands in the way of the launcher."""


class Trouble(Exception):
    """Something that its user can put right. The text is one plain sentence that says what is wrong and what to do."""
