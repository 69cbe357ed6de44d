"""What every optimizer must do, as tests that the author of a new one runs by writing one fixture.

    class TestMine(LearningOptimizerContract):
        @pytest.fixture
        def make_optimizer(self) -> OptimizerFactory:
            return lambda initial_codes, direction: Mine(initial_codes, direction=direction)

`OptimizerContract` holds for all, `LearningOptimizerContract` also for those that climb,
`WorksAheadContract` besides for those that have `prepare`. They use a few small dimensions, so
options should not tie the optimizer to one. What is left out: whether the search is the published
one; only a comparison with an independent implementation shows that.
"""

from controller.testing.optimizer_contract.ahead import WorksAheadContract
from controller.testing.optimizer_contract.asking import AskContract
from controller.testing.optimizer_contract.common import OptimizerFactory, assert_same_state
from controller.testing.optimizer_contract.figures import SummaryContract
from controller.testing.optimizer_contract.learning import LearningContract
from controller.testing.optimizer_contract.saved import StateContract
from controller.testing.optimizer_contract.scores import ScoresContract
from controller.testing.optimizer_contract.telling import TellContract

__all__ = [
    "LearningOptimizerContract",
    "OptimizerContract",
    "OptimizerFactory",
    "WorksAheadContract",
    "assert_same_state",
]


class OptimizerContract(AskContract, TellContract, ScoresContract, StateContract, SummaryContract):
    """Obligations of every optimizer; subclass it with a fixture `make_optimizer`."""


class LearningOptimizerContract(OptimizerContract, LearningContract):
    """The same, and the scores must rise by more than the search does when it learns nothing."""
