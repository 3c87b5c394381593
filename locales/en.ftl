# English. Keys and placeholders are those of every language; docs/languages.md says how to add one.

### How this language writes numbers, dates and money

locale-tag = en
locale-name = English
number-decimal = .
number-group = ,
number-minus = −
# From which size on a number is shortened, and by what: for axes and narrow cells.
number-units = 1000 k 1000000 M 1000000000 B
percent = { $number }%
money = { $symbol }{ $amount }
# YYYY, MM (01), M (1), MMM (the name below), DD (09), D (9).
date-pattern = D MMM YYYY
month-pattern = MMM YYYY
month-names = Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec
date-time = { $date }, { $time }

### Pages

## Around every page.

skip = Skip to content
sign-in = Sign in
sign-in-lead = Enter your API key. Your administrator creates keys with `homing keys create`.
sign-in-wrong = This key is unknown, revoked or expired. Nobody is signed in.
sign-in-provider = Sign in with your company account
sign-in-failed = You are not signed in
signed-in = You are signed in
signed-in-go-on = Continue
oidc-stale = This sign-in was not started in this browser, or more than ten minutes ago. Start again.
oidc-denied = Your company's sign-in service refused the sign-in. Start again, or ask your administrator.
oidc-provider = Your company's sign-in service did not answer as it should. The log of the service has the cause; ask your administrator.
oidc-no-role = Your company account has no role in homing. Ask your administrator to give it one.
sign-out = Sign out
api-key = API key
pages = Pages
yes = Yes
no = No
colon = { ": " }
comma = { ", " }

## The privacy report (`homing privacy report`).

privacy-report = Privacy report
privacy-as-of = Counted at { $at }. Articles are those of China's Personal Information Protection Law (PIPL); the rights of the GDPR correspond to them.
privacy-held = What is held, why and for how long
privacy-kind = Data
privacy-count = Number
privacy-oldest = Oldest
privacy-why = Purpose
privacy-kept = Kept
kept-until-deleted = until deleted
held-profiles = Profiles with tags and scores
held-profiles-why = Predicting repurchase, value and churn, and deciding whom to contact
held-events = Events: purchases, product returns, visits, feedback
held-events-why = The history that predictions are made from
held-attributes = Customers with attributes of the business
held-attributes-why = Shown beside the tags, such as name and preferred channel
held-contacts = Campaign contacts
held-contacts-why = Limiting how often a customer is contacted, and measuring campaigns
held-changes = Changes in the feed
held-changes-why = Passing changed tags on to the business's other systems
held-dead-letters = Changes that could not be delivered
held-dead-letters-why = Delivering them again
held-audit = Audit entries
held-audit-why = Proving who read or changed which profile
privacy-24 = Automated decisions (Article 24)
privacy-24-text = Scores come from a statistical model of purchase behaviour. Each profile names the model, the data cutoff and the main reasons (GET /v1/profiles/ID/explanation). A customer can opt out; scores and predictive tags are then removed at once, no list or file contains the customer, and the customer is not scored again. Being contacted can be refused for all channels or for one.
privacy-24-figures = Opted out of automated decisions: { $profiling }. Objections to being contacted: { $contact }.
privacy-44 = Right to know and to decide (Article 44)
privacy-44-text = Choices are recorded by purpose with time and source (PUT /v1/profiles/ID/consent) and outlive an erasure as keyed hashes.
privacy-45 = Right to access and to a copy (Article 45)
privacy-45-text = GET /v1/profiles/ID/export returns everything that is held about a customer, including who read it, in a machine-readable format.
privacy-46 = Right to correction (Article 46)
privacy-46-text = Attributes are replaced with PUT /v1/profiles/ID/attributes. The nightly batch reads corrected purchase data from the source systems.
privacy-47 = Right to deletion (Article 47)
privacy-47-text = DELETE /v1/profiles/ID removes history, profile, tags, attributes, contacts, feed entries and the id in the audit log. A keyed hash of the id remains, to refuse later data. The feed announces the erasure to other systems by that hash.
privacy-47-figures = Customers erased: { $erased }.
privacy-55 = Impact assessment (Article 55)
privacy-55-text = Automated decisions require an assessment before they begin, kept for three years. This report gives the facts for it: data and purposes above, the rights of customers, who has access below. The training report of each model (Models page) documents accuracy and calibration.
privacy-reads = Who read and changed what
privacy-audit-intact = The audit log is complete and unchanged. Hash at its end:
privacy-audit-broken = THE AUDIT LOG WAS CHANGED; run `homing audit verify`. Hash at its end:
privacy-key = Key
privacy-action = Action
privacy-last = Last

## Today.

today = Today
today-lead = Your customer base at a glance.
customers = Customers
scored = Scored
total-at-risk = Total value at risk
data-until = Data through
days-ago = { $n ->
    [one] 1 day ago
   *[other] { $n } days ago
}
is-today = today
counted-at = Updated { $at }
counted-help = Figures are recomputed in the background whenever tags change.
model = Serving model
model-until = trained on data through { $date }
no-model-short = none
grade = grade: { $grade }
grade-poor = Poor
grade-fair = Fair
grade-good = Good
grade-excellent = Excellent
levels = Churn risk distribution
without-level = Not rated
no-model-note = No model is loaded, so scores are not updated. Train one with homing-train fit.
stages = Customers by lifecycle stage
stages-lead = { $n ->
    [one] Weekly change is estimated from a sample of 1 customer.
   *[other] Weekly change is estimated from a sample of { $n } customers.
}
stages-lead-all = With the change over the past week.
stage = Stage
share = Share
week-change = Past week
tiers = Value at risk by tier
tier = Tier
turned = Newly at high risk
turned-more = More than { $n } customers. These have the most value at risk.
turned-some = { $n ->
    [one] 1 customer, shown below.
   *[other] { $n } customers. These have the most value at risk.
}
turned-little = { $n ->
    [one] 1 customer, with little value at risk.
   *[other] { $n } customers, all with little value at risk.
}
turned-none = Nobody.
turned-all = All high-risk customers
since-day = Since { $date }:
counting = Figures are being computed
counting-why = The first count runs in the background. With a million customers it takes about a minute.
counting-do = Reload the page in a moment. The call list is available now.
reload = Reload

## Who to call.

who-to-call = Who to call
who-to-call-lead = Customers ranked by what you stand to lose if they leave.
filter = Filter
all = All
any-tag = Any tag
without = Remove filter
sort = Sort by
sort-value-at-risk = Value at risk
sort-churn-risk = Churn risk
sort-clv = Lifetime value
sort-customer-id = Customer ID
sort-last-order = Last order
id-begins = ID starts with
apply = Apply
clear = Clear filters
rows = { $n ->
    [one] 1 customer on this page
   *[other] { $n } customers on this page
}
of-matching = of { $n } at the last count
searched = Only the first part of a long list has been searched.
search-on = Continue searching
next-page = Next page
first-page = First page
nobody = No customers match these filters.
unknown-filter = The filter “{ $name }” is unknown and was ignored.
unknown-filter-near = The filter “{ $name }” is unknown and was ignored. Did you mean “{ $near }”?
nobody-hint = Widen the filters, or clear them to see all customers.
nobody-yet = No match so far.
list = Customers
campaign = Export a campaign list
campaign-lead = Exports the customers of this list that the playbook suggests contacting, highest value at risk first, up to { $n }. Opted-out customers and those already contacted this week are left out. A random hold-out group is not contacted, so you can measure the effect later.
campaign-name = Campaign name
campaign-holdout = Hold-out group (%)
campaign-record = Count as contacts
campaign-no-playbook = The tag catalogue does not match the playbook, so no campaign list can be made. Start the service with --playbook-file.
campaign-export = Download CSV
campaign-refused = The list was not exported
campaign-refused-do = Enter a campaign name of 1 to 80 characters and a hold-out group of 0 to 50 percent.

## Columns and scores.

customer = Customer
churn-risk = Churn risk
churn-risk-in = Probability of no purchase within { $n } days
percentile = Percentile
percentile-help = Rank of the churn risk among all customers: 1 is the safest, 100 the riskiest
value-at-risk = Value at risk
value-at-risk-help = Churn risk × lifetime value
clv = Lifetime value
clv-help = Expected spend over the next year, discounted
p-purchase = Buys in { $n } d
p-purchase-help = Probability of a purchase within { $n } days
next-order = Next order
next-order-help = Median expected date of the next order
not-expected = unlikely
not-expected-help = Less than a 50% chance of another order within three years
standing = Stage and tier
reason = Main risk factor
raises = raises the risk
lowers = lowers the risk
not-scored = Not scored
no-purchase = no purchase on record
opted-out = opted out of automated decisions
no-scores = no scores yet

## One customer.

back = Who to call
overview = Overview
of-100 = percentile { $n } of 100
p-alive = Probability active
p-alive-help = Probability that the customer has not left for good (lifetime model)
last-purchase = Last order
orders = Orders
spend = Total spend
since = since { $date }
reasons = Why this risk
reasons-lead = Bars to the right raise the risk, bars to the left lower it.
would-change = What would change it: { $change }
no-reasons = The model gives no reasons for this customer.
high = strong effect
medium = medium effect
low = weak effect
outlook = Outlook
curve = Purchase probability from { $date }
days = { $n ->
    [one] 1 day
   *[other] { $n } days
}
horizon = Within
chance = Purchase probability
expected-orders = Orders
expected-spend = Spend
interval = 80% interval
provenance = Scored by { $model }
as-of = as of { $date }
scored-at = computed { $at }
purchases = Orders over time
purchases-lead = Spend per order.
purchases-binned = Spend per { $n } days.
no-purchases = No purchase on record.
scored-on = scored
next-expected = next order
tags = Tags
no-tags = none
static-layer = Static: who the customer is
dynamic-layer = Dynamic: what the customer did
predictive-layer = Predictive: what is expected
confidence = { $share } confidence
expires = until { $date }
attributes = Attributes
events = Latest events
events-of = { $n ->
    [one] 1 event in total
   *[other] { $n } events in total
}
when = Time
what = Event
amount = Amount
quantity = Quantity
product = Product
category = Category
channel = Channel
path = Probabilities over time
path-lead = What the serving model would have said at each point, knowing only the data up to then.
path-alive = active
path-return = buys within { $n } days
path-label = Probabilities over time: active, and a purchase within { $n } days
chance-axis = probability
next-step = Next best action
buys-next = Likely to buy next
due-lead = Products due for repurchase by the customer’s own purchase cycle, most overdue first.
due-on = Due
due-cycle = Cycle
first-lead = Probability of a first purchase in other categories within { $n } days.
advice-at = via { $channel }
advice-hour = around { $hour }:00
next-step-none = No action suggested.
signals = Warning signals
signals-none = No warning signals.
strength = strength { $share }
rights = Consent and data
consent-in = Automated decisions are allowed.
consent-out = The customer opted out of automated decisions.
opt-out = Record opt-out
opt-in = Record opt-in
export-data = Export all data
erase = Erase customer
erase-lead = Permanently erases history, scores and tags. Type the customer ID to confirm.
needs-role = Requires a key with the role { $role }.
done-consent = Consent saved.
done-erased = Customer erased. New events for this ID are rejected.
done-promoted = { $model } is now serving.

