"""Lifetime models one by one, by maximum likelihood: BG/NBD, MBG/NBD, Pareto/NBD, Gamma-Gamma.

The arguments are those of the package lifetimes: arrays of frequency (repeat orders), recency (time of the last order since the
first) and T (time observed since the first), in any unit of time; `homing.summary` makes them. Or give one frame that has these
columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from homing import _homing
from homing._errors import ArgumentError, DataError, NotFittedError

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Array = numpy.typing.NDArray[numpy.float64]


def _column(values: Any, name: str) -> Array:
    import numpy

    try:
        found = numpy.asarray(values, dtype="float64")
    except (TypeError, ValueError) as cause:
        raise DataError(f"{name} is not numbers: {cause}; convert it", "not_numbers", "convert it") from cause
    if found.ndim > 1:
        raise ArgumentError(f"{name} has {found.ndim} dimensions; give one", "dimensions", "give one dimension")
    found = numpy.atleast_1d(found)
    bad = ~numpy.isfinite(found) | (found < 0)
    if bad.any():
        row = int(numpy.argmax(bad))
        remedy = "drop or correct the row"
        raise DataError(f"{name} is {found[row]} in row {row}, but has to be finite and 0 or more; {remedy}", "bad_value", remedy)
    return found


def _whole(values: Array, name: str) -> Array:
    import numpy

    bad = values != numpy.floor(values)
    if bad.any():
        row = int(numpy.argmax(bad))
        remedy = "count orders in whole numbers"
        raise DataError(f"{name} is {values[row]} in row {row}; {remedy}", "not_whole", remedy)
    return values


def _bytes(values: Array) -> bytes:
    return values.astype("<f8").tobytes()


def _array(found: bytes) -> Array:
    import numpy

    return numpy.frombuffer(found, dtype="<f8").astype("float64")


def _is_frame(first: Any) -> bool:
    return hasattr(first, "columns") or hasattr(first, "column_names")


class _Fitting:
    _parameters: ClassVar[tuple[str, ...]] = ("prior_weight", "max_iterations", "gradient_tolerance")

    def __init__(self, *, prior_weight: float = 0.0, max_iterations: int = 500, gradient_tolerance: float = 1e-7) -> None:
        """Keeps how to fit: `prior_weight` 0 is maximum likelihood, as in the papers; 1 steadies a fit to few customers."""
        self.prior_weight = prior_weight
        self.max_iterations = max_iterations
        self.gradient_tolerance = gradient_tolerance

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, as scikit-learn asks for them."""
        return {name: getattr(self, name) for name in self._parameters}

    def set_params(self, **params: Any) -> Any:
        """Sets parameters."""
        for name, value in params.items():
            if name not in self._parameters:
                remedy = f"use one of {', '.join(self._parameters)}"
                raise ArgumentError(f"`{name}` is not a parameter; {remedy}", "unknown_parameter", remedy)
            setattr(self, name, value)
        return self

    def _fitting(self) -> dict[str, Any]:
        return {
            "prior_weight": float(self.prior_weight),
            "regularity": int(getattr(self, "regularity", 1)),
            "max_iterations": int(self.max_iterations),
            "gradient_tolerance": float(self.gradient_tolerance),
        }

    def _account(self, model: Any) -> None:
        errors, self.log_likelihood_, self.customers_, self.status_ = model.account()
        self.params_: dict[str, float] = dict(model.parameters())
        self.standard_errors_: dict[str, float] | None = dict(zip(self.params_, errors, strict=True)) if errors else None

    def __repr__(self) -> str:
        """The parameters with their standard errors."""
        name = type(self).__name__
        if not hasattr(self, "params_"):
            return f"{name}()"
        errors = self.standard_errors_ or {}
        shown = ", ".join(f"{one}={value:.4g}" + (f" ± {errors[one]:.2g}" if one in errors else "") for one, value in self.params_.items())
        return f"{name}: {shown} ({self.status_}, {self.customers_:.0f} customers)"

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: everything but the native model, which follows from the parameters."""
        return {name: value for name, value in self.__dict__.items() if name != "_model"}


class _Lifetime(_Fitting):
    _family: ClassVar[str]
    _names: ClassVar[tuple[str, str, str, str]]

    def fit(self, frequency: Any, recency: Any = None, T: Any = None) -> Any:
        """Fits to arrays of frequency, recency and T, or to a frame with these columns. Returns the model."""
        self._x, self._t_x, self._T = self._customers(frequency, recency, T)
        self._model = _homing.fit_lifetime(self._family, _bytes(self._x), _bytes(self._t_x), _bytes(self._T), self._fitting())
        self._account(self._model)
        return self

    @classmethod
    def of(cls, *values: float, **named: float) -> Any:
        """The model with given parameters, such as published ones, in the order of the paper or by name.

        >>> import homing
        >>> model = homing.BgNbd.of(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> round(float(model.expected_purchases(39, frequency=2, recency=30.43, T=38.86)[0]), 3)
        1.226
        """
        if (named and values) or not (len(values) == 4 or set(named) == set(cls._names)):
            remedy = f"give {', '.join(cls._names)}"
            raise ArgumentError(f"{cls.__name__} has four parameters; {remedy}", "parameters", remedy)
        model = cls()
        given = [float(one) for one in (values or [named[name] for name in cls._names])]
        model._model = _homing.LifetimeModel.given(cls._family, given, int(getattr(model, "regularity", 1)))
        model._account(model._model)
        return model

    def expected_purchases(self, t: float, frequency: Any = None, recency: Any = None, T: Any = None, *, since: float = 0.0) -> Array:
        """Orders expected of each customer within `t` after the end of observation (from `since` on).

        Of the customers that the model was fitted to, where none are given. lifetimes calls it
        `conditional_expected_number_of_purchases_up_to_time`.
        """
        found = self._native().orders(*self._asked(frequency, recency, T), (float(since), float(t)))
        return _array(found)

    def probability_alive(self, frequency: Any = None, recency: Any = None, T: Any = None) -> Array:
        """Probability that each customer has not left for good."""
        return _array(self._native().alive(*self._asked(frequency, recency, T)))

    def probability_of_purchase(self, t: float, frequency: Any = None, recency: Any = None, T: Any = None) -> Array:
        """Probability of at least one order of each customer within `t` after the end of observation."""
        return _array(self._native().buys(*self._asked(frequency, recency, T), float(t)))

    def expected_purchases_new_customer(self, t: Any) -> Array:
        """Repeat orders expected of a new customer within each time `t` after the first order."""
        return _array(self._native().of_new(_bytes(_column(t, "t"))))

    def alive_over_time(self, repeats: Any, instants: Any) -> Array:
        """P(alive) of one customer at each instant, from what was known then; times since the first order."""
        return _array(self._native().history(_bytes(_column(repeats, "repeats")), _bytes(_column(instants, "instants"))))

    def clv(
        self,
        spend: GammaGamma | Any,
        frequency: Any = None,
        recency: Any = None,
        T: Any = None,
        monetary_value: Any = None,
        *,
        months: int = 12,
        discount_rate: float = 0.01,
        freq: str = "D",
    ) -> Array:
        """Discounted value of each customer in the coming months: expected orders times the expected mean value of an order.

        `spend` is a fitted GammaGamma, or the mean value of an order (one number or one a customer). `discount_rate` is
        monthly; `freq` is the unit of time of recency and T. The sum of `lifetimes.utils._customer_lifetime_value`.
        """
        import numpy

        month = {"W": 4.345, "M": 1.0, "D": 30.0, "Y": 1 / 12}.get(freq)
        if month is None or months < 1:
            raise ArgumentError("freq is D, W, M or Y, months 1 or more", "clv", "correct freq or months")
        x, t_x, age = self._customers(frequency, recency, T) if frequency is not None else self._own()
        if isinstance(spend, GammaGamma):
            value = spend.expected_mean_spend() if monetary_value is None else spend.expected_mean_spend(x, monetary_value)
        else:
            value = numpy.broadcast_to(numpy.asarray(spend, dtype="float64"), x.shape)
        if len(value) != len(x):
            remedy = "give monetary_value, one a customer"
            raise ArgumentError(f"there are {len(value)} mean values for {len(x)} customers; {remedy}", "length", remedy)
        total = numpy.zeros(len(x))
        for nth in range(1, months + 1):
            orders = self.expected_purchases(month * nth, x, t_x, age, since=month * (nth - 1))
            total += value * orders / (1 + discount_rate) ** nth
        return total

    def _customers(self, frequency: Any, recency: Any, T: Any) -> tuple[Array, Array, Array]:
        if recency is None and T is None and _is_frame(frequency):
            frame, names = frequency, list(getattr(frequency, "column_names", None) or frequency.columns)
            missing = [name for name in ("frequency", "recency", "T") if name not in names]
            if missing:
                remedy = "make them with homing.summary(purchases)"
                raise DataError(f"the frame has no column {', '.join(missing)}; {remedy}", "missing_column", remedy)
            frequency, recency, T = frame["frequency"], frame["recency"], frame["T"]
        if recency is None or T is None:
            remedy = "give frequency, recency and T, or a frame that has them"
            raise ArgumentError(f"recency and T are missing; {remedy}", "missing_argument", remedy)
        x, t_x, age = _column(frequency, "frequency"), _column(recency, "recency"), _column(T, "T")
        if not len(x) == len(t_x) == len(age):
            remedy = "give one value a customer in each"
            raise ArgumentError(f"frequency, recency and T have {len(x)}, {len(t_x)} and {len(age)} values; {remedy}", "length", remedy)
        late = t_x > age
        if late.any():
            row = int(late.argmax())
            remedy = "T is the time from the first order to the end of observation"
            raise DataError(f"recency {t_x[row]} is after T {age[row]} in row {row}; {remedy}", "recency_after_T", remedy)
        return _whole(x, "frequency"), t_x, age

    def _asked(self, frequency: Any, recency: Any, T: Any) -> tuple[bytes, bytes, bytes]:
        x, t_x, age = self._own() if frequency is None else self._customers(frequency, recency, T)
        return _bytes(x), _bytes(t_x), _bytes(age)

    def _own(self) -> tuple[Array, Array, Array]:
        if not hasattr(self, "_x"):
            remedy = "call fit, or give frequency, recency and T"
            raise NotFittedError(f"there are no customers; {remedy}", "not_fitted", remedy)
        return self._x, self._t_x, self._T

    def _native(self) -> _homing.LifetimeModel:
        if not hasattr(self, "_model"):
            if not hasattr(self, "params_"):
                raise NotFittedError("this model is not fitted; call fit first", "not_fitted", "call fit first")
            values = list(self.params_.values())
            self._model = _homing.LifetimeModel.given(self._family, values, int(getattr(self, "regularity", 1)))
        return self._model


class _Regular(_Lifetime):
    _parameters: ClassVar[tuple[str, ...]] = (*_Fitting._parameters, "regularity")
    _names = ("r", "alpha", "a", "b")

    def __init__(
        self,
        *,
        prior_weight: float = 0.0,
        max_iterations: int = 500,
        gradient_tolerance: float = 1e-7,
        regularity: int = 1,
    ) -> None:
        """Keeps how to fit; `regularity` is the k of BG/CNBD-k: gaps between orders more regular than chance."""
        super().__init__(prior_weight=prior_weight, max_iterations=max_iterations, gradient_tolerance=gradient_tolerance)
        self.regularity = regularity


class BgNbd(_Regular):
    """BG/NBD (Fader, Hardie & Lee 2005): customers buy at random rates and may leave after a repeat order.

    >>> import homing
    >>> summary = homing.summary(homing.datasets.cdnow(), "1997-09-30", freq="W")
    >>> model = homing.BgNbd().fit(summary)
    >>> sorted(model.params_)
    ['a', 'alpha', 'b', 'r']
    >>> model.expected_purchases(26).shape
    (23570,)
    """

    _family = "bg_nbd"


class MbgNbd(_Regular):
    """MBG/NBD (Batislam, Denizel & Filiztekin 2007): as BG/NBD, but customers may leave after the first order too.

    >>> import homing
    >>> model = homing.MbgNbd().fit(homing.summary(homing.datasets.cdnow(), freq="W"))
    >>> bool((model.probability_alive() < 1).all())
    True
    """

    _family = "mbg_nbd"


class ParetoNbd(_Lifetime):
    """Pareto/NBD (Schmittlein, Morrison & Colombo 1987): customers may leave at any time.

    >>> import homing
    >>> model = homing.ParetoNbd().fit(homing.summary(homing.datasets.cdnow(), freq="W"))
    >>> sorted(model.params_)
    ['alpha', 'beta', 'r', 's']
    """

    _family = "pareto_nbd"
    _names = ("r", "alpha", "s", "beta")


class GammaGamma(_Fitting):
    """Gamma-Gamma (Fader & Hardie 2013): the mean value of a customer's orders, shrunk towards that of all customers.

    >>> import homing
    >>> summary = homing.summary(homing.datasets.cdnow())
    >>> spend = homing.GammaGamma().fit(summary)
    >>> bool(spend.expected_mean_spend(0, 0)[0] == spend.population_mean_)
    True
    """

    def fit(self, frequency: Any, monetary_value: Any = None) -> GammaGamma:
        """Fits to frequency and mean value of the repeat orders, or to a frame with these columns.

        Customers without a repeat order, or with a mean of 0, teach nothing and are left out of the fit.
        """
        import numpy

        if monetary_value is None and _is_frame(frequency):
            names = list(getattr(frequency, "column_names", None) or frequency.columns)
            missing = [name for name in ("frequency", "monetary_value") if name not in names]
            if missing:
                remedy = "make them with homing.summary(purchases)"
                raise DataError(f"the frame has no column {', '.join(missing)}; {remedy}", "missing_column", remedy)
            frequency, monetary_value = frequency["frequency"], frequency["monetary_value"]
        self._x, self._mean = self._pair(frequency, monetary_value)
        teaching = (self._x > 0) & (self._mean > 0)
        x, mean = self._x[teaching], self._mean[teaching]
        self._model = _homing.fit_spend(_bytes(x), _bytes(mean), self._fitting())
        self._sample_mean = float(numpy.average(mean, weights=x))
        self._account(self._model)
        return self

    @classmethod
    def of(cls, p: float, q: float, v: float, sample_mean: float | None = None) -> GammaGamma:
        """The model with given parameters; `sample_mean` (of all orders) is used where q leaves the model without a mean."""
        model = cls()
        mean = sample_mean if sample_mean is not None else (p * v / (q - 1) if q > 1 else p * v)
        model._sample_mean = float(mean)
        model._model = _homing.SpendModel.given([float(p), float(q), float(v)], float(mean))
        model._account(model._model)
        return model

    def expected_mean_spend(self, frequency: Any = None, monetary_value: Any = None) -> Array:
        """Mean value of the coming orders of each customer; of those that the model was fitted to, where none are given.

        lifetimes calls it `conditional_expected_average_profit`.
        """
        if frequency is None:
            if not hasattr(self, "_x"):
                remedy = "call fit, or give frequency and monetary_value"
                raise NotFittedError(f"there are no customers; {remedy}", "not_fitted", remedy)
            x, mean = self._x, self._mean
        else:
            x, mean = self._pair(frequency, monetary_value)
        return _array(self._native().mean(_bytes(x), _bytes(mean)))

    @property
    def population_mean_(self) -> float:
        """Mean value of an order over all customers."""
        return self._native().population_mean()

    def _pair(self, frequency: Any, monetary_value: Any) -> tuple[Array, Array]:
        if monetary_value is None:
            remedy = "give frequency and monetary_value, or a frame that has them"
            raise ArgumentError(f"monetary_value is missing; {remedy}", "missing_argument", remedy)
        x, mean = _whole(_column(frequency, "frequency"), "frequency"), _column(monetary_value, "monetary_value")
        if len(x) != len(mean):
            remedy = "give one value a customer in each"
            raise ArgumentError(f"frequency and monetary_value have {len(x)} and {len(mean)} values; {remedy}", "length", remedy)
        return x, mean

    def _native(self) -> _homing.SpendModel:
        if not hasattr(self, "_model"):
            if not hasattr(self, "params_"):
                raise NotFittedError("this model is not fitted; call fit first", "not_fitted", "call fit first")
            self._model = _homing.SpendModel.given(list(self.params_.values()), self._sample_mean)
        return self._model
