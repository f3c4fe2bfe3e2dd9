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
EACH: Doc = {"k": "", "v": ""}
"""What every application is counted under: in the same look as its values, so the total is always their sum."""
LIVE: Doc = {"state.status": ApplicationStatus.SUBMITTED.value, "erased": False}


def of_call(call_id: str) -> Doc:
    """All applications to this call."""
    return {"state.call_id": call_id}


async def public_counts(store: Store, call: Call) -> Counts:
    """The call's live applications per quota value, as far as they may be shown."""
    rows = await store[APPLICATIONS.view].aggregate(
        [
            {"$match": LIVE | of_call(call.id)},
            {"$project": {"one": {"$concatArrays": [[EACH], {"$objectToArray": "$state.attributes.value"}]}}},
            {"$unwind": "$one"},
            {"$group": {"_id": "$one", "count": {"$sum": 1}}},
        ]
    )
    found = {(row["_id"]["k"], row["_id"]["v"]): int(row["count"]) for row in rows}
    cells = {(quota.feature, quota.value): found.get((quota.feature, quota.value), 0) for quota in call.plan.quotas}
    return counts.public(found.get((EACH["k"], EACH["v"]), 0), cells)