## Segments.

segments = Segments
segments-lead = How your customers are distributed, and how they move.
rfm = Recency × frequency
rfm-lead = Scores from 1 to 5; 5 is best. Click a cell to list its customers.
rfm-recency = recency score
rfm-frequency = frequency score
rfm-cell = recency { $r }, frequency { $f }
show-by = Show
flow = Moves between lifecycle stages
flow-lead = { $n ->
    [one] Estimated from the history of 1 customer at four points in time.
   *[other] Estimated from the histories of { $n } customers at four points in time.
}
flow-then = { $n ->
    [one] 1 day ago
   *[other] { $n } days ago
}
flow-now = today
not-yet = Not a customer yet
flow-none = No moves yet.
segment-classes = RFM segments
clusters = Clusters
clusters-none = No clusters: the catalogue has no cluster tag, or no customer has one yet.
segment = Segment
mean-clv = Mean lifetime value

## KPI board.

kpi = KPIs
kpi-lead = Complete months only: { $range }.
period = Period
period-month = Last month
period-quarter = Last three months
period-year = Last twelve months
against = Compare with
against-previous = Previous period
against-year = Same period last year
figure = KPI
this-period = This period
that-period = Comparison
change = Change
kpi-retention = { $n }-month retention
kpi-retention-help = Of the customers who reached this age in the period: share who bought in the three months before
kpi-again = 30-day repurchase rate of new customers
kpi-again-help = Share of new customers who bought again within 30 days, by the month in which the 30 days ended
kpi-high = Monthly purchase rate of high-value customers
kpi-high-help = Of the customers who spent more than { $amount } in the previous year: share who bought in a month, averaged over months
kpi-basket = Average order value
kpi-basket-help = Spend per order
kpi-revenue = Revenue
kpi-revenue-help = Total of purchases, before product returns
kpi-orders = Orders
kpi-of-few = of { $n }
kpi-orders-help = All purchases of a customer on one day count as one order
kpi-new = New customers
kpi-new-help = First purchase in the period
kpi-value = Lifetime value of all customers
kpi-value-help = Total expected value; compared with the count at that time, where one was kept
kpi-nps = NPS
kpi-nps-help = Share of 9–10 answers less share of 0–6 answers
kpi-tags = Tags per customer
kpi-tags-help = { $n } tags in the catalogue
kpi-connected = Multi-channel customers
kpi-connected-help = Share seen in two channels or more, of the customers with a known channel
no-data = no data
cohorts = Retention by first-purchase month
cohorts-lead = Share who bought in the three months before each mark. Only complete cohorts are shown.
cohorts-rows = first purchase
cohorts-columns = months since first purchase
cohort-cell = { $n ->
    [one] 1 customer
   *[other] { $n } customers
}
cohorts-none = No cohort is three months old yet.
months-spend = Revenue by month
months-rates = Repurchase by month
months-axis = month
share-axis = share of customers
money-axis = revenue
high-line = high-value customers who bought
again-line = new customers who bought again within 30 days
channels = Channels
channels-lead = Customers by channel.
channels-none = The data have no channel.
coverage = Tag coverage
coverage-lead = Average share of customers that have a tag, and tags that at least one customer has.
coverage-mean = Average coverage
coverage-used = Tags in use
layer = Layer
layer-static = Static
layer-dynamic = Dynamic
layer-predictive = Predictive

## Campaigns: what they changed.

campaigns = Campaigns
campaigns-lead = What each campaign changed: contacted customers beside the hold-out group.
campaigns-none = No campaign has been made yet. Make one with a hold-out group, so that its effect can be measured.
campaign-results = Results
campaign-results-lead = As last evaluated. Intervals hold the true effect with 95% confidence.
campaign-step = To update a result, run this when the time window of the campaign is over:
campaign-one = Campaign
campaign-verdict = Result
campaign-contacted = Contacted
campaign-held-out = Held out
campaign-buyers = Buyers
campaign-buyers-help = Share of customers who bought in the window: contacted / held out
campaign-effect = Effect on buyers
campaign-effect-help = Difference in the share of buyers that the contact made, with its 95% interval
campaign-revenue = Additional revenue
campaign-revenue-help = Effect on spend times the contacted customers, with its 95% interval
campaign-return = Return on cost
campaign-return-help = Gain less cost, divided by cost
campaign-effective = Effective
campaign-harmful = Harmful
campaign-unproven = Not proven
campaign-not-evaluated = Not evaluated yet
campaign-no-hold-out = No hold-out group
campaign-so-far = window not over
campaign-mismatch = groups not as planned: check the list
from-to = { $low } to { $high }

## Accuracy: predictions beside what happened.

accuracy = Accuracy
accuracy-lead = Predictions of a sample of customers, compared with what they did.
accuracy-windows = Predictions whose time is over
accuracy-windows-lead = Each figure with its 95% interval.
accuracy-none = No predictions have been compared yet. The nightly scoring keeps a sample; run this when a horizon is over:
accuracy-pending = Predictions still running
accuracy-pending-lead = Accuracy estimated from the probabilities themselves.
accuracy-pending-none = None.
accuracy-from = Predicted on
accuracy-days = Days
accuracy-due = Over on
accuracy-auc = Ranking (AUC)
accuracy-auc-help = Buyers ranked before non-buyers: 1 is perfect, 0.5 is random
accuracy-ece = Calibration error
accuracy-ece-help = Mean gap between probability and share of buyers
accuracy-spend = Spend bias
accuracy-spend-help = Expected spend against actual spend: +10% is 10% too much
accuracy-coverage = Intervals
accuracy-coverage-help = Share of customers whose spend was within its 80% interval
accuracy-high = High risk was right
accuracy-high-help = Share of customers with high churn risk who did not buy
accuracy-expected-auc = Expected ranking (AUC)
accuracy-expected-share = Expected buyers
accuracy-lead-time = Of { $lapsed } customers who stopped buying, { $warned } had a high churn risk before, { $in_time } at least 30 days ahead. Median notice: { $days } days.
accuracy-beside = Champion and challenger
accuracy-beside-lead = Both predicted the same customers on the same night.
accuracy-challenger = Challenger
accuracy-loss-champion = Error, champion
accuracy-loss-challenger = Error, challenger
accuracy-loss-help = Log loss of the purchase probability: lower is better
accuracy-better = Better
accuracy-better-challenger = Challenger
accuracy-better-champion = Champion
accuracy-better-undecided = Not proven
days-ahead = { $n } days ahead
alarm-auc = The model ranks customers worse than before. Retrain it.
alarm-ece = Purchase probabilities are off. Check for missing days of purchases, then retrain.
alarm-spend-bias = Expected and actual spend differ. Check that purchases are complete and amounts are in the right unit, then retrain.
alarm-interval-coverage = The spend intervals do not hold what they promise. Retrain.
alarm-output-drift = The scores are distributed differently than on the model’s first night. Check whether purchases are complete, then retrain.
alarm-input-drift = Customers differ from those the model learned from. Check the data source, then retrain.
alarm-source-stopped = Fewer purchases arrived in the last three days than in the weeks before. Check the data source before you use the scores.
alarm-amounts-moved = The typical amount has changed within days. Check prices and currency (amounts in cents?), then retrain.
alarm-challenger-better = The challenger predicted the same customers better. Promote it.

## How many to contact (page "Who to call")

size = How many to contact
size-lead = Expected profit of contacting the first customers of this list.
size-cost = Cost of a contact
size-margin = Gross margin (%)
size-assume = Assumed effect (%)
size-assume-help = Customers who would not buy otherwise and do because of the contact. Leave empty to use what past campaigns showed.
size-ask = Calculate
size-best = Best: contact the first { $n }. Expected profit { $profit }; { $buyers } added buyers for { $cost }.
size-none-pays = No contact pays: it costs more than the margin it adds.
size-positives = Of them { $would_not } would not buy without contact, { $would } would buy anyway.
size-basis-uplift = Based on uplift that is proven on held-out customers.
size-basis-campaigns = Based on past campaigns: contact made { $share } of those buy who would not have bought.
size-basis-assumption = Assumption: contact makes { $share } of those buy who would not have bought.
size-no-basis = No past campaign has been evaluated. State an assumed effect.
size-bad = Enter a margin above 0 and up to 100%, and a cost of 0 or more.
size-contacts = Contacts
size-profit = Expected profit

## Models.

