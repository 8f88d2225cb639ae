"""Sensors of EKS: clusters, node groups, Fargate profiles. What is not there is in the state NONEXISTENT."""

from __future__ import annotations

from dataclasses import dataclass

from ductwork.diagnostics.sources import AMAZON_PROVIDER
from ductwork.ir import AwsSensor
from ductwork.ir.aws_call import Answer, Leaf, Phrase
from ductwork.ir.aws_sensor import Absent, Comes, Holds
from ductwork.rules.aws_calls import Given
from ductwork.rules.aws_sensors import Poke, fails, over, poke, sensor_rule

_SENSORS = "airflow.providers.amazon.aws.sensors.eks"
_NOWHERE = "NONEXISTENT"
_CREATED = ("ACTIVE", "CREATE_FAILED", "DELETE_FAILED", _NOWHERE)


@dataclass(frozen=True)
class _Kind:
    """What a sensor looks at.

    :param request: the argument of each member
    :param states: the class of Airflow's that lists them
    :param known: all that it lists
    :param last: in which nothing goes on
    """

    action: str
    request: dict[str, str]
    member: str
    states: str
    known: tuple[str, ...]
    last: tuple[str, ...]

    def sensor(self, given: Given) -> AwsSensor:
        """The sensor that waits for such a thing's state."""
        state, target = (self.member, "status"), str(given.constant("target_state")).upper()
        unknown = Phrase(("ValueError: '", Answer(state), f"' is not a valid {self.states}"))
        nowhere = over() if target == _NOWHERE else fails(self._another(_NOWHERE, target))
        return poke(
            "eks",
            self.action,
            {member: given[argument] for member, argument in self.request.items()},
            fails(unknown, Holds(state, self.known, negated=True)),
            over(Holds(state, (target,))),
            self._ended(state, target),
            absent=Absent(errors=("ResourceNotFoundException",), comes=nowhere),
        )

    def _ended(self, state: tuple[str, str], target: str) -> Comes:
        others = tuple(each for each in self.last if each not in (target, _NOWHERE))
        return fails(self._another(Answer(state), target), Holds(state, others))

    def _another(self, state: Leaf, target: str) -> Phrase:
        reached = f"AirflowException: Terminal state reached. Current state: {self.states}."
        return Phrase((reached, state, f", Expected state: {self.states}.{target}"))


_KINDS = {
    "EksClusterStateSensor": _Kind(
        "DescribeCluster",
        {"name": "cluster_name"},
        "cluster",
        "ClusterStates",
        ("CREATING", "ACTIVE", "DELETING", "FAILED", "UPDATING", _NOWHERE),
        ("ACTIVE", "FAILED", _NOWHERE),
    ),
    "EksFargateProfileStateSensor": _Kind(
        "DescribeFargateProfile",
        {"clusterName": "cluster_name", "fargateProfileName": "fargate_profile_name"},
        "fargateProfile",
        "FargateProfileStates",
        ("CREATING", "ACTIVE", "DELETING", "CREATE_FAILED", "DELETE_FAILED", _NOWHERE),
        _CREATED,
    ),
    "EksNodegroupStateSensor": _Kind(
        "DescribeNodegroup",
        {"clusterName": "cluster_name", "nodegroupName": "nodegroup_name"},
        "nodegroup",
        "NodegroupStates",
        ("CREATING", "ACTIVE", "UPDATING", "DELETING", "CREATE_FAILED", "DELETE_FAILED", "DEGRADED", _NOWHERE),
        _CREATED,
    ),
}
_MAKES: dict[str, Poke] = {f"{_SENSORS}.{name}": kind.sensor for name, kind in _KINDS.items()}

RULE = sensor_rule(
    "eks_sensors",
    _MAKES,
    f"{AMAZON_PROVIDER}/operators/eks.html",
    arguments={
        **dict.fromkeys(("name", "clusterName"), "cluster_name"),
        **{"fargateProfileName": "fargate_profile_name", "nodegroupName": "nodegroup_name"},
    },
)
