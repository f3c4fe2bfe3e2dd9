"""Which facts of others people are told, and what: one inbox entry per event, recipient and template, exactly once."""

from services.notifications.domain import messages
from services.notifications.domain.messages import Message
from services.notifications.views import INBOX, INDEXES, silence_id
from shared.consumption.consumer import Consumer, Mode
from shared.contracts.cloudevents import Record
from shared.contracts.recruitment import APPLICATION, ApplicationSubmitted, ApplicationWithdrawn, Erased
from shared.store.port import Doc

inbox = Consumer("inbox", kinds=[APPLICATION], mode=Mode.APPENDS, collection=INBOX, indexes=INDEXES)


@inbox.on(ApplicationSubmitted)
def tell_it_arrived(event: ApplicationSubmitted, record: Record) -> list[Doc]:
    return [_entry(record, event.citizen, messages.application_received(event.number, event.result_by))]


@inbox.on(ApplicationWithdrawn)
def tell_it_is_withdrawn(event: ApplicationWithdrawn, record: Record) -> list[Doc]:
    message = messages.application_withdrawn(event.number, event.title, event.reapply_until)
    return [_entry(record, event.citizen, message)]


@inbox.on(Erased)
def fall_silent(event: Erased, record: Record) -> list[Doc]:
    """An erased person gets no message, also none that comes late: the inbox stays shut from now on."""
    citizen = record.stream.rpartition(":")[2]
    return [{"_id": silence_id(citizen), "recipient": citizen}]


def _entry(record: Record, recipient: str, message: Message) -> Doc:
    return {
        "_id": f"{record.id}/{recipient}/{message.template}",
        "recipient": recipient,
        "place": f"{record.time}/{record.stream}@{record.version:015}/{message.template}",  # text order is their order
        "template": message.template,
        "about": record.stream,
        "time": record.time,
        "ko": message.ko,
        "en": message.en,
    }