models = Models
models-lead = Which model serves, how it tested, and which versions can replace it.
registry = Registry
registry-none = The registry is empty.
registry-without = The service was started without a registry.
registry-damaged = { $n ->
    [one] 1 model in the registry cannot be read; see the service log.
   *[other] { $n } models in the registry cannot be read; see the service log.
}
version = Version
learned-until = Data through
learned-from = Customers
alias-champion = champion
alias-challenger = challenger
in-use = serving
graded = Grade
auc = AUC
auc-help = Ranking: 1 is perfect, 0.5 is random
logloss = Log loss
logloss-help = Error of the probabilities; lower is better
ece = Calibration error
ece-help = Average gap between predicted and actual shares
top-tenth = Spend in top 10%
top-tenth-help = Share of actual spend by the 10% of customers with the highest expected spend
promote = Promote
rollback = Roll back to the previous model
pinned = The model was fixed when the service was started and cannot be changed here.
report = Training report
charts-of = Test results of { $model }
tested = Tested on { $date }
test-window = { $n ->
    [one] Holdout window of 1 day
   *[other] Holdout window of { $n } days
}
test-none = No test results: the history was too short, or an earlier version of homing trained this model.
calibration = Calibration
calibration-lead = A point on the dotted line is exact: of the customers with a predicted 30%, 30% bought.
expected = expected
actual = actual
chance-expected = predicted purchase probability
chance-actual = Share who bought
gain = Gain: buyers
gain-lead = The closer the curve to the upper left, the fewer contacts are needed.
gain-x = customers contacted, best score first
gain-y = share of buyers
gain-spend = Gain: spend
gain-spend-y = share of spend
with-hindsight = perfect ranking
by-chance = random
exactly-right = perfect calibration
lift = Lift
lift-lead = How much likelier than average each tenth of customers was to buy, best score first.
lift-y = times the average
tenth = tenth (1 = best score)
deciles = Spend per customer by tenth
deciles-lead = Columns of equal height are exact.
deciles-y = spend per customer
tracking = Orders per week
tracking-lead = Repeat orders, and the model’s forecast after the cutoff.
tracking-y = repeat orders per week
tested-from = holdout window
importance = Feature importance
importance-lead = Share of mean absolute SHAP values. Shows what the model relies on, not what causes what.
importance-none = These data support only the lifetime model, which has no single features.
feature = Feature
weight = Weight
drift = Drift against the previous model
drift-lead = Population stability index: 0.1 and above is shifting, 0.25 and above has shifted.
drift-none = No earlier model of this name to compare with.
drift-index = PSI
drift-stable = stable
drift-shifting = shifting
drift-shifted = shifted
medians = Median then → now
versus = Champion and challenger
versus-lead = Both models score the same customers; only the champion’s scores are used.
versus-none = No challenger has been compared with the champion yet.
compared = Customers compared
risk-difference = Mean risk difference
risk-distance = Mean absolute risk difference
tags-differ = Different tags
clv-ratio = Lifetime value ratio

## Finding a customer.

find-customer = Find a customer
find-lead = Enter the ID exactly as in your CRM.
customer-id = Customer ID
open = Open
browse-prefix = Or list customers by the first characters of the ID on “Who to call”.

## What went wrong, and what to do.

unknown-customer = Customer not found
unknown-customer-why = There is no customer with the ID “{ $id }”.
unknown-customer-do = Check the ID: upper and lower case and leading zeros matter.
unknown-customer-new = New customers appear after the next homing score run, or with their first event sent to /v1/events.
list-like-this = List IDs that start with “{ $prefix }”
empty-store = No customers yet
empty-store-why = The profile store is empty. To fill it:
empty-store-why-model = The profile store is empty; the model { $model } is ready. To fill it:
step-fit = Train a model on your purchase history:
step-score = Score your customers and write their profiles:
step-reload = Reload this page.
step-demo = Just exploring? This runs everything on sample data:
bad-cursor = This page of the list has expired
bad-cursor-do = The link belongs to other filters or another sort order. Start from the first page.
store-locked = The profile store is busy
store-locked-do = Another process is using it, possibly homing score. Reload the page in a moment.
store-failed = The profile store cannot be read
store-failed-do = The service log has the cause. This page changed no data.
timeout = The request timed out
timeout-do = The service is busy. Reload the page in a moment, or narrow the filters.
forbidden = Your key does not permit this
forbidden-do = This requires a key with the role { $role }. Ask your administrator.
stale-form = The form has expired
stale-form-do = Nothing was changed. Go back, reload the page and submit the form again.
audit = Audit log
audit-lead = Who read or changed customer data, newest first.
audit-entries = Entries
audit-empty = No entries yet. With API keys, every read and change of a profile is recorded here.
audit-when = Time
audit-key = Key
audit-action = Action
audit-detail = Detail
audit-no-key = No key
audit-erased = Erased customer
audit-newest = Newest entries
audit-older = Older entries
too-many-attempts = Too many failed attempts to sign in
too-many-attempts-do = Wait { $n } s, then try again. If you lost your key, ask your administrator for a new one.
wrong-id = The ID does not match
wrong-id-do = Nothing was erased. Go back and type the ID exactly as shown.
model-stays = The model was not changed
model-stays-do = This model cannot be promoted: it is unknown or damaged, or the service was started with a fixed model. The service log has the cause.
no-earlier = No earlier model
no-earlier-do = There is no model to roll back to. Promote another version instead.
no-report = No report for this model
no-report-do = The model is unknown or was trained without a report. See the models page for what is available.
overloaded = The service is busy
internal = The page could not be rendered
internal-do = The service log has the cause. Reload the page, or go back to the list.

## Kinds of events.

kind-purchase = Purchase
kind-return = Product return
kind-visit = Visit
kind-view = Product viewed
kind-add-to-cart = Added to basket
kind-promotion-sent = Promotion sent
kind-promotion-used = Promotion used
kind-post = Community post
kind-follow = Followed
kind-unfollow = Unfollowed
kind-complaint = Complaint
kind-refund-request = Refund requested
kind-nps = NPS answer (0–10)
turned-first = These are the first scores. From the next scoring run on, this shows who has become high-risk since.
no-raising = No factor raises the risk
point-group = { $n ->
    [one] expected { $expected }, actual { $actual }; 1 customer
   *[other] expected { $expected }, actual { $actual }; { $n } customers
}
point-tenth = group { $at }: expected { $expected }, actual { $actual }
gain-point = top { $share } of customers: { $found }
lift-point = group { $at }: { $times } times the average

## Sample data of the demo

sample-cdnow = sample data (CDNOW, 1997–1998)
sample-chain = sample data (simulated retail chain)
tour = What to look at first
tour-call = Start with “Who to call”: the customers with the most value at risk, each with the main factor behind the risk.
tour-customer = Open one of them to see their orders, the outlook and the next best action.
tour-models = Then see under “Models” how the forecasts tested against what customers really did.
tour-chain = Then see under “Segments” how customers move between lifecycle stages, and under “KPIs” the channels.
tour-more = CDNOW has only dates and amounts. Channels, categories, promotions, warning signals and products due are in the simulated chain:
points = { $n } pp

### Training report

