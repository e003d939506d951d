"""What type checkers see of the lazy package; the names are those of `__all__`."""

from dpg_bench.errors import BadInputError as BadInputError
from dpg_bench.errors import DpgBenchError as DpgBenchError
from dpg_bench.errors import UnavailableError as UnavailableError
from dpg_bench.generate.in_memory import LoadedModel as LoadedModel
from dpg_bench.jobs.bar import progress_bar as progress_bar
from dpg_bench.jobs.memory import DPGScore as DPGScore
from dpg_bench.jobs.run import execute_run as execute_run
from dpg_bench.jobs.run_plan import RunRequest as RunRequest
from dpg_bench.jobs.run_plan import plan_run as plan_run
from dpg_bench.jobs.score import execute_score as execute_score
from dpg_bench.jobs.score_plan import plan_score as plan_score
from dpg_bench.jobs.score_request import ScoreRequest as ScoreRequest
from dpg_bench.judge.in_memory import LoadedJudge as LoadedJudge
from dpg_bench.judge.in_memory import load_judge as load_judge
from dpg_bench.records import Prompt as Prompt
from dpg_bench.records import Question as Question
from dpg_bench.records import Reply as Reply
from dpg_bench.records import Suite as Suite
from dpg_bench.report.calls import check as check
from dpg_bench.report.calls import compare as compare
from dpg_bench.report.calls import open_run as open_run
from dpg_bench.report.calls import same as same
from dpg_bench.score.scorecard import Scorecard as Scorecard
from dpg_bench.score.scorecard import read_scorecard as read_scorecard
from dpg_bench.suite.registry import load_suite as load_suite

__version__: str
