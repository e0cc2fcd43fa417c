"""Bad input is refused: what came, what is allowed, what to write instead."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from refusals import refuses

import recovery_research as rr
from recovery_research.model import simulation

NAN, INF = math.nan, math.inf


@pytest.fixture
def build(evidence, webshop, catalogue):
    """An experiment with some fields replaced."""

    def build(**changes):
        fields = {
            "world": evidence, "policies": [catalogue["service"]],
            "population": webshop, "n_customers": 20,
        }  # fmt: skip
        return rr.Experiment(**fields | changes)

    return build


@pytest.mark.parametrize(
    ("load", "asked", "there", "near"),
    [
        (rr.load_world, "evidense", "claims", "evidence"),
        (rr.load_population, "web_shop", "cdnow", "webshop"),
        (lambda name: rr.choose_policies([name]), "servise", "a_sorry", "service"),
        (
            lambda name: rr.choose_policies(["service", name]),
            "silense",
            "b_",
            "silence",
        ),
    ],
)
def test_unknown_names_get_the_list_and_the_nearest(load, asked, there, near):
    with refuses(ValueError, f"{asked!r}", there, f"Did you mean {near!r}?"):
        load(asked)


def test_an_unknown_name_like_nothing_gets_no_hint():
    with pytest.raises(ValueError, match="there are") as raised:
        rr.load_world("Zanzibar")
    assert "Did you mean" not in str(raised.value)


def test_policies_chosen_twice_or_not_at_all():
    with refuses(ValueError, "'silence' is named twice"):
        rr.choose_policies(["silence", "service", "silence"])
    with refuses(ValueError, "no policy was named"):
        rr.choose_policies([])
    assert [p.name for p in rr.choose_policies("silence")] == ["silence"]


FIELDS = [
    ({"n_customers": 0}, ValueError, "n_customers is a whole number, 1 to 4294967296; got 0"),
    ({"n_customers": -5}, ValueError, "got -5"),
    ({"n_customers": 2**32 + 1}, ValueError, "n_customers"),
    ({"n_customers": 10.0}, TypeError, "got 10.0 (float)"),
    ({"n_customers": True}, TypeError, "got True (bool)"),
    ({"n_customers": "10"}, TypeError, "got '10' (str)"),
    ({"n_customers": NAN}, TypeError, "got nan (float)"),
    ({"n_customers": None}, TypeError, "got None"),
    ({"weeks": -1}, ValueError, "weeks is a number above 0 and at most 5200; got -1"),
    ({"weeks": 0}, ValueError, "got 0"),
    ({"weeks": 5201}, ValueError, "got 5201"),
    ({"weeks": NAN}, ValueError, "got nan"),
    ({"weeks": INF}, ValueError, "got inf"),
    ({"weeks": "104"}, TypeError, "got '104'"),
    ({"weeks": True}, TypeError, "got True"),
    ({"seed": 1.5}, TypeError, "seed is a whole number, 0 to 18446744073709551615; got 1.5"),
    ({"seed": -1}, ValueError, "got -1"),
    ({"seed": 2**64}, ValueError, "got 18446744073709551616"),
    ({"seed": False}, TypeError, "got False"),
    ({"seed": "7"}, TypeError, "got '7'"),
    ({"first_order": "recoverd"}, ValueError, "Did you mean 'recovered'?"),
    ({"first_order": None}, ValueError, "first_order is one of"),
    ({"luck": "share"}, ValueError, "Did you mean 'shared'?"),
    ({"later_order": 2}, TypeError, "such as (2, 'recovered'); got 2"),
    ({"later_order": (2, "recoverd")}, ValueError, "Did you mean 'recovered'?"),
    ({"later_order": (1, "recovered")}, ValueError, "2 to 10000; got 1"),
    ({"later_order": (2.0, "recovered")}, TypeError, "got 2.0"),
    ({"policies": []}, ValueError, "policies is empty"),
    ({"policies": "service"}, TypeError, "choose_policies"),
    ({"policies": ["service"]}, TypeError, "each policy is a RecoveryPolicy; got 'service'"),
    ({"policies": None}, TypeError, "policies is a list"),
    ({"policies": rr.RecoveryPolicy("one")}, TypeError, "policies is a list"),
    ({"world": "evidence"}, TypeError, "world is a World; got 'evidence'. Write world="),
    ({"population": "webshop"}, TypeError, "load_population('webshop')"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "error", "message"), FIELDS)
def test_an_experiment_refuses(build, changes, error, message):
    with refuses(error, message):
        build(**changes)


def test_duplicate_policy_names(build, catalogue):
    twin = catalogue["silence"].but("service")
    with refuses(ValueError, "two policies are named 'service'", "Rename"):
        build(policies=[catalogue["service"], twin])


def test_numpy_numbers_are_numbers(build):
    experiment = build(n_customers=np.int64(3), seed=np.uint64(2**64 - 1),
        weeks=np.float32(9.5))  # fmt: skip
    assert (experiment.n_customers, experiment.seed) == (3, 2**64 - 1)
    assert isinstance(experiment.seed, int)
    lever = rr.RecoveryPolicy("x", days_to_resolve=np.int64(3)).days_to_resolve
    assert (lever, type(lever)) == (3.0, float)
    value = rr.load_world("evidence").but("x", hurt=1)["hurt"]
    assert (value, type(value)) == (1.0, float)


LEVER_ERRORS = [
    (
        {"compensation": 40},
        ValueError,
        "share of the loss, -1 to 5; got 40. For a 40 %",
    ),
    ({"apology": -0.1}, ValueError, "apology is in sincerity, 0 to 1; got -0.1"),
    ({"days_to_resolve": 366}, ValueError, "days, 0 to 365; got 366"),
    ({"empathy": NAN}, ValueError, "got nan"),
    ({"consistency": INF}, ValueError, "got inf"),
    ({"apology": True}, TypeError, "got True"),
    ({"follow_up": "0.5"}, TypeError, "got '0.5'"),
    ({"proactive": None}, TypeError, "got None"),
    ({"empowerment": 1j}, TypeError, "got 1j"),
    ({"form": "refnd"}, ValueError, "Did you mean 'refund'?"),
    ({"form": None}, ValueError, "form is one of"),
    ({"description": 5}, TypeError, "description is a text; got 5"),
    ({"source": None}, TypeError, "source is a text; got None"),
]


@pytest.mark.parametrize(("levers", "error", "message"), LEVER_ERRORS)
def test_a_policy_refuses(levers, error, message):
    with refuses(error, "policy 'odd'", message):
        rr.RecoveryPolicy("odd", **levers)


@pytest.mark.parametrize("name", ["", "  ", None, 5])
def test_a_policy_without_a_name(name):
    with refuses(TypeError, "name is a text", repr(name)):
        rr.RecoveryPolicy(name)


def test_an_unknown_lever(catalogue):
    with refuses(ValueError, "no lever 'compansation'", "Did you mean 'compensation'?"):
        catalogue["service"].but("x", compansation=0.1)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"hurtt": 1.0}, ValueError, "Did you mean 'hurt'?"),
        ({"hurt": 5.01}, ValueError, "hurt (affect lost to a failure)"),
        ({"hurt": NAN}, ValueError, "got nan"),
        ({"hurt": True}, TypeError, "got True"),
        ({"hurt": "1"}, TypeError, "got '1'"),
    ],
)
def test_a_world_refuses(evidence, values, error, message):
    with refuses(error, message):
        evidence.but("odd", **values)


def test_unknown_coefficients_and_mechanisms(evidence, webshop):
    with refuses(KeyError, "no coefficient", "dropout_link"):
        evidence["dropout_lnk"]
    with refuses(KeyError, "no coefficient", "order_shape"):
        webshop["ordershape"]
    with refuses(ValueError, "'lerning'", "Did you mean 'learning'?"):
        evidence.without("lerning")
    with refuses(ValueError, "order_shape", "0.05 to 20; got 0"):
        webshop.but("odd", order_shape=0)


def test_a_kind_of_failure(catalogue, evidence):
    with refuses(ValueError, "['outcome', 'process']; got 'both'"):
        rr.judge_policy(catalogue["service"], evidence, kind="both")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"keep": "all"}, ValueError, "keep is 'customers' or 'sums'; got 'all'"),
        ({"threads": 0}, ValueError, "threads is a whole number, 1 to 1024; got 0"),
        ({"threads": 1.5}, TypeError, "got 1.5"),
        ({"threads": True}, TypeError, "got True"),
        ({"block_size": 0}, ValueError, "block_size is a whole number"),
        ({"block_size": "big"}, TypeError, "got 'big'"),
    ],
)
def test_simulate_refuses(build, options, error, message):
    with refuses(error, message):
        rr.simulate(build(), **options)


@pytest.mark.parametrize(
    ("customers", "error", "message"),
    [
        (0, ValueError, "1 to 20; got 0"),
        (21, ValueError, "1 to 20; got 21"),
        (True, TypeError, "got True"),
        (2.0, TypeError, "For the first ten write 10"),
        ("all", TypeError, "got 'all'"),
        ([], ValueError, "customers is empty"),
        ([3, 20], ValueError, "0 to 19; got 20"),
        ([-1], ValueError, "got -1"),
        ([0.5], TypeError, "got 0.5"),
        ([True], TypeError, "got True"),
    ],
)
def test_an_order_log_refuses(build, customers, error, message):
    with refuses(error, message):
        rr.tabulate_orders(build(), customers=customers)


@pytest.mark.slow
def test_an_order_log_by_default_is_of_who_is_there(build):
    experiment = build()
    default = rr.tabulate_orders(experiment)
    assert default.equals(rr.tabulate_orders(experiment, customers=20))


def test_sums_make_no_customer_table(build):
    history = rr.simulate(build(), keep="sums")
    with refuses(ValueError, "kept only sums", "keep='customers'"):
        rr.tabulate_customers(history)


class TestMemory:
    """What would not fit is refused before anything runs."""

    @pytest.fixture(autouse=True)
    def _little_memory(self, monkeypatch):
        import psutil

        little = SimpleNamespace(available=10**8)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: little)
        # Whatever is lived after all fails at once.
        monkeypatch.setattr(simulation._lifetime_loop, "live", None)

    def test_records(self, build):
        # 134 bytes a record: 8 of float64 11 times, 4 of 8 counts and kinds, 1 of 4.
        with refuses(MemoryError, "3,000,000 customers under 1 policies", "0.1 GB are free",
                     "keep='sums'"):  # fmt: skip
            rr.simulate(build(n_customers=3_000_000))

    def test_an_order_log_of_many(self, build):
        experiment = build(n_customers=100_000_000)
        with refuses(MemoryError, "100,000,000 customers", "GB", "customers=1000"):
            rr.tabulate_orders(experiment, customers=100_000_000)

    def test_an_order_log_of_loyal_customers(self, build, webshop):
        # Where the closed form of orders has no b below 1, the size is still known.
        brief = webshop.but("brief", dropout_b=0.5)
        experiment = build(n_customers=100_000_000, population=brief)
        with refuses(MemoryError, "100,000,000 customers"):
            rr.tabulate_orders(experiment, customers=100_000_000)