report-base-rate = Base rate: past windows and forecast
report-base-rate-lead = The ranking says who is likelier to buy; the base rate says how many will. It moves with seasons, growth and the customer mix.
report-base-rate-point = { $date } + { $days } days: { $rate } bought
report-base-rate-title = Share who buy within { $days } days
report-base-rate-label = { $title }: { $points } past windows; forecast { $forecast }
report-base-rate-next = next { $days } days: { $forecast } expected to buy
report-base-rate-note = Each point is a past window: the share of customers at its start who bought in it. The last point is the forecast for the next window, with its 80% interval.
report-past-windows = past windows
report-forecast = forecast
report-window-start = start of the window
report-share-bought = share who bought
report-card = Model card
report-card-lead = What the model is, where it came from, and how it may be used.
report-net = net of product returns
report-gross = before product returns
report-card-models-text = Lifetime model { $lifetime } and Gamma-Gamma; for { $learned } of { $all } horizons stacked with trees and a linear model trained on past windows; the base rate is forecast separately
report-card-data = Data
report-card-data-text = { $customers } customers with a purchase, { $events } events, { $first } to { $last }; fingerprint { $fingerprint }
report-card-horizons = Horizons
report-card-horizons-text = { $days } days; churn risk at { $churn } days, lifetime value at { $value } days, discounted at { $rate }% a year, { $net }
report-card-models = Models
report-card-versions = Versions
report-card-versions-text = homing { $homing }; features { $schema } ({ $features }); seed { $seed }; time zone { $zone }. This page is part of the bundle; its version is a hash of the whole bundle, see manifest.json.
report-risk-group = Risk group
report-rules = Rules
report-rules-note = Rules of a shallow decision tree; in brackets precision and coverage. The model itself uses more features.
report-clusters = Clusters
report-clusters-lead = Clusters by purchase behaviour. A cluster keeps its number in the next training; the tag cluster.group gives each customer’s cluster.
report-cluster = Cluster
report-share = Share
report-cluster-traits = Characteristics and rules
report-clusters-note = Means are geometric. Below them: rules, in brackets their precision (share of the matched customers who are in the cluster) and coverage (share of the cluster that is matched).
report-no-rule = no simple rule
report-or = { "; or " }
report-clusters-method = The number of clusters is chosen by prediction strength (Tibshirani & Walther 2005): clusters found in one half of the customers must be found in the other. The largest number with a strength of at least 0.80 is taken, else the strongest: { $k } ({ $chosen }). Strength by number: k-means { $means }; Gaussian mixture { $mixture }.
report-drift-none = The registry has no earlier model of this name to compare with. The next training will be compared with this one.
report-drift = Drift
report-drift-lead = Compared with the customers of the previous model, { $id } (data through { $date }).
report-drift-columns = { $many } features have values in only one of the two data sets: the data now contain other information.
report-drift-shifted = Of { $all } features, { $shifted } have shifted (PSI of { $limit } or more) and { $shifting } are shifting. Find out why: a season, a campaign, or a change in data recording.
report-drift-stable = None of { $all } features has shifted; { $shifting } are shifting (PSI of { $limit } or more).
report-psi = Population stability index (PSI)
report-feature = Feature
report-psi-help = smaller is more stable
report-verdict = Verdict
report-median-then = Median then
report-median-now = Median now
report-drift-note = Computed from deciles; for features with many ties only certain changes count. Customers without a value are left out.
report-by-cause = By cause
report-by-cause-note = Average effect of each cause on a prediction, as a share of the total.
report-top-features = Most important features
report-top-features-note = Share of the effect of all features; similar features share their importance.
report-importance = What the model relies on
report-importance-lead = Exact SHAP values (log-odds) of { $customers } sampled customers, as mean absolute values. They show what the model relies on, not what causes what.
report-higher-likelier = ; higher means likelier to buy
report-higher-unlikelier = ; higher means less likely to buy
report-ece = Calibration error (ECE)
report-ece-note = mean gap between probability and outcome, in percentage points; up to 3 is good
report-expected-to-buy = Expected to buy
report-expected-to-buy-note = mean purchase probability of all customers
report-bought = Bought
report-within = within { $horizon } days
report-calibration = Calibration
report-calibration-lead = A call list needs only the ranking; budgets and forecasts need accurate probabilities.
report-calibration-point = { $many } customers: expected { $said }, actual { $actual }
report-calibration-label = Calibration: expected { $expected } on average, actual { $actual }, calibration error { $ece }
report-calibration-title = Predicted against actual
report-calibration-note = Customers in ten groups by probability. On the dotted line the probability is exact; above it, too low. Bars are 95% intervals.
report-exactly-right = perfect calibration
report-distribution-bar = { $low } to { $high }: { $many } customers
report-distribution-label = Purchase probabilities of { $scores } customers
report-distribution = Distribution of the probabilities
report-distribution-note = Customers by predicted probability. The more they differ, the better the model separates customers.
report-customers = customers
report-distribution-axis = predicted probability (%, lower bound)
report-candidates-note = Below AUC and log loss: the 95% interval (100 bootstrap draws over customers); the dashed line is homing’s value. “–”: the method does not predict it.
report-candidates = Comparison with baselines
report-candidates-lead = Trained on data through { $date }, tested on what { $customers } customers did in the following { $days } days; { $bought } of them bought.
report-method = Method
report-gain-buyers = Finding buyers
report-gain-buyers-note = The closer the curve to the upper left, the better: few contacts reach most buyers.
report-buyers = buyers
report-gain-spend = Finding spend
report-gain-spend-note = Sorted by expected spend: share of actual spend by the top customers.
report-spend = spend
report-gain-leavers = Finding customers who do not buy
report-gain-leavers-note = Sorted by churn risk: share of the customers who did not buy. If most customers do not buy, the curve stays close to random.
report-leavers = customers who did not buy
report-gain = Gain and lift
report-gain-lead = How many buyers and how much spend you reach by contacting the best-scored customers first.
report-gain-label = { $title }: the top 20% hold { $fifth } of the { $what }
report-gain-point = top { $x }: { $y } of the { $what }
report-gain-axis = share of the { $what }
report-lift-point = tenth { $number }: { $share } bought, { $lift } times the average
report-lift-label = Lift: the first tenth bought { $first } times as often as the average
report-lift = Lift by tenth
report-lift-note = Customers in tenths by purchase probability, highest first; 1× is the average (dashed line).
report-lift-axis = share who bought, times the average
report-lift-tenth = tenth (1 = highest probability)
report-test = Test
report-test-none = The history is too short for a holdout window, so the model is not tested and has no grade.
report-conditions = Conditions
report-conditions-help = all of them hold
report-tree-bought = Bought
report-tree-bought-help = in past windows
report-tree-rows = Rows
report-tree-rows-help = customers × windows
report-tree-note = Missing values count as the median.
report-tree = Decision tree
report-tree-lead = A model that a few rules state in full, for comparison. It does not score customers.
report-value = Spend: expected against actual
report-value-lead = Expected spend = purchase probability × spend of those who buy, before product returns.
report-value-expected = Total expected spend
report-value-days = within { $days } days
report-value-actual = Total actual spend
report-value-bias = bias { $bias }
report-coverage = Coverage of the 80% interval
report-coverage-note = share of customers with spend within their interval; should be near or above 80%
report-top-spend = Spend of the top 10%
report-top-spend-note = share of actual spend by the 10% with the highest expected spend
report-value-point = tenth { $number }: { $said } expected per customer, { $spent } actual
report-value-label = Spend per customer by tenth: { $expected } expected in total, { $actual } actual
report-value-title = Spend per customer, expected and actual
report-value-note = Customers in tenths by expected spend, highest first. Columns of equal height are exact.
report-expected = expected
report-actual = actual
report-value-tenth = tenth (1 = highest expected spend)
report-title = Model report: { $name }
report-lead = Data through { $as_of }; churn horizon { $churn_horizon } days. What the model was trained on, how it tested, what it relies on, and what it must not be used for.
report-contents = Contents
report-backtest-section = { $date } + { $days } days: { $title }
report-backtest = Backtest report
report-backtest-lead = Trained at a past cutoff on the data up to then, and compared with what happened next.
report-people-probability = Purchase probability within { $days } days
report-people-probability-note = A stronger colour means a higher probability. It should fade to the right (longer since the last order) and grow stronger downwards (more orders).
report-people-spend = Expected spend within { $days } days
report-people-spend-note = Per customer. Big spenders who have not ordered for a long time are often worth winning back.
report-people = Recency × number of orders
report-people-lead = Customers as of { $as_of } by recency and number of orders; each cell shows the mean prediction. Cells with fewer than { $least } sampled customers are hidden.
report-people-cell = { $orders } orders, { $recency } days since the last: about { $many } customers, { $said } on average
report-people-label = { $title } by orders and days since the last order; highest { $most }
report-orders = orders
report-recency = days since the last order
report-tracking-weekly-note = Shows seasons and campaigns that the model could not know.
report-tracking-total = Cumulative orders
report-tracking-total-note = The closer the lines, the better the forecast of the total.
report-tracking-total-axis = cumulative repeat orders
report-tracking = Tracking: orders over time
report-tracking-lead = Customers with a purchase before the cutoff, without each customer’s first order. The lifetime model knows only their first purchases; homing’s total from the cutoff on is spread over the weeks in proportion to the lifetime model.
report-off = off by { $off }
report-tracking-actual = Orders in the holdout window
report-tracking-homing = Expected by homing
report-tracking-lifetime = Expected by the lifetime model
report-tracking-homing-line = expected by homing
report-lifetime-model = lifetime model
report-tracking-label = { $title }: { $actual } orders in the holdout window, { $homing } expected by homing, { $lifetime } by the lifetime model
report-week = week ending
report-data = Training data
report-data-lead = How much data there was to train on, and how far ahead it can predict.
report-data-customers = Customers with a purchase
report-data-others = { $without } more have no purchase and are not scored
report-data-repeat = Repeat customers
report-data-repeat-note = { $repeaters } with two orders or more
report-data-orders-note = all purchases of one day count as one order; { $mean } per customer
report-data-span = History
report-since = since { $first }
report-data-events = Events
report-data-events-note = lines: purchases, product returns, interactions
report-data-short = History too short: lifetime model only
report-data-enough = Enough history: complete past windows
report-data-some = Short history: ranking trained on { $taught }-day windows, base rate from the lifetime model
report-data-windows-help = past training windows
report-data-length-help = days covered by the history
report-data-horizon = Horizon
report-data-windows = Windows
report-data-length = Window length
report-data-columns-none = Optional columns found: none.
report-data-columns = Optional columns found: { $known }.
report-data-sampled = The data exceed the memory budget: { $kept } of { $all } customers were sampled, each with a weight of { $weight }; totals are those of the sample.
report-data-season = { $span } days of history do not cover two years of seasons: base rates rest on the latest windows and the lifetime model.
report-data-far = The latest event is on { $latest }, but all customers except { $customers } end by { $rest_end }. Check for mistyped dates, or set --as-of.
report-data-after = { $many } events after the cutoff were not used.
report-grade-poor = On a { $days }-day holdout window the model is hardly better than a rule of thumb, or worse: prefer the rule.
report-grade-fair = On a { $days }-day holdout window the model is slightly better than a rule of thumb.
report-grade-good = On a { $days }-day holdout window the model is clearly better than a rule of thumb.
report-grade-excellent = On a { $days }-day holdout window the model is far better than a rule of thumb.
report-grade-against = Against the best rule ({ $rule }) its log loss changes by { $gain }. A reduction of less than 2% is Poor, less than 6% Fair, less than 12% Good, otherwise Excellent.
sentence-gap = { " " }
report-card-use = Intended use
report-card-use-text = Estimates whether, when and for how much retail customers will buy again, to support decisions on customer care, win-back, campaign lists and sales forecasts.
report-card-not-for = Not for
report-card-not-for-text = Credit, employment, insurance, individual pricing, or any automated decision with legal or similarly significant effect; nor to refuse service or complaint handling.
report-card-not-judged = Not suitable for
report-card-not-judged-text = People without a purchase or who opted out of automated decisions; shared cards, staff and wholesale accounts; minors; and customers with only a few days of history, whose scores are close to the average.
report-card-reproducible = Reproducible
report-card-reproducible-text = The same data, seed, version and previous model give a byte-identical model and report, on any number of threads.
report-card-limits = Limits
report-card-limits-text = The future is assumed to resemble the past: store openings, closures, price changes and unrecorded campaigns distort the base rate. Probabilities hold for groups and are uncertain for individuals. Reasons show what the model relies on, not what causes what. The test covers only the window shown above.
report-card-privacy = Privacy
report-card-privacy-text = This page holds only totals and groups of at least five sampled customers, and no customer IDs. The model uses purchases and interactions only: no name, age, sex, address or other personal attribute.
report-card-refit = When to retrain
report-card-refit-text = At least monthly; immediately if the drift section shows a shift, or if sales stay off the tracking lines.
list-comma = { ", " }
report-rule = { $rule } ({ $right }, { $met })
report-k-means = k-means
report-gaussian-mixture = Gaussian mixture
report-rule-repeat = rule: last period repeats
report-rule-recency = rule: days since last purchase
report-rule-rfm = rule: RFM cells
report-rule-rate = rule: lifetime average rate
report-textbook = BG/NBD × Gamma-Gamma (textbook)
report-challenger-logistic = challenger: logistic regression (linfa)
report-challenger-tree = challenger: decision tree (linfa)
report-challenger-forest = challenger: random forest (smartcore)
report-metric-auc = Ranking, AUC
    .help = higher is better; 0.5 is random
report-metric-logloss = Log loss
    .help = error of the probabilities; lower is better
report-metric-ece = Calibration error
    .help = mean gap between probability and outcome
report-metric-top = Spend in top 10%
    .help = share of spend by the best-scored tenth
report-metric-gini = Spend ranking, Gini
    .help = 1 is perfect, 0 is random
report-metric-bias = Spend bias
    .help = expected against actual total
report-metric-orders = Orders, MAE
    .help = mean absolute error per customer
report-column-products = products
report-column-categories = categories
report-column-channels = channels
report-column-promotions = promotions
report-column-returns = product returns
report-column-interactions = interactions

### Model and tags

## Reasons: what raises or lowers a churn risk, and what would change it

