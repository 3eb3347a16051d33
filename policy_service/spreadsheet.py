"""Texts that a spreadsheet would run as a formula."""

FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")  # the wide ones, too: spreadsheets of Chinese and Japanese take them


def guard_formula(text: str) -> str:
    """A text that no spreadsheet takes for a formula: one that begins like a formula gets an apostrophe."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
