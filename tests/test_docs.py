"""The pages under docs/ say what the code says; `make docs` writes them anew."""

from tests import pages


def test_limits_page_is_fresh() -> None:
    """docs/limits.md lists every bound of the code with its value."""
    assert pages.LIMITS.read_text() == pages.limits_page()


def test_every_bound_says_what_it_bounds() -> None:
    """Each row of docs/limits.md has words, from the comment at the constant."""
    assert [row for row in pages.rows() if row.endswith("|  |\n")] == []


def test_options_table_is_fresh() -> None:
    """docs/operations.md lists every option with its environment variable and default."""
    assert pages.OPERATIONS.read_text() == pages.operations_page()
