"""All peers by name, with the knobs that tuning may turn: at most 12 settings each, so that all get the same budget."""

from __future__ import annotations

from hydatis_simulator.peers.balanced_allocation import BalancedAllocation, BalancedAllocationOld, PackingProfile, StockProfile
from hydatis_simulator.peers.best_fit import BestFit, DotProduct
from hydatis_simulator.peers.crane_dynamic import CraneDynamic
from hydatis_simulator.peers.fragmentation import FragmentationGradient
from hydatis_simulator.peers.koordinator_load_aware import KoordinatorLoadAware
from hydatis_simulator.peers.least_allocated import LeastAllocated, MostAllocated
from hydatis_simulator.peers.load_variation_risk_balancing import LoadVariationRiskBalancing
from hydatis_simulator.peers.low_risk_overcommitment import LowRiskOverCommitment
from hydatis_simulator.peers.plain import RandomNode, RoundRobin
from hydatis_simulator.peers.prediction_specs import PREDICTION_SPECS
from hydatis_simulator.peers.spec import Knob, PeerSpec
from hydatis_simulator.peers.target_load_packing import TargetLoadPacking
from hydatis_simulator.peers.volcano_usage import VolcanoUsage

__all__ = ["PEERS"]

_OVERCOMMIT = Knob(
    "overcommit", 1.0, (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0), "Kubernetes v1.36: requests fit allocatable"
)

_SPECS = (
    PeerSpec("random", "any node the pod fits on", "floor", RandomNode),
    PeerSpec("round-robin", "the next node in order", "floor", RoundRobin),
    PeerSpec("least-allocated", "Kubernetes LeastAllocated, v1.36", "requests", LeastAllocated, (_OVERCOMMIT,)),
    PeerSpec("most-allocated", "Kubernetes MostAllocated, v1.36", "requests", MostAllocated, (_OVERCOMMIT,)),
    PeerSpec("balanced-allocation", "Kubernetes BalancedAllocation, v1.36", "requests", BalancedAllocation, (_OVERCOMMIT,)),
    PeerSpec(
        "balanced-allocation-old",
        "Kubernetes BalancedAllocation before pull request 135573",
        "requests",
        BalancedAllocationOld,
        (_OVERCOMMIT,),
    ),
    PeerSpec("stock-profile", "LeastAllocated + BalancedAllocation, v1.36 default", "requests", StockProfile, (_OVERCOMMIT,)),
    PeerSpec("packing-profile", "MostAllocated + BalancedAllocation, v1.36", "requests", PackingProfile, (_OVERCOMMIT,)),
    PeerSpec("best-fit", "least left by requests", "requests", BestFit, (_OVERCOMMIT,)),
    PeerSpec("dot-product", "free resources least along the request", "requests", DotProduct, (_OVERCOMMIT,)),
    PeerSpec("fragmentation-gradient", "FGD's CPU and memory analogue", "requests", FragmentationGradient, (_OVERCOMMIT,)),
    PeerSpec(
        "trimaran-target-load-packing",
        "packs up to a target of CPU use",
        "usage",
        TargetLoadPacking,
        (
            Knob(
                "target_percent",
                40.0,
                (10.0, 20.0, 30.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 70.0, 80.0, 90.0),
                "scheduler-plugins apis/config/v1/defaults.go",
            ),
        ),
    ),
    PeerSpec(
        "trimaran-load-variation-risk-balancing",
        "least mean and deviation of use",
        "usage",
        LoadVariationRiskBalancing,
        (
            Knob("margin", 1.0, (0.5, 1.0, 2.0, 4.0), "scheduler-plugins apis/config/v1/defaults.go"),
            Knob("sensitivity", 1.0, (0.5, 1.0, 2.0), "scheduler-plugins apis/config/v1/defaults.go"),
        ),
    ),
    PeerSpec(
        "trimaran-low-risk-overcommitment",
        "least risk that limits and use exceed the node",
        "usage",
        LowRiskOverCommitment,
        (
            Knob("window", 5.0, (1.0, 5.0, 15.0), "scheduler-plugins apis/config/v1/defaults.go"),
            Knob("limit_weight", 0.5, (0.0, 0.25, 0.5, 1.0), "scheduler-plugins apis/config/v1/defaults.go"),
        ),
    ),
    PeerSpec(
        "koordinator-load-aware",
        "least used by report and estimates, below thresholds",
        "usage",
        KoordinatorLoadAware,
        (
            Knob("cpu_threshold_percent", 65.0, (50.0, 65.0, 80.0, 95.0), "koordinator apis/config/v1/defaults.go"),
            Knob("cpu_factor_percent", 85.0, (20.0, 50.0, 85.0), "koordinator apis/config/v1/defaults.go"),
        ),
    ),
    PeerSpec(
        "crane-dynamic",
        "least used by mean, hour and day, below limits",
        "usage",
        CraneDynamic,
        (
            Knob("mean_limit", 0.65, (0.5, 0.65, 0.8, 0.95), "crane-scheduler deploy/manifests/dynamic/policy.yaml"),
            Knob("hour_limit", 0.75, (0.6, 0.75, 0.9), "crane-scheduler deploy/manifests/dynamic/policy.yaml"),
        ),
    ),
    PeerSpec(
        "volcano-usage",
        "least used, below thresholds",
        "usage",
        VolcanoUsage,
        (
            Knob("cpu_threshold_percent", 80.0, (50.0, 65.0, 80.0, 95.0), "volcano pkg/scheduler/plugins/usage/usage.go"),
            Knob("memory_threshold_percent", 80.0, (65.0, 80.0, 95.0), "volcano pkg/scheduler/plugins/usage/usage.go"),
        ),
    ),
)

#: Every peer.
PEERS: dict[str, PeerSpec] = {spec.name: spec for spec in (*_SPECS, *PREDICTION_SPECS)}
