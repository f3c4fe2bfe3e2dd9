"""What people are told says what happened, in both languages and in Korean time."""

from datetime import UTC, datetime

from services.notifications.domain import messages
from shared.contracts.base import Words

TITLE = Words(ko="온새미길 시민참여단 모집", en="Call for the Onsaemi citizens' panel")
LATE_ON_SUNDAY = datetime(2026, 3, 8, 15, 30, tzinfo=UTC)


def test_the_receipt_says_number_and_date_in_the_programmes_words() -> None:
    message = messages.application_received("GJS7-NAVF", datetime(2026, 3, 9, tzinfo=UTC))
    assert message.ko == "신청이 접수되었습니다. 접수번호 GJS7-NAVF. 결과는 2026년 3월 9일까지 알려 드립니다."
    assert message.en == "Your application GJS7-NAVF has been received. Result by 9 March 2026."


def test_a_day_is_a_day_in_korea() -> None:
    message = messages.application_received("GJS7-NAVF", LATE_ON_SUNDAY)
    assert "3월 9일" in message.ko
    assert "9 March" in message.en


def test_a_withdrawal_says_why_and_the_way_back() -> None:
    message = messages.application_withdrawn("GJS7-NAVF", TITLE, LATE_ON_SUNDAY)
    assert "본인 요청" in message.ko
    assert "2026년 3월 9일 00:30까지 다시 신청" in message.ko
    assert "as you asked" in message.en
    assert "until 9 March 2026, 00:30 (KST)" in message.en
    assert "Onsaemi" in message.en


def test_a_withdrawal_after_closing_says_whom_to_tell() -> None:
    message = messages.application_withdrawn("GJS7-NAVF", TITLE, None)
    assert "운영 담당자" in message.ko
    assert "tell the organisers" in message.en


def test_a_missing_english_title_falls_back_to_korean() -> None:
    message = messages.application_withdrawn("GJS7-NAVF", Words(ko="주민 모집"), None)
    assert "“주민 모집”" in message.en
