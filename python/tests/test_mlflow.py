from __future__ import annotations

import pytest

mlflow = pytest.importorskip("mlflow")


@pytest.fixture
def tracked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A folder, so that no database library is needed.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    mlflow.set_experiment("shops")
    yield
    mlflow.set_tracking_uri("")


def test_a_saved_model_scores_in_the_process(model, few, tmp_path):
    import homing.mlflow

    homing.mlflow.save_model(model, tmp_path / "shop")
    scorer = mlflow.pyfunc.load_model(str(tmp_path / "shop"))
    params = {"as_of": "1998-03-31", "horizons": [14]}
    found, wanted = scorer.predict(few, params=params), model.predict(few, "1998-03-31", [14])
    assert found.drop(columns="scored_at").equals(wanted.drop(columns="scored_at"))
    assert scorer.predict(few)["as_of"].iloc[0] != found["as_of"].iloc[0]


def test_only_warnings_about_data_are_silenced(model, few, monkeypatch):
    import warnings

    import homing
    import homing.mlflow

    def warned(*_, **__):
        warnings.warn(homing.DataWarning("cents"), stacklevel=1)
        warnings.warn("old pandas", FutureWarning, stacklevel=1)

    monkeypatch.setattr(model, "predict", warned)
    with pytest.warns() as caught:
        homing.mlflow._Scorer(model).predict(few)
    assert [one.category for one in caught] == [FutureWarning]


def test_a_logged_model_brings_parameters_metrics_and_report(model, purchases, tracked):
    import homing.mlflow

    with mlflow.start_run() as run:
        info = homing.mlflow.log_model(model)
    data = mlflow.get_run(run.info.run_id).data
    assert data.params["model"] == model.id_ and data.params["seed"] == "0"
    assert data.metrics["buy_auc"] == model.metrics_["buy_auc"]
    assert [one.path for one in mlflow.MlflowClient().list_artifacts(run.info.run_id)].count("report.html") == 1
    again = homing.mlflow.load_model(info.model_uri)
    assert again.id_ == model.id_
    assert mlflow.pyfunc.load_model(info.model_uri).metadata.flavors["homing"]["model_id"] == model.id_


def test_a_model_that_is_not_fitted_is_not_saved(tmp_path):
    import homing
    import homing.mlflow

    with pytest.raises(homing.NotFittedError):
        homing.mlflow.save_model(homing.Model(), tmp_path / "shop")
