# %% [markdown]
# # The first hour
# Fit, score, judge and explain on the purchases that come with homing. Open this file as a notebook with Jupyter (jupytext) or
# VS Code, or run it: `python docs/notebooks/first_hour.py`. Two to three minutes on two cores.

# %%
import homing

purchases = homing.datasets.cdnow()  # yours: any frame, or paths of files
purchases.head()

# %% [markdown]
# ## Are the data sufficient?

# %%
found = homing.check(purchases)
print(found)
assert found.usable

# %% [markdown]
# ## Fit as of the end of March, score, look at the best customers at risk

# %%
model = homing.Model(horizons=(30, 90)).fit(purchases, as_of="1998-03-31")
scores = model.predict(purchases, as_of="1998-03-31")
at_risk = scores.sort_values("value_at_risk", ascending=False)
at_risk[["customer_id", "p_purchase_90d", "churn_risk", "clv", "value_at_risk"]].head(10)

# %% [markdown]
# ## How good is it? What happened in the 90 days after, beside simple rules

# %%
backtest = model.backtest(purchases, "1998-03-31", 90)
print(backtest)
backtest.metrics[["candidate", "buy_auc", "buy_logloss"]].round(4)

# %%
homing.plot.gain(backtest)
homing.plot.calibration(backtest)

# %% [markdown]
# ## Beside LightGBM on the same features

# %%
from lightgbm import LGBMClassifier
from sklearn.metrics import roc_auc_score

names = [one["name"] for one in homing.feature_list()]
past = homing.features(purchases, "1997-12-31", labels=90)
now = homing.features(purchases, "1998-03-31", labels=90)
lightgbm = LGBMClassifier(n_estimators=100, num_leaves=8, verbose=-1).fit(past[names], past["bought_next_90d"])
auc = roc_auc_score(now["bought_next_90d"], lightgbm.predict_proba(now[names])[:, 1])
print(f"AUC: homing {backtest.metrics['buy_auc'].iloc[0]:.4f}, LightGBM {auc:.4f}")

# %% [markdown]
# ## Why this score?

# %%
reasons = model.explain(purchases, as_of="1998-03-31")
one = reasons[reasons["customer_id"] == at_risk["customer_id"].iloc[0]]
one.reindex(one["contribution"].abs().sort_values(ascending=False).index)[["feature", "value", "contribution"]].head(8)

# %% [markdown]
# ## Keep it, and take its trees elsewhere

# %%
import tempfile

with tempfile.TemporaryDirectory() as folder:
    path = model.save(folder + "/model")  # what `homing score --model` and `homing serve --model` take
    assert homing.load(path).id_ == model.id_
text = model.trees_["purchase_90d"].to_lightgbm()
text.splitlines()[:8]
