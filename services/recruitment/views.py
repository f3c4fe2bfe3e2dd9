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
AGGREGATES = (CALLS, APPLICATIONS)
PUBLISHED: Doc = {"state.status": {"$in": [status.value for status in CallStatus if status is not CallStatus.DRAFT]}}
LIVE: Doc = {"state.status": ApplicationStatus.SUBMITTED.value, "erased": False}


def of_call(call_id: str) -> Doc:
    """All applications to this call."""
    return {"state.call_id": call_id}


async def public_counts(store: Store, call: Call) -> Counts:
    """The call's live applications per quota value, as far as they may be shown."""
    live = LIVE | of_call(call.id)
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
