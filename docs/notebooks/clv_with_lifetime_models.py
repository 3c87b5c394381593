# %% [markdown]
# # Customer lifetime value with lifetime models
# BG/NBD for orders and Gamma-Gamma for their value, step by step, on the CDNOW cohort: fit on 39 weeks, look at the 39 weeks after.
# Fader, Hardie & Lee (2005); Fader & Hardie (2013). Under a minute.

# %%
import numpy as np

import homing

purchases = homing.datasets.cdnow()
summary = homing.summary(purchases, "1997-09-30", freq="W")  # frequency, recency, T, monetary_value; times in weeks
summary.head()

# %% [markdown]
# ## Orders: BG/NBD and Pareto/NBD

# %%
bg_nbd = homing.BgNbd().fit(summary)
pareto = homing.ParetoNbd().fit(summary)
for model in (bg_nbd, pareto):
    print(type(model).__name__, {name: round(value, 3) for name, value in model.params_.items()}, model.status_)
bg_nbd.standard_errors_

# %%
homing.plot.frequency_recency_matrix(bg_nbd, 39)
homing.plot.probability_alive_matrix(bg_nbd)
homing.plot.cumulative_transactions(bg_nbd, purchases)

# %% [markdown]
# ## Does it hold in the 39 weeks after?

# %%
later = homing.summary(purchases, "1998-06-30", freq="W").set_index("customer_id")["frequency"]
before = summary.set_index("customer_id")["frequency"]
actual = (later - before).reindex(summary["customer_id"]).to_numpy()
expected = bg_nbd.expected_purchases(39)
print(f"repeat orders: {actual.sum():.0f}, expected {expected.sum():.0f}")
for repeats in range(4):
    group = (summary["frequency"] == repeats).to_numpy()
    print(f"{repeats} repeat orders so far: {actual[group].mean():.3f}, expected {expected[group].mean():.3f}")
assert 0.8 < expected.sum() / actual.sum() < 1.2

# %% [markdown]
# ## Spend: Gamma-Gamma, and the value of a year

# %%
spend = homing.GammaGamma().fit(summary)
value = bg_nbd.clv(spend, months=12, discount_rate=0.01, freq="W")
summary.assign(alive=bg_nbd.probability_alive(), clv=value).sort_values("clv", ascending=False).head(10)

# %% [markdown]
# What a new customer brings, and how the model of homing, which adds features, a base rate and calibration to this, sees the same
# customers: `homing.Model().fit(...).predict(...)["clv"]`.

# %%
print("orders of a new customer within 52 weeks:", np.round(bg_nbd.expected_purchases_new_customer(52), 2))
