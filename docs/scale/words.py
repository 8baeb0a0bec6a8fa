"""Numbers in words, paragraphs and tables, as Markdown has them."""

from textwrap import fill


def count(value):
    """A count in words that can be read aloud: 154,000 or 3.4 million."""
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if value >= size * 0.9995:
            scaled = value / size
            digits = 0 if scaled >= 99.5 or abs(scaled - round(scaled)) < 0.005 else 1
            return f"{scaled:,.{digits}f} {word}"
    return f"{round(value, -3):,.0f}" if value >= 10_000 else f"{value:,.0f}"


def number(value):
    """Three digits are enough for what is estimated."""
    if value < 0.005:
        return "<0.01"
    if value >= 100 or (value >= 1 and abs(value - round(value)) < 0.005):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def dollars(value):
    return f"{round(value, -2):,.0f}" if value >= 10_000 else f"{value:,.0f}"


def duration(seconds):
    for size, word in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= size * 1.5:
            return f"{seconds / size:,.{0 if seconds / size >= 9.5 else 1}f} {word}"
    return f"{seconds:,.0f} seconds"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def prose(text):
    """A paragraph or an item of a list, wrapped as the rest of the documentation."""
    indent = "  " if text.startswith("- ") else ""
    return fill(text, 100, subsequent_indent=indent, break_long_words=False,
                break_on_hyphens=False) + "\n"
