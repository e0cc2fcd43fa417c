"""What is public, for type checkers: the names of the table in __init__.py."""

from recovery_research import customer_data as customer_data
from recovery_research import plots as plots
from recovery_research import studies as studies
from recovery_research.analysis.adjustment import AdjustedEstimate as AdjustedEstimate
from recovery_research.analysis.adjustment import adjust as adjust
from recovery_research.analysis.averaged_draws import DrawAverage as DrawAverage
from recovery_research.analysis.averaged_draws import DrawnParadox as DrawnParadox
from recovery_research.analysis.averaged_draws import average_draws as average_draws
from recovery_research.analysis.averaged_draws import (
    paradox_over_draws as paradox_over_draws,
)
from recovery_research.analysis.balance import tabulate_balance as tabulate_balance
from recovery_research.analysis.before_after import BeforeAfter as BeforeAfter
from recovery_research.analysis.before_after import (
    compare_before_after as compare_before_after,
)
from recovery_research.analysis.contrasts import ParadoxEstimate as ParadoxEstimate
from recovery_research.analysis.cox import CoxModel as CoxModel
from recovery_research.analysis.cox import fit_cox as fit_cox
from recovery_research.analysis.cox import tabulate_spells as tabulate_spells
from recovery_research.analysis.event_study import EventStudy as EventStudy
from recovery_research.analysis.event_study import fit_event_study as fit_event_study
from recovery_research.analysis.event_study import (
    fit_index_event_study as fit_index_event_study,
)
from recovery_research.analysis.event_study import tabulate_panel as tabulate_panel
from recovery_research.analysis.groups import group_by_exposure as group_by_exposure
from recovery_research.analysis.index_orders import (
    customers_from_orders as customers_from_orders,
)
from recovery_research.analysis.mediation import Mediation as Mediation
from recovery_research.analysis.mediation import mediate as mediate
from recovery_research.analysis.paradox import paradox as paradox
from recovery_research.analysis.paradox import paradox_by_outcome as paradox_by_outcome
from recovery_research.analysis.parity import ParityPoint as ParityPoint
from recovery_research.analysis.parity import find_parity as find_parity
from recovery_research.analysis.policy_effects import PolicyContrast as PolicyContrast
from recovery_research.analysis.policy_effects import (
    find_best_policy as find_best_policy,
)
from recovery_research.analysis.policy_effects import policy_contrast as policy_contrast
from recovery_research.analysis.policy_effects import (
    policy_contrasts as policy_contrasts,
)
from recovery_research.analysis.ratios import RatioEstimate as RatioEstimate
from recovery_research.analysis.ratios import paradox_ratio as paradox_ratio
from recovery_research.analysis.retention import SurvivalContrast as SurvivalContrast
from recovery_research.analysis.retention import compare_survival as compare_survival
from recovery_research.analysis.retention import tabulate_survival as tabulate_survival
from recovery_research.analysis.sample_size import SampleSize as SampleSize
from recovery_research.analysis.sample_size import (
    sample_size_for_means as sample_size_for_means,
)
from recovery_research.analysis.sample_size import (
    sample_size_for_proportions as sample_size_for_proportions,
)
from recovery_research.analysis.sensitivity import ConfoundingProbe as ConfoundingProbe
from recovery_research.analysis.sensitivity import check_placebo as check_placebo
from recovery_research.analysis.sensitivity import (
    probe_confounding as probe_confounding,
)
from recovery_research.analysis.shares import tabulate_shares as tabulate_shares
from recovery_research.analysis.spending import (
    SpendingDecomposition as SpendingDecomposition,
)
from recovery_research.analysis.spending import decompose_spending as decompose_spending
from recovery_research.analysis.tipping_points import MissingProbe as MissingProbe
from recovery_research.analysis.worst_cases import WorstCase as WorstCase
from recovery_research.analysis.worst_cases import bound_worst_case as bound_worst_case
from recovery_research.analysis.worst_cases import probe_missing as probe_missing
from recovery_research.calibration.claims import list_targets as list_targets
from recovery_research.calibration.claims import load_claims as load_claims
from recovery_research.calibration.claims import measure_claims as measure_claims
from recovery_research.calibration.fit import Calibration as Calibration
from recovery_research.calibration.fit import calibrate as calibrate
from recovery_research.calibration.stylized_facts import (
    check_boundary as check_boundary,
)
from recovery_research.calibration.stylized_facts import (
    check_customer_base as check_customer_base,
)
from recovery_research.calibration.stylized_facts import check_pattern as check_pattern
from recovery_research.calibration.stylized_facts import check_targets as check_targets
from recovery_research.customer_data.issues import CustomerCheck as CustomerCheck
from recovery_research.customer_data.issues import (
    CustomerFileError as CustomerFileError,
)
from recovery_research.customer_data.mapping_drafts import (
    draft_mapping as draft_mapping,
)
from recovery_research.customer_data.reading import Customers as Customers
from recovery_research.customer_data.reading import check_customers as check_customers
from recovery_research.customer_data.reading import read_customers as read_customers
from recovery_research.exhibits import show_figure as show_figure
from recovery_research.exhibits import show_table as show_table
from recovery_research.model._random import draw_uniform as draw_uniform
from recovery_research.model.experiments import Experiment as Experiment
from recovery_research.model.forks import ForkContrast as ForkContrast
from recovery_research.model.forks import contrast_forks as contrast_forks
from recovery_research.model.forks import decompose_gap as decompose_gap
from recovery_research.model.forks import tabulate_forks as tabulate_forks
from recovery_research.model.justice import judge_distributive as judge_distributive
from recovery_research.model.justice import judge_policy as judge_policy
from recovery_research.model.justice import tabulate_justice as tabulate_justice
from recovery_research.model.policies import RecoveryPolicy as RecoveryPolicy
from recovery_research.model.policies import choose_policies as choose_policies
from recovery_research.model.policies import load_policies as load_policies
from recovery_research.model.policies import tabulate_policies as tabulate_policies
from recovery_research.model.policies import why_no_recovery as why_no_recovery
from recovery_research.model.populations import Population as Population
from recovery_research.model.populations import expect_alive as expect_alive
from recovery_research.model.populations import expect_orders as expect_orders
from recovery_research.model.populations import load_population as load_population
from recovery_research.model.simulation import History as History
from recovery_research.model.simulation import simulate as simulate
from recovery_research.model.tables import tabulate_customers as tabulate_customers
from recovery_research.model.tables import tabulate_departures as tabulate_departures
from recovery_research.model.tables import tabulate_groups as tabulate_groups
from recovery_research.model.tables import tabulate_orders as tabulate_orders
from recovery_research.model.tables import tabulate_weeks as tabulate_weeks
from recovery_research.model.worlds import World as World
from recovery_research.model.worlds import load_world as load_world
from recovery_research.model.worlds import tabulate_worlds as tabulate_worlds
from recovery_research.reference import search as search
from recovery_research.reports.checked_parameters import (
    check_parameters as check_parameters,
)
from recovery_research.reports.runner import run_report as run_report
from recovery_research.reports.runs import ReportRun as ReportRun
from recovery_research.studies.design import Study as Study
from recovery_research.studies.diagnosis import Diagnosis as Diagnosis
from recovery_research.studies.diagnosis import compare_estimators as compare_estimators
from recovery_research.studies.diagnosis import diagnose as diagnose
from recovery_research.studies.diagnosis import tabulate_diagnoses as tabulate_diagnoses
from recovery_research.studies.diagnosis import tabulate_findings as tabulate_findings
from recovery_research.studies.estimands import find_truth as find_truth
from recovery_research.studies.performance import Measure as Measure
from recovery_research.studies.performance import Truth as Truth
from recovery_research.studies.performance import (
    measure_performance as measure_performance,
)
from recovery_research.studies.samples import draw_sample as draw_sample
from recovery_research.studies.surveys import announce_paradox as announce_paradox
from recovery_research.studies.surveys import compare_carelessly as compare_carelessly
from recovery_research.studies.surveys import compare_spend as compare_spend
from recovery_research.studies.surveys import decompose_gaps as decompose_gaps
from recovery_research.texts import escape as escape
from recovery_research.texts import quote_code as quote_code
from recovery_research.texts import say as say
from recovery_research.texts import say_name as say_name

__version__: str
__all__: list[str]