reason-complaints = { $n ->
    [one] 1 complaint in the last 180 days
   *[other] { $n } complaints in the last 180 days
}
reason-refund-demands = { $n ->
    [one] 1 refund request in the last 180 days
   *[other] { $n } refund requests in the last 180 days
}
reason-low-mark = low NPS answer: { $mark } of 10
change-better-mark = a better NPS answer next time
reason-content-with-service = good NPS answer: { $mark } of 10
reason-unhappy-with-service = negative service record (complaints, refund requests or NPS)
reason-service-feedback-for = gave service feedback; such customers buy again more often
reason-promotions-ignored = { $n ->
    [one] ignored the last promotion
   *[other] ignored the last { $n } promotions in a row
}
change-promotion = using a promotion, or a purchase
reason-buys-on-promotion = { $share } of purchases are on promotion
reason-promotions-answered = responds to promotions: { $share } used
reason-promotions-against = the promotion record points to a higher risk
reason-promotions-for = the promotion record points to a lower risk
reason-unfollowed = unfollowed the shop
change-follow = following again
reason-fewer-posts = { $n ->
    [one] 1 post in the last 90 days, { $before } in the 90 days before
   *[other] { $n } posts in the last 90 days, { $before } in the 90 days before
}
change-posts = posting in the community as before
reason-basket-left = { $n ->
    [one] 1 product left in the basket
   *[other] { $n } products left in the basket
}
change-basket = buying the products in the basket
reason-no-interaction = { $n ->
    [one] no visit, view, basket or post for 1 day
   *[other] no visit, view, basket or post for { $n } days
}
change-visit = a visit
reason-basket-waiting = { $n ->
    [one] 1 product in the basket since the last purchase
   *[other] { $n } products in the basket since the last purchase
}
reason-visits = { $n ->
    [one] 1 visit in the last 30 days
   *[other] { $n } visits in the last 30 days
}
reason-follows = follows the shop
reason-less-interaction = little interaction (visits, baskets, community, following)
change-interaction = a visit or another interaction
reason-interacts = good interaction (visits, baskets, community, following)
reason-basket-shrinking = the last three orders were about { $less } smaller than usual
change-usual-order = an order of the usual { $usual } or more
reason-last-order-small = last order { $last }, usually { $usual }
reason-basket-small = order value: { $last } last time, { $mean } on average
reason-basket-strong = order value: { $last } last time, { $mean } on average
reason-spends-little = total spend: { $total }
reason-spends-much = total spend: { $total }
reason-fewer-categories = bought from { $all } categories, from { $lately } in the last 90 days
change-other-categories = { $n ->
    [one] a purchase in the other category
   *[other] a purchase in one of the other { $n } categories
}
reason-category-abandoned = { $n ->
    [one] 1 category bought repeatedly, but not in the last 180 days
   *[other] { $n } categories bought repeatedly, but not in the last 180 days
}
change-abandoned-category = a purchase in an abandoned category
reason-narrow-choice = buys a narrow range
reason-narrow-choice-of = buys a narrow range ({ $range })
reason-wide-choice = buys a wide range
reason-wide-choice-of = buys a wide range ({ $range })
range-products = { $n ->
    [one] 1 product
   *[other] { $n } products
}
range-categories = { $n ->
    [one] 1 category
   *[other] { $n } categories
}
range-channels = { $n ->
    [one] 1 channel
   *[other] { $n } channels
}
change-something-new = a purchase of something new
reason-returns = { $n ->
    [one] 1 product return, { $lately } in the last 90 days
   *[other] { $n } product returns, { $lately } in the last 90 days
}
change-no-return = { $n ->
    [one] without another product return, none is recent in 1 day
   *[other] without another product return, none is recent in { $n } days
}
reason-returns-and-stays = { $n ->
    [one] active despite 1 product return
   *[other] active despite { $n } product returns
}
change-complaint = { $n ->
    [one] a good resolution; without another complaint it stops counting in 1 day
   *[other] a good resolution; without another complaint it stops counting in { $n } days
}
change-until-unusual = { $n ->
    [one] without a purchase, in 1 day the gap exceeds nine in ten of this customer’s gaps
   *[other] without a purchase, in { $n } days the gap exceeds nine in ten of this customer’s gaps
}
reason-products-not-rebought = { $n ->
    [one] 1 regularly bought product is overdue
   *[other] { $n } regularly bought products are overdue
}
change-rebuy = buying one of them again
reason-no-second-purchase = { $n ->
    [one] 1 day since the first purchase, no second one
   *[other] { $n } days since the first purchase, no second one
}
change-second = a second purchase
reason-rhythm-broken =
    { $silent ->
        [one] no purchase for 1 day
       *[other] no purchase for { $silent } days
    }; usually buys { $usual ->
        [one] every day
       *[other] every { $usual } days
    }
reason-long-cycle = { $n ->
    [one] usually buys every day
   *[other] usually buys only every { $n } days
}
change-back-in-cycle = { $n ->
    [one] a purchase now; the next is then expected within about 1 day
   *[other] a purchase now; the next is then expected within about { $n } days
}
reason-new-and-fresh = { $n ->
    [0] first purchase today
    [one] first purchase 1 day ago, still within the usual time for a second
   *[other] first purchase { $n } days ago, still within the usual time for a second
}
reason-silence-not-unusual = { $n ->
    [one] no purchase for 1 day, not unusual for this customer
   *[other] no purchase for { $n } days, not unusual for this customer
}
reason-in-rhythm =
    within the usual purchase cycle: last purchase { $ago ->
        [0] today
        [one] 1 day ago
       *[other] { $ago } days ago
    }, usually { $usual ->
        [one] every day
       *[other] every { $usual } days
    }
reason-long-silence = { $n ->
    [0] last purchase today
    [one] last purchase 1 day ago
   *[other] last purchase { $n } days ago
}
change-any-purchase = any purchase
reason-bought-lately = { $n ->
    [0] bought today
    [one] bought 1 day ago
   *[other] bought { $n } days ago
}
reason-bought-once = bought only once
reason-buys-rarely = { $n } orders in total
change-more-often = shorter gaps between orders
reason-first-order-counts = has made a first purchase
reason-came-back-before = repeat customer: { $n } orders in total
reason-buys-often = buys often: { $n } orders in total
reason-gaps-longer = the last three gaps between orders were about { $more } longer than before
reason-gaps-shorter = the last three gaps between orders were about { $less } shorter than before
reason-orders-90d = { $n ->
    [one] 1 order in the last 90 days, { $before } in the 90 days before
   *[other] { $n } orders in the last 90 days, { $before } in the 90 days before
}
change-former-pace = { $n ->
    [one] 1 more order within the 90 days restores the former pace
   *[other] { $n } more orders within the 90 days restore the former pace
}
reason-spending-less = spent { $now } in the last 90 days, { $before } in the 90 days before
reason-trend-against = the recent order trend points to a higher risk
reason-trend-for = the recent order trend points to a lower risk
reason-new-customer = { $n ->
    [0] new customer: first purchase today
    [one] new customer: first purchase 1 day ago
   *[other] new customer: first purchase { $n } days ago
}
reason-tenure-against = { $n ->
    [0] new customer: such customers leave more often
    [one] customer for 1 day: such customers leave more often
   *[other] customer for { $n } days: such customers leave more often
}
reason-tenure-for = { $n ->
    [0] new customer: such customers tend to stay
    [one] customer for 1 day: such customers tend to stay
   *[other] customer for { $n } days: such customers tend to stay
}
reason-quiet-season = no purchase at this time last year
reason-season-of-purchases = { $n ->
    [one] 1 purchase at this time last year
   *[other] { $n } purchases at this time last year
}
reason-off-season = usual hours, weekdays or season make a purchase soon less likely
reason-in-season = usual hours, weekdays or season make a purchase soon more likely

## Features of the model

