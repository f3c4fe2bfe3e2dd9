"""What is generated into the documentation is what the code says today."""

from deploy import docs


def test_the_table_of_events_in_the_architecture_page_is_fresh() -> None:
    page = docs.PAGE.read_text()
    assert docs.BEGIN in page
    assert docs.with_table(page) == page, "`make docs` writes it again"


def test_the_table_names_every_event_and_who_listens() -> None:
    table = docs.event_table()
    assert "| ApplicationSubmitted | recruitment | services | notifications: tell it arrived |" in table
    assert "| CallOpened | recruitment | public | - |" in table
