"""What can be asked of recruitment: lists and counts over the main views, which follow the log by milliseconds."""

from services.recruitment.domain import applications, calls, counts
from services.recruitment.domain.applications import Application, ApplicationStatus
from services.recruitment.domain.calls import Call, CallStatus
from services.recruitment.domain.counts import Counts
from shared.contracts.recruitment import APPLICATION, CALL
from shared.eventlog.aggregate import Aggregate
from shared.store.port import Doc, Store

CALLS = Aggregate(kind=CALL, state=Call, evolve=calls.evolve, view="calls")
APPLICATIONS = Aggregate(
    kind=APPLICATION,
    state=Application,
    evolve=applications.evolve,
    view="applications",
    indexes=(("state.call_id", "_id"),),
)
PUBLIC = [status.value for status in CallStatus if status is not CallStatus.DRAFT]
LIVE: Doc = {"state.status": ApplicationStatus.SUBMITTED.value, "erased": False}


async def published_calls(store: Store, after: str, limit: int) -> list[tuple[str, Call]]:
    """Published calls with their streams, behind the stream `after`, in the order of their ids."""
    where: Doc = {"state.status": {"$in": PUBLIC}, "_id": {"$gt": after or f"{CALL.name}:"}}
    found = await store[CALLS.view].find(where, sort=[("_id", 1)], limit=limit, fields=("state",))
    return [(doc["_id"], CALLS.decode(doc["state"])) for doc in found]


async def applications_of(store: Store, call_id: str, after: str, limit: int) -> list[tuple[str, int, Application]]:
    """A call's applications with stream and version, behind the stream `after`, in the order of their ids."""
    stream = APPLICATION.stream(call_id, "")
    where: Doc = {"state.call_id": call_id, "_id": {"$gt": after or stream}}
    found = await store[APPLICATIONS.view].find(where, sort=[("_id", 1)], limit=limit, fields=("version", "state"))
    return [(doc["_id"], doc["version"], APPLICATIONS.decode(doc["state"])) for doc in found]


async def public_counts(store: Store, call: Call) -> Counts:
    """The call's live applications per quota value, as far as they may be shown."""
    live = LIVE | {"state.call_id": call.id}
    rows = await store[APPLICATIONS.view].aggregate(
        [
            {"$match": live},
            {"$project": {"one": {"$objectToArray": "$state.attributes.value"}}},
            {"$unwind": "$one"},
            {"$group": {"_id": "$one", "count": {"$sum": 1}}},
        ]
    )
    found = {(row["_id"]["k"], row["_id"]["v"]): int(row["count"]) for row in rows}
    total = await store[APPLICATIONS.view].aggregate([{"$match": live}, {"$count": "count"}])
    cells = {(quota.feature, quota.value): found.get((quota.feature, quota.value), 0) for quota in call.plan.quotas}
    return counts.public(int(total[0]["count"]) if total else 0, cells)