feature-recency_days = Days since the last order
feature-tenure_days = Days since the first order
feature-recency_share = Days from the first order to the last ÷ tenure (1 = just bought)
feature-orders = Total orders
feature-orders_per_30d = Orders after the first, per 30 days of tenure
feature-lines = Purchase lines in total
feature-gap_mean_days = Mean gap between orders
feature-gap_median_days = Median gap between orders
feature-gap_std_days = Standard deviation of the gaps
feature-gap_cv = Standard deviation ÷ mean of the gaps (small = regular)
feature-gap_last_days = Last gap between orders
feature-gap_min_days = The shortest gap
feature-gap_max_days = The longest gap
feature-gap_p90_days = The 90th percentile of the gaps
feature-recency_over_gap_median = Days since the last order ÷ the customer’s median gap
feature-recency_over_gap_mean = Days since the last order ÷ the customer’s mean gap
feature-recency_over_gap_max = Days since the last order ÷ the customer’s longest gap
feature-recency_gap_rank = Share of the customer’s gaps shorter than the current recency
feature-overdue_sd = Days past the mean gap, in standard deviations of the gaps
feature-gap_trend = Mean of the last three gaps against the mean of those before (log)
feature-orders_7d = Orders in the last 7 days
feature-orders_14d = Orders in the last 14 days
feature-orders_30d = Orders in the last 30 days
feature-orders_60d = Orders in the last 60 days
feature-orders_90d = Orders in the last 90 days
feature-orders_180d = Orders in the last 180 days
feature-orders_365d = Orders in the last 365 days
feature-orders_decay_15d = Orders, weighted with a half-life of 15 days
feature-orders_decay_45d = Orders, weighted with a half-life of 45 days
feature-orders_decay_120d = Orders, weighted with a half-life of 120 days
feature-orders_decay_365d = Orders, weighted with a half-life of 365 days
feature-orders_trend_30d = Orders of the last 30 days against the 30 before (log of counts plus one half)
feature-orders_trend_90d = Orders of the last 90 days against the 90 before (log of counts plus one half)
feature-orders_year_ago_30d = Orders in the same 30 days a year ago
feature-orders_year_ago_90d = Orders in the same 90 days a year ago
feature-spend_total = Total spend
feature-spend_net = Total spend less product returns
feature-spend_7d = Spend of the last 7 days
feature-spend_30d = Spend of the last 30 days
feature-spend_60d = Spend of the last 60 days
feature-spend_90d = Spend of the last 90 days
feature-spend_180d = Spend of the last 180 days
feature-spend_365d = Spend of the last 365 days
feature-spend_decay_45d = Spend, weighted with a half-life of 45 days
feature-spend_decay_180d = Spend, weighted with a half-life of 180 days
feature-spend_trend_90d = Spend of the last 90 days against the 90 before (log, both plus a mean order)
feature-spend_year_ago_90d = Spend in the same 90 days a year ago
feature-spend_per_30d = Spend per 30 days of tenure (30 days at least)
feature-order_value_mean = Mean value of an order
feature-order_value_median = Median value of an order
feature-order_value_std = Standard deviation of the order values
feature-order_value_min = Smallest order value
feature-order_value_max = Largest order value
feature-order_value_first = Value of the first order
feature-order_value_last = Value of the last order
feature-order_value_change = Mean of the last three order values against the median of those before (log)
feature-order_value_last_ratio = The last order value against the median order value (log)
feature-items_per_order = Mean pieces per order
feature-lines_per_order = Mean lines per order
feature-price_mean = Spend per piece
feature-products = Distinct products bought
feature-products_per_line = Distinct products ÷ lines with a product (small = repeat purchases)
feature-products_last_order = Distinct products in the last order
feature-product_rebuy_days = Mean days between buying a product and buying it again
feature-products_due = Regularly bought products that are overdue
feature-categories = Distinct categories bought
feature-categories_90d = Distinct categories bought in the last 90 days
feature-category_top_share = Share of lines in the category bought most
feature-categories_abandoned = Categories bought at least twice, but not in the last 180 days
feature-channels = Distinct channels used
feature-channel_top_share = Share of lines in the channel used most
feature-hour_mean = Mean hour of purchase
feature-hour_std = Standard deviation of the hour of purchase
feature-weekend_share = Share of orders on Saturday or Sunday
feature-weekday_top_share = Share of orders on the weekday used most
feature-season_share = Share of orders that fell within 45 days of this season of the year
feature-returns = Product return lines
feature-return_share = Returned amount ÷ spend
feature-returns_90d = Product return lines in the last 90 days
feature-return_days = Days since the last product return
feature-gifts = Purchase lines with amount 0 (gifts)
feature-promotions_sent_90d = Promotions sent in the last 90 days
feature-promotions_used_90d = Promotions used in the last 90 days
feature-promotion_use_share = Promotions used ÷ promotions sent
feature-promotions_ignored_in_row = Promotions sent since the last one used or the last purchase
feature-promotion_order_share = Share of purchase lines that carry a promotion
feature-visits_30d = Visits in the last 30 days
feature-visits_90d = Visits in the last 90 days
feature-views_30d = Product views in the last 30 days
feature-carts_30d = Products put into the basket in the last 30 days
feature-carts_open = Products put into the basket since the last purchase
feature-posts_90d = Community posts in the last 90 days
feature-posts_trend_90d = Posts of the last 90 days against the 90 before (log of counts plus one half)
feature-interaction_days = Days since the last visit, view, basket or post
feature-following = 1 following, 0 not; the last follow or unfollow decides
feature-unfollowed = 1 if the customer unfollowed
feature-complaints_180d = Complaints in the last 180 days
feature-refund_requests_180d = Refund requests in the last 180 days
feature-complaint_days = Days since the last complaint or refund request
feature-nps_last = Last NPS answer, 0 to 10
feature-recency_over_gap_last = Days since the last order ÷ the gap before it
feature-cycles_missed = Whole median gaps that have passed since the last order
feature-cycle_due_days = Days until the next multiple of the median gap since the last order
feature-gap_regular_share = Share of the gaps within a fifth of the median gap; 1 = like a subscription
feature-weekday_due_days = Days until the usual weekday of the customer's orders
feature-month_day_due_days = Days until the usual day of the month of the customer's orders
feature-month_day_strength = How much the orders keep to one day of the month; 1 = always the same
feature-anniversary_due_days = Days until the next anniversary of the last order
feature-years_active_share = Share of the years since the first order with an order, counted back from the reference date
feature-years_streak = Consecutive years with an order, counted back from the reference date
feature-orders_second_year = Orders 365 to 729 days ago
feature-orders_third_year = Orders 730 to 1094 days ago
feature-spend_second_year = Spend 365 to 729 days ago
feature-season_years_30d = Share of earlier years with an order in the 30 days that now follow
feature-season_years_90d = Share of earlier years with an order in the 90 days that now follow

## Causes: what features speak of

cause-rhythm = Purchase cycle
    .note = days since the last order against the customer’s usual gap
cause-recency = Recency
    .note = days since the last order
cause-frequency = Frequency
    .note = how often the customer buys
cause-trend = Trend
    .note = buying more or less than before
cause-basket = Basket
    .note = the order value and how it changes
cause-spend = Spend
    .note = total spend
cause-tenure = Tenure
    .note = time since the first purchase
cause-breadth = Breadth
    .note = how many products, categories, channels
cause-season = Season
    .note = hour, weekday and time of year
cause-returns = Product returns
    .note = product returns
cause-service = Service
    .note = complaints, refund requests, ratings
cause-promotions = Promotions
    .note = sent, used and ignored
cause-interaction = Interaction
    .note = visits, views, baskets, posts, following

## Measures by which customers are grouped: name, much of it, little of it

measure-recency_days = days since the last order
    .high = not bought for long
    .low = bought recently
measure-orders = orders
    .high = many orders
    .low = few orders
measure-tenure_days = days since first purchase
    .high = long-standing
    .low = new
measure-gap_median_days = median gap in days
    .high = long gaps
    .low = short gaps
measure-order_value_mean = mean order value
    .high = large orders
    .low = small orders
measure-categories = categories
    .high = many categories
    .low = few categories
measure-promotion_order_share = share bought on promotion
    .high = buys on promotion
    .low = buys at full price
measure-visits_90d = visits in 90 days
    .high = visits often
    .low = visits rarely

cluster-typical = like most customers
cluster-numbered = { $name } ({ $id })
cluster-trait = { $name } { $value } (all: { $base })
cluster-text = { $share } of customers at training: { $traits }
cluster-everybody = everybody
cluster-unknown = { $rule } (or unknown)
cluster-semicolon = { "; " }
risk-group-high = riskiest 30%
risk-group-medium = middle 40%
risk-group-low = safest 30%

## Tags of the shipped catalogue

tag-churn-level = Churn risk
    .meaning = Level of the churn risk, from the probability and its rank among all customers
    .value-high = High
    .value-high-meaning = More likely not to buy than to buy, and among the riskiest 30% of customers
    .value-medium = Medium
    .value-medium-meaning = More likely not to buy than to buy, or among the riskiest 30% of customers
    .value-low = Low
    .value-low-meaning = More likely to buy than not
tag-uplift-value = Uplift (points)
    .meaning = What contact changes about the probability of a purchase, in percentage points, learned from past campaigns with a hold-out; empty unless proven
tag-uplift-group = Effect of contact
    .meaning = How contact works on the customer, learned from past campaigns with a hold-out; empty unless proven
    .value-persuadable = Persuadable
    .value-persuadable-meaning = Contact raises the probability of a purchase by more than half the average effect
    .value-sure_thing = Sure thing
    .value-sure_thing-meaning = Mostly buys anyway
    .value-lost_cause = Lost cause
    .value-lost_cause-meaning = Mostly does not buy, contacted or not
    .value-do_not_disturb = Do not disturb
    .value-do_not_disturb-meaning = Contact lowers the probability of a purchase
tag-churn-percentile = Churn percentile
    .meaning = Rank of the churn risk among all customers, in steps of 5: 5 is safest, 100 riskiest
tag-return-chance_short = Purchase probability, short term (%)
    .meaning = Probability of a purchase within the model’s shortest horizon (30 days by default), in steps of 5 percentage points
tag-return-chance_long = Purchase probability, long term (%)
    .meaning = Probability of a purchase within the model’s longest horizon (one year by default), in steps of 5 percentage points
tag-next_order-due = Next order
    .meaning = When the next order is expected
    .value-this_week = Within a week
    .value-this_month = Within a month
    .value-this_quarter = Within three months
    .value-later = Later
    .value-unlikely = Unlikely
    .value-unlikely-meaning = Less than a 50% chance of another order within three years
tag-value-clv_tier = Lifetime value tier
    .meaning = By expected spend over the next year
    .value-super = Super
    .value-high = High
    .value-medium = Medium
    .value-low = Low
tag-value-outlook = Spending outlook
    .meaning = Expected spend over the next year against spend of the past year
    .value-rising = Rising
    .value-steady = Steady
    .value-falling = Falling
tag-value-at_risk_level = Value at risk
    .meaning = What you stand to lose if this customer leaves
    .value-high = High
    .value-medium = Medium
    .value-low = Low
tag-care-priority = Care level
    .meaning = How much effort to spend on the customer, by value at risk
    .value-personal_call = Personal call
    .value-offer = Win-back offer
    .value-farewell = Friendly farewell
    .value-farewell-meaning = A word of thanks, no more spending on win-back
    .value-maintain = Standard care
tag-churn-risk_percent = Churn risk (%)
    .meaning = Probability of no purchase within the churn horizon, in steps of 5 percent
tag-churn-alive = Active
    .meaning = How likely the customer is still active, judged by their purchase cycle
    .value-high = High
    .value-medium = Medium
    .value-low = Low
tag-churn-top_decile = Riskiest 10%
    .meaning = Among the riskiest 10% of customers
tag-churn-quadrant = Value and risk
    .meaning = Lifetime value against churn risk, in four quadrants
    .value-save = Save: valuable, at risk
    .value-cherish = Keep: valuable, stable
    .value-grow = Grow: stable, low value
    .value-let_go = Let go: low value, at risk
tag-return-outlook = Repurchase outlook
    .meaning = Probability of a purchase within the shortest horizon
    .value-likely = Likely
    .value-possible = Possible
    .value-unlikely = Unlikely
tag-return-second_order = Second order
    .meaning = One-time buyers: probability of a second order in the long run
    .value-high = High
    .value-medium = Medium
    .value-low = Low
tag-next_order-on = Next order date
    .meaning = Median expected date of the next order: exact within two weeks, by week within three months, else by month
tag-next_order-pace = Next order timing
    .meaning = Whether the next order is expected earlier or later than usual
    .value-sooner = Sooner
    .value-as_usual = As usual
    .value-later = Later
tag-value-clv = Lifetime value
    .meaning = Expected spend over the next year, rounded to two digits
tag-value-at_risk = Value at risk
    .meaning = What you stand to lose if this customer leaves, rounded to two digits
tag-value-hidden = Rising star
    .meaning = Little spent so far, but high expected spend
tag-value-early = New with high potential
    .meaning = First order less than 90 days ago, with high expected spend
tag-value-upgrade = Upgrade potential
    .meaning = Expected to reach a higher tier within a year
    .value-high_value = To high value
    .value-super = To super
