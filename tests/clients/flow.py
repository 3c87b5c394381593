"""The whole flow with a client that openapi-python-client generated: events, profiles, lists, consent, the feed, erasure."""
import datetime
import sys
import uuid

sys.path.insert(0, ".")
from homing_client import AuthenticatedClient
from homing_client.api.changes import list_changes
from homing_client.api.events import take_in_events, void_event
from homing_client.api.privacy import erase_profile, get_consents, set_consent
from homing_client.api.predictions import predict
from homing_client.api.profiles import get_profile, list_profiles, look_up_profiles, patch_attributes
from homing_client import models

url, key = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key, raise_on_unexpected_status=True)
who, event = f"py-{uuid.uuid4()}", f"e-{uuid.uuid4()}"


def ok(response, status=200):
    assert response.status_code == status, (response.status_code, response.content)
    return response.parsed


def events(*all):
    return models.EventsRequest.from_dict({"events": list(all)})


def bought(event_id, day, amount):
    return {"event_id": event_id, "customer_id": who, "occurred_at": day, "amount": amount}


taken = ok(take_in_events.sync_detailed(client=client, body=events(bought(event, "2025-05-01", 12.5), bought(event + "2", "2025-05-09", 7))))
assert taken.accepted == 2, taken
assert ok(take_in_events.sync_detailed(client=client, body=events(bought(event, "2025-05-01", 12.5)))).duplicates == 1
profile = ok(get_profile.sync_detailed(who, client=client))
assert profile.customer_id == who and profile.history.orders == 2
ok(patch_attributes.sync_detailed(who, client=client, body=models.Attributes.from_dict({"city": who, "vip": True})))
page = ok(list_profiles.sync_detailed(client=client, id_prefix=who, attribute=[f"city:{who}"], sort=models.ListProfilesSort("clv"), snapshot=True, expand="consent"))
assert [one.customer_id for one in page.profiles] == [who] and page.profiles[0].consent == [], page
found = ok(look_up_profiles.sync_detailed(client=client, body=models.LookupRequest(ids=[who, "nobody at all"])))
assert [one.customer_id for one in found.profiles] == [who] and found.unknown == ["nobody at all"]
scored = ok(predict.sync_detailed(client=client, body=models.PredictionRequest.from_dict(
    {"customers": [{"customer_id": who, "events": [{"occurred_at": "2025-05-01", "amount": 3}]}]})))
assert len(scored.predictions) == 1
ok(void_event.sync_detailed(event + "2", client=client))
assert ok(get_profile.sync_detailed(who, client=client)).history.orders == 1
changes = ok(list_changes.sync_detailed(client=client, limit=1000))
assert changes.changes
ok(set_consent.sync_detailed(who, client=client, body=models.ConsentRequest(opted_out=True)))
assert ok(get_consents.sync_detailed(who, client=client)).consents[0].opted_out
erased = erase_profile.sync_detailed(who, client=client)
assert erased.status_code == 204, erased
problem = ok(get_profile.sync_detailed(who, client=client), 404)
assert problem.code == "unknown_customer"
print("Python: the whole flow")
