"""Tools for testing workflows: whole runs in virtual time, cancelled and cut at each point where that can happen."""

from .backends import SchedulerMoved as SchedulerMoved
from .cancelling import sweep_cancel as sweep_cancel
from .crashing import sweep_crash as sweep_crash
from .disks import StoreKind as StoreKind
from .faults import SimulationFault as SimulationFault
from .marked import ReplayCase as ReplayCase
from .process import Moment as Moment
from .process import Process as Process
from .process import observe as observe
from .replay_check import check_replay as check_replay
from .replay_report import ReplayProblem as ReplayProblem
from .replay_report import ReplayReport as ReplayReport
from .runner import WorkflowTestResult as WorkflowTestResult
from .runner import WorkflowTestRunner as WorkflowTestRunner
from .runtime_checks import RUNTIME_CHECKS as RUNTIME_CHECKS
from .simulated_runner import SimulatedRunner as SimulatedRunner
from .simulation import simulate as simulate
from .snapshots import check_snapshot as check_snapshot
from .store_checks import STORE_CHECKS as STORE_CHECKS
from .store_checks import StoreCheck as StoreCheck