tag-care-urgency = Urgency
    .meaning = How soon to contact the customer
    .value-now = Now
    .value-this_week = This week
    .value-no_hurry = No hurry
tag-warning-early = Early warning
    .meaning = Still 30 days or more from lapsing by the own purchase cycle, but more likely than not to lapse
    .value-high = Contact soon
    .value-watch = Watch
tag-warning-lapse_on = Lapse date
    .meaning = The day on which the customer lapses by their own purchase cycle if they do not buy
tag-cluster-group = Cluster
    .meaning = Customers with similar purchase behaviour. A cluster keeps its number in the next training; the model report describes it
tag-lifecycle-stage = Lifecycle stage
    .meaning = Stage by the customer’s own purchase cycle; one-time buyers are kept apart
    .value-introduction = Introduction
    .value-introduction-meaning = First order within the last 60 days
    .value-growth = Growth
    .value-growth-meaning = Buying again, or more and more often
    .value-maturity = Maturity
    .value-maturity-meaning = Buys steadily, in a regular purchase cycle
    .value-decline = Decline
    .value-decline-meaning = Longer without a purchase than ever before
    .value-lost = Lost
    .value-lost-meaning = Far longer without a purchase than the purchase cycle explains
    .value-one_time = One-time buyer
    .value-one_time-meaning = One order, more than 60 days ago
tag-tier-member = Member tier
    .meaning = By spend of the past year and the last purchase
    .value-super = Super
    .value-super-meaning = Over 10,000 in the past year
    .value-high_value = High value
    .value-high_value-meaning = Over 5,000 in the past year
    .value-regular = Regular
    .value-regular-meaning = Two or more orders in the past year
    .value-entry = Entry
    .value-entry-meaning = A single order in the past year
    .value-dormant = Dormant
    .value-dormant-meaning = No purchase for over 90 days
tag-rfm-recency = RFM: recency
    .meaning = Days since the last order: 5 is most recent, 1 longest ago
tag-rfm-frequency = RFM: frequency
    .meaning = Orders in the past year: 5 is most, 1 fewest
tag-rfm-money = RFM: monetary
    .meaning = Spend in the past year: 5 is most, 1 least
tag-rfm-segment = RFM group
    .meaning = Core, potential or dormant, from recency, frequency and monetary scores
    .value-strategic = Core
    .value-potential = Potential
    .value-dormant = Dormant
tag-activity-level = Purchase activity
    .meaning = By the period of the latest purchases
    .value-active = Active
    .value-active-meaning = An order within 30 days
    .value-warm = Warm
    .value-warm-meaning = An order within 90 days
    .value-cool = Cool
    .value-cool-meaning = An order within a year
    .value-silent = Inactive
    .value-silent-meaning = No order within a year
tag-activity-browsing = Browsing
    .meaning = Recent browsing and basket activity; empty without interaction data
    .value-basket_waiting = Basket waiting
    .value-browsing = Browsing
    .value-quiet = Quiet
tag-signal-rhythm_broken = Signal: overdue
    .meaning = Longer without a purchase than nine in ten of the customer’s own gaps
tag-signal-basket_down = Signal: lower order value
    .meaning = The latest orders are clearly below this customer’s usual value
tag-signal-promotions_ignored = Signal: promotions ignored
    .meaning = Two or more promotions in a row without a response
tag-signal-unfollowed = Signal: unfollowed
    .meaning = Unfollowed the shop
tag-signal-complaint = Signal: complaints
    .meaning = Complaints or refund requests within half a year
    .value-refund_demanded = Requested a refund
    .value-complained = Complained
tag-promotion-sensitivity = Promotion sensitivity
    .meaning = Share of promotions sent that were used; empty without promotion data
    .value-high = High
    .value-medium = Medium
    .value-low = Low
tag-preference-time_of_day = Time of day
    .meaning = Usual time of day of purchases; empty where the data have no time
    .value-morning = Morning
    .value-noon = Noon
    .value-afternoon = Afternoon
    .value-evening = Evening
    .value-any = Any time
tag-preference-weekday = Weekday or weekend
    .meaning = Whether the customer buys on weekdays or at weekends
    .value-weekday = Weekdays
    .value-weekend = Weekends
    .value-both = Both
tag-preference-variety = Variety
    .meaning = Repeats the same products or tries new ones; empty without products
    .value-loyal = Buys the same again
    .value-mixed = Mixed
    .value-explorer = Tries new things
tag-preference-channels = Channel use
    .meaning = One channel or several; empty without channels
    .value-one = One channel
    .value-several = Several channels
tag-service-attitude = NPS group
    .meaning = From the latest NPS answer
    .value-promoter = Promoter
    .value-passive = Passive
    .value-detractor = Detractor
tag-signal-rhythm_broken_since = Overdue since
    .meaning = The day on which the gap exceeded nine in ten of the own gaps
tag-signal-basket_down_since = Lower order value since
    .meaning = The first of the smaller orders
tag-signal-promotions_ignored_since = Promotions ignored since
    .meaning = The day of the second ignored promotion in a row
tag-signal-unfollowed_since = Unfollowed since
    .meaning = The day on which the customer unfollowed
tag-signal-complaint_since = Last complaint
    .meaning = Day of the last complaint or refund request
tag-signal-complaint_refund = Signal: complaint and refund request
    .meaning = A complaint followed by a refund request within 60 days
tag-signal-complaint_refund_since = Refund requested on
    .meaning = Day of the refund request that followed a complaint
tag-signal-posts_fewer = Signal: fewer posts
    .meaning = Clearly fewer community posts within 60 days than usual
tag-signal-posts_fewer_since = Last post
    .meaning = Day of the last post of a customer who posts less
tag-signal-category_abandoned = Signal: category abandoned
    .meaning = A regularly bought category that is no longer bought and was not replaced
tag-signal-category_abandoned_since = Category abandoned since
    .meaning = The day on which that category became overdue
tag-signal-nps_fallen = Signal: NPS down
    .meaning = The NPS answer is at least 3 points lower than before
tag-signal-returns = Signal: product returns
    .meaning = Two or more product return lines within 90 days
tag-signal-looks_only = Signal: browsing without buying
    .meaning = Views products but does not buy, past the usual gap
tag-signal-orders_falling = Signal: fewer orders
    .meaning = Less than half as many orders in the last 90 days as in the 90 days before
tag-signal-spend_falling = Signal: less spend
    .meaning = Clearly less spend in the last 90 days than in the 90 days before
tag-signal-count = Number of signals
    .meaning = How many of the main warning signals apply
tag-rfm-score = RFM: total score
    .meaning = Sum of the three scores, 3 to 15
tag-rfm-code = RFM: code
    .meaning = Three digits: recency, frequency, money
tag-rfm-cell = RFM segment
    .meaning = Eight segments by whether each score is high (3 or more) or low
    .value-important_value = Champions
    .value-important_develop = Potential loyalists
    .value-important_keep = Can’t lose them
    .value-important_win_back = At risk
    .value-general_value = Loyal customers
    .value-general_develop = Promising
    .value-general_keep = Needs attention
    .value-general_win_back = Hibernating
tag-rfm-x_category = RFM+X: category
    .meaning = Category with the most spend
tag-rfm-x_occasion = RFM+X: occasion
    .meaning = Sales event with the most spend; everyday if below 30% of spend
    .value-everyday = Everyday
    .value-618 = 618
    .value-double_11 = Double 11
    .value-double_12 = Double 12
    .value-new_year = New Year
    .value-black_friday = Black Friday
    .value-christmas = Christmas
    .value-january_sale = January sale
    .value-summer_sale = Summer sale
tag-lifecycle-stage_since = In stage since
    .meaning = The day on which the current lifecycle stage began
tag-lifecycle-buyer = Buyer type
    .meaning = Never bought, bought once, or repeat buyer
    .value-visitor = Visitor
    .value-once = Once
    .value-repeat = Repeat
    .value-loyal = Loyal
tag-lifecycle-tenure = Tenure
    .meaning = Time since the first order
    .value-new = New
    .value-young = Under half a year
    .value-settled = Under two years
    .value-veteran = Two years and more
tag-lifecycle-last_order_on = Last order
    .meaning = Date of the last order
tag-lifecycle-cycle_days = Purchase cycle (days)
    .meaning = Median gap between the customer’s orders
tag-lifecycle-cycle = Purchase cycle
    .meaning = How often the customer buys, by the median gap
    .value-weekly = Weekly
    .value-fortnightly = Every two weeks
    .value-monthly = Monthly
    .value-quarterly = Quarterly
    .value-seldom = Rarely
tag-lifecycle-regularity = Regularity
    .meaning = How regular the gaps between orders are
    .value-regular = Regular
    .value-loose = Loose
    .value-erratic = Erratic
tag-lifecycle-overdue = Overdue
    .meaning = Days since the last order against the usual gap
    .value-not_due = Not due
    .value-due = Due
    .value-overdue = Overdue
    .value-long_overdue = Long overdue
tag-lifecycle-first_repurchase = First repurchase
    .meaning = Time from the first order to the second
    .value-fast = Within 30 days
    .value-normal = Within 90 days
    .value-slow = Slower
tag-lifecycle-start = First 90 days
    .meaning = Orders within 90 days of the first
    .value-strong = Strong
    .value-fair = Fair
    .value-weak = Weak
tag-lifecycle-one_time_window = Window for a second order
    .meaning = One-time buyers: time since the first order; the chance of a second one falls
    .value-fresh = First 30 days
    .value-open = 31 to 60 days
    .value-closing = 61 to 120 days
    .value-closed = Over 120 days
tag-lifecycle-reactivated = Reactivated
    .meaning = Bought within the last 60 days after an unusually long gap
tag-lifecycle-months_active = Active months
    .meaning = How many of the last twelve 30-day periods have an order
tag-lifecycle-streak = Months in a row
    .meaning = Consecutive 30-day periods with an order, up to now
tag-spend-year = Spend, past year
    .meaning = Spend of the last 365 days, rounded
tag-spend-total = Total spend
    .meaning = Total spend, rounded
tag-spend-level = Spending level
    .meaning = By the spend of the last 365 days
    .value-super = Super
    .value-high = High
    .value-medium = Medium
    .value-low = Low
tag-spend-year_change = Year on year
    .meaning = The last 365 days against the 365 before
    .value-up = Up
    .value-steady = Steady
    .value-down = Down
