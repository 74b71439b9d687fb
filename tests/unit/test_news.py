"""When single files are looked at."""

from filterfleet.listener.core.news import News
from filterfleet.listener.core.settings import HINT_DELAY, LOOK_SHARE

SETTLE = 1.0  # seconds
NEVER = float("inf")


def look(news: News, now: float, *unsettled: str) -> frozenset[str]:
    assert news.wait(now) == 0
    paths = news.begin(now)
    news.end(paths, unsettled.__contains__, now)
    return paths


def test_nothing_is_looked_at_without_news() -> None:
    assert News(SETTLE, LOOK_SHARE, HINT_DELAY).wait(100.0) == NEVER


def test_a_burst_of_news_is_one_look() -> None:
    news = News(SETTLE, LOOK_SHARE, HINT_DELAY)
    news.add("a.jpg", 99.0)
    look(news, 99.0)
    for number in range(5):
        news.add("a.jpg", 100.0 + number / 100)
    news.add("b.jpg", 100.05)
    assert 0 < news.wait(100.05) <= HINT_DELAY
    assert look(news, 100.1) == {"a.jpg", "b.jpg"}
    assert news.wait(100.1) == NEVER


def test_what_is_unsettled_is_looked_at_again_until_it_is_settled() -> None:
    news = News(SETTLE, LOOK_SHARE, HINT_DELAY)
    news.add("a.jpg", 100.0)
    news.add("b.jpg", 100.0)
    look(news, 100.1, "a.jpg")
    assert news.wait(100.1) == SETTLE
    assert look(news, 101.1, "a.jpg") == {"a.jpg"}
    assert look(news, 102.1) == {"a.jpg"}
    assert news.wait(102.1) == NEVER


def test_news_during_a_look_is_looked_at_afterwards() -> None:
    news = News(SETTLE, LOOK_SHARE, HINT_DELAY)
    news.add("a.jpg", 100.0)
    paths = news.begin(100.1)
    news.add("a.jpg", 100.2)
    assert news.wait(100.2) == NEVER  # one at a time
    news.end(paths, lambda _: False, 100.2)
    assert 0 < news.wait(100.2) <= 10 * HINT_DELAY + 0.01
    assert look(news, 101.3) == {"a.jpg"}


def test_a_look_that_took_long_on_a_busy_machine_is_soon_followed_by_the_next() -> None:
    news = News(SETTLE, LOOK_SHARE, HINT_DELAY)
    news.add("a.jpg", 100.0)
    paths = news.begin(100.1)
    news.add("b.jpg", 100.2)
    news.end(paths, lambda _: False, 105.1)
    assert news.wait(105.1) <= 5.0
