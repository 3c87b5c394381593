from __future__ import annotations

import pytest

import homing

plt = pytest.importorskip("matplotlib.pyplot")


def test_plots_draw_on_the_axes_that_are_given(purchases):
    model = homing.BgNbd().fit(homing.summary(purchases, "1997-09-30", freq="W"))
    found = homing.Model().backtest(purchases, "1998-03-31", 90)
    for draw in [
        lambda ax: homing.plot.frequency_recency_matrix(model, 26, ax=ax),
        lambda ax: homing.plot.probability_alive_matrix(model, ax=ax),
        lambda ax: homing.plot.calibration(found, ax=ax),
        lambda ax: homing.plot.gain(found, ax=ax),
        lambda ax: homing.plot.cumulative_transactions(model, purchases, ax=ax),
    ]:
        figure, ax = plt.subplots()
        assert draw(ax) is ax and (ax.lines or ax.images)
        plt.close(figure)
    with pytest.raises(homing.ArgumentError, match="groups"):
        homing.plot.calibration(found, groups=1)


def test_the_model_follows_the_actual_orders_up_to_the_end_of_its_fit(purchases):
    model = homing.BgNbd().fit(homing.summary(purchases, "1997-09-30", freq="W"))
    actual, expected = homing.plot.cumulative_transactions(model, purchases).get_lines()
    week = 38
    assert expected.get_ydata()[week] == pytest.approx(actual.get_ydata()[week], rel=0.05)