tag-spend-basket = Order value level
    .meaning = Mean order value
    .value-large = Large
    .value-medium = Medium
    .value-small = Small
tag-spend-basket_value = Average order value
    .meaning = Mean order value, rounded
tag-spend-basket_trend = Order value trend
    .meaning = The last three orders against those before
    .value-up = Up
    .value-steady = Steady
    .value-down = Down
tag-spend-price_level = Price level
    .meaning = Mean price per piece
    .value-premium = Premium
    .value-middle = Middle
    .value-basic = Basic
tag-spend-pieces = Pieces per order
    .meaning = Pieces per order
    .value-stocks_up = Stocks up
    .value-several = Several
    .value-single = Single
tag-spend-steadiness = Steadiness
    .meaning = Whether order values are similar
    .value-steady = Steady
    .value-varied = Varied
    .value-jumpy = Volatile
tag-spend-half_year = Spend, past half year
    .meaning = Spend of the last 180 days, rounded
tag-spend-returned = Product return share
    .meaning = Returned amount as a share of spend
    .value-none = None
    .value-little = Little
    .value-much = Much
tag-tier-rank = Value tier
    .meaning = By the better of the last two years; a pause alone does not lower it
    .value-super = Super
    .value-high_value = High value
    .value-regular = Regular
    .value-entry = Entry
tag-contact-channel = Best contact channel
    .meaning = Channel with the best promotion response; without promotions the one with most visits, then orders
tag-contact-hour = Best contact hour
    .meaning = Local hour (0 to 23) around which visits, orders and responses fall
tag-tier-next_gap = To the next tier
    .meaning = Spend needed to reach the next tier
tag-tier-near_upgrade = Close to an upgrade
    .meaning = Less than 10% of spend short of the next tier
tag-tier-at_risk = Tier at risk
    .meaning = High tier, with less than a third of its spend in the last half year
tag-preference-category = Top category
    .meaning = Category with the most spend
tag-preference-category_second = Second category
    .meaning = Category with the second most spend
tag-preference-category_last = Last category
    .meaning = Category of the largest line of the last order
tag-preference-category_focus = Category focus
    .meaning = Whether spend concentrates on one category
    .value-one = One
    .value-few = Few
    .value-many = Many
tag-preference-category_new = Tried a new category
    .meaning = The last order has a category for the first time
tag-preference-categories = Categories
    .meaning = Distinct categories bought
tag-preference-product = Top product
    .meaning = The product bought most often
tag-preference-replenishment = Replenishment due
    .meaning = A product is due by its own repurchase cycle
    .value-several = Several
    .value-one = One or two
tag-preference-product_cycle = Product repurchase cycle
    .meaning = Days until the same product is bought again
    .value-short = Short
    .value-medium = Medium
    .value-long = Long
tag-preference-channel = Top channel
    .meaning = The channel with most orders
tag-preference-channel_last = Last channel
    .meaning = The channel of the last order
tag-preference-channel_changed = Channel changed
    .meaning = The last two orders used another channel than most before
tag-preference-hour = Part of the day
    .meaning = Part of the day with most orders
    .value-morning = Morning
    .value-noon = Noon
    .value-afternoon = Afternoon
    .value-evening = Evening
tag-preference-occasion = Sales event dependence
    .meaning = Share of spend during the big sales events
    .value-high = High
    .value-medium = Medium
    .value-low = Low
tag-preference-season = Seasonality
    .meaning = Whether orders fall into the current season
    .value-now = This season
    .value-other = Another season
    .value-all_year = All year
tag-preference-gifts = Gifts
    .meaning = Whether gifts were taken
    .value-often = Often
    .value-some = Some
tag-promotion-dependence = Promotion dependence
    .meaning = Share of spend on promotion
    .value-high = High
    .value-medium = Medium
    .value-low = Low
tag-promotion-used = Promotions used
    .meaning = Promotions used in total
tag-promotion-pressure = Promotion pressure
    .meaning = Promotions sent within 90 days
    .value-high = High
    .value-medium = Medium
    .value-low = Low
tag-promotion-never_used = Never uses promotions
    .meaning = Received five or more promotions and used none
tag-activity-orders_year = Orders, past year
    .meaning = Orders within the last 365 days
tag-activity-trend = Trend
    .meaning = The last 90 days against the 90 days before
    .value-up = Up
    .value-steady = Steady
    .value-down = Down
tag-activity-visits = Visits
    .meaning = Visits within 30 days
    .value-high = High
    .value-medium = Medium
    .value-low = Low
tag-activity-basket_open = Open basket
    .meaning = Products added to the basket since the last purchase
tag-activity-community = Community
    .meaning = Activity in the community
    .value-voice = Active
    .value-writes = Posts sometimes
    .value-listens = Reads only
    .value-left = Left
tag-activity-posts = Posts
    .meaning = Posts in the community
tag-activity-last_contact = Last contact
    .meaning = Time since the last visit, view, basket or post
    .value-week = Within a week
    .value-month = Within a month
    .value-quarter = Within three months
    .value-older = Longer ago
tag-activity-looks = Views since the last order
    .meaning = Products viewed since the last order
tag-activity-mix = Kind of activity
    .meaning = Whether the last 90 days had orders, interactions only, or nothing
    .value-buys = Buys
    .value-contact_only = Contact only
    .value-nothing = Nothing
tag-service-complaints = Complaints
    .meaning = Complaints in total
tag-service-open_wound = Recent trouble
    .meaning = A complaint or refund request within 30 days
tag-service-nps = NPS answer
    .meaning = The latest NPS answer
tag-service-nps_trend = NPS trend
    .meaning = The latest NPS answer against the one before
    .value-up = Up
    .value-steady = Steady
    .value-down = Down
tag-service-returns = Product returns
    .meaning = Product return lines
    .value-never = Never
    .value-seldom = Seldom
    .value-often = Often
tag-service-return_recent = Recent product return
    .meaning = A product return within 30 days
tag-fading-cause_first = Cause of decline
    .meaning = Overdue customers: the likely cause, from the latest orders and what followed
    .value-price = Price
    .value-service = Service
    .value-delivery = Delivery
    .value-outgrown = Needs have changed
    .value-rhythm = Losing interest
    .value-silent = No visible cause
tag-fading-cause_second = Second cause
    .meaning = Overdue customers: the likely cause, from the latest orders and what followed
    .value-price = Price
    .value-service = Service
    .value-delivery = Delivery
    .value-outgrown = Needs have changed
    .value-rhythm = Losing interest
    .value-silent = No visible cause
tag-fading-cause_third = Third cause
    .meaning = Overdue customers: the likely cause, from the latest orders and what followed
    .value-price = Price
    .value-service = Service
    .value-delivery = Delivery
    .value-outgrown = Needs have changed
    .value-rhythm = Losing interest
    .value-silent = No visible cause
tag-first_purchase-month = Month of the first purchase
    .meaning = The month in which the customer first bought
tag-first_purchase-size = Size of the first purchase
    .meaning = Amount of the first purchase
    .value-large = Large
    .value-medium = Medium
    .value-small = Small
tag-first_purchase-on = First purchase
    .meaning = Day of the first order
tag-first_purchase-channel = First channel
    .meaning = The channel of the first order
tag-first_purchase-category = First category
    .meaning = Category of the largest line of the first order
tag-first_seen-on = First seen
    .meaning = Day of the first event of any kind
tag-first_seen-path = Path to the first order
    .meaning = Whether the customer was known before the first purchase
    .value-known_first = Known first
    .value-bought_at_once = Bought at once

## Actions of the shipped playbook

action-call_after_complaint = Manager calls to apologise
    .text = Listen to the complaint first and apologise; offer compensation and a deadline for the resolution. Do not sell in this call. Follow up after three days.
action-apology_message = Apology with the resolution
    .text = Explain how the complaint was resolved, apologise, and name a direct contact. No promotion.
action-call_after_delivery = Call about the delivery
    .text = Go through the late or damaged deliveries; offer pick-up in store or another carrier for the next order, free of charge.
action-delivery_message = Message about delivery improvements
    .text = Explain what has changed in delivery and offer pick-up in store.
action-personal_offer_call = Personal call with a member price on regular products
    .text = Ask where they compare prices; offer a member price on the two or three products they always buy. No store-wide voucher.
action-next_category_call = Personal call about what suits them now
    .text = They no longer buy what they used to. Ask what has changed, recommend categories that fit now, and invite them to try in store.
action-personal_call = Personal call
    .text = A sales assistant they know calls, asks how they are and what has changed. No hurry to sell; note the reason.
action-next_category_offer = Trial voucher for a new category
    .text = Send a trial voucher for categories that similar customers buy next, with buying tips.
action-price_offer = Offer on regular products
    .text = Send a limited-time offer on the products they buy, and announce the next sale early.
action-win_back_offer = Win-back offer
    .text = Send an offer in their favourite category, valid for two weeks.
action-reminder = Replenishment reminder
    .text = Remind them by their own purchase cycle, without a discount.
action-farewell = Friendly farewell
    .text = Thank them and say they are always welcome; then stop contacting them.
action-second_order_offer = Second-order offer
    .text = Send an offer for a second order in the category of the first, and explain the member benefits.
action-leave_in_peace = No further contact
    .text = Most likely a one-time buyer; spend no more on contacts.
action-welcome_call = Welcome call
    .text = A large first order: a sales assistant calls to welcome them, exchanges contacts, and asks what they need.
action-welcome = Welcome message with advice
    .text = Thank them for the first order, send tips on its use, and invite them to a second order within 30 days.
action-check_in_call = Check-in call: overdue
    .text = Overdue by their own purchase cycle: call, ask how things are, and help them reorder.
action-due_reminder = Replenishment reminder
    .text = Remind them of the products due by their own purchase cycle.
action-thank_personally = Personal care for super members
    .text = Their own assistant keeps in touch: first to try new products, invited to member events.
action-upgrade_path = Path to the next tier
    .text = Tell them what is missing for the next tier and what it brings; suggest a related category.
action-grow = Build the habit
    .text = Suggest products that go with what they bought, or a regular delivery.
action-ordinary_care = Standard care
    .text = All is well; no contact needed.

next-action = Next best action
    .meaning = The playbook’s action for the customer’s stage, value tier, cause and value at risk
playbook-none = none
playbook-part = { $axis }: { $value }
