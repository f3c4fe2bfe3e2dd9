"""What people are told, in both languages. Pure. No message holds personal data."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from shared.contracts.base import Words

KOREA = timezone(timedelta(hours=9), "KST")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True)
class Message:
    """One template, filled in. `template` names wording and version."""

    template: str
    ko: str
    en: str


def application_received(number: str, result_by: datetime) -> Message:
    """The receipt: the number to quote, and until when there is a result."""
    return Message(
        "application-received.1",
        f"신청이 접수되었습니다. 접수번호 {number}. 결과는 {day_ko(result_by)}까지 알려 드립니다.",
        f"Your application {number} has been received. Result by {day_en(result_by)}.",
    )


def application_withdrawn(number: str, title: Words, reapply_until: datetime | None) -> Message:
    """What changed, why, and the way back, if there still is one."""
    ko = f"본인 요청에 따라 「{title.ko}」 신청(접수번호 {number})을 철회했습니다. "
    en = f"Your application {number} to “{title.en or title.ko}” has been withdrawn, as you asked. "
    if reapply_until is None:
        ko += "접수가 마감되어 다시 신청할 수 없습니다. 사실과 다르면 운영 담당자에게 알려 주세요."
        en += "The call is closed, so you cannot apply again. If this is a mistake, please tell the organisers."
    else:
        ko += f"{moment_ko(reapply_until)}까지 다시 신청할 수 있습니다."
        en += f"You may apply again until {moment_en(reapply_until)}."
    return Message("application-withdrawn.1", ko, en)


def day_ko(moment: datetime) -> str:
    """`2026년 3월 9일` in Korea."""
    there = moment.astimezone(KOREA)
    return f"{there.year}년 {there.month}월 {there.day}일"


def day_en(moment: datetime) -> str:
    """`9 March 2026` in Korea."""
    there = moment.astimezone(KOREA)
    return f"{there.day} {MONTHS[there.month - 1]} {there.year}"


def moment_ko(moment: datetime) -> str:
    """`2026년 3월 2일 18:00` in Korea."""
    return f"{day_ko(moment)} {moment.astimezone(KOREA):%H:%M}"


def moment_en(moment: datetime) -> str:
    """`2 March 2026, 18:00 (KST)`."""
    return f"{day_en(moment)}, {moment.astimezone(KOREA):%H:%M} (KST)"
