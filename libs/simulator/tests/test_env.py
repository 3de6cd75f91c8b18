"""The placement environment, the in-process policies and the training of a policy, on traces small enough to know."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hydatis_core.errors import GenerationUnavailable, InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_core.seeds import generator
from hydatis_placement.after_state import COLUMNS
from hydatis_placement.q_function import zero_q_function
from hydatis_placement.q_learning import LearningSettings
from hydatis_simulator.env import INFEASIBLE_REWARD, PlacementEnv
from hydatis_simulator.learned_policy import greedy_policy, learned_policy, load_policy
from hydatis_simulator.policy_training import Comparison, compare_policies, train_policy
from hydatis_simulator.replay import replay
from hydatis_simulator.trace import Trace, TracePod
from hydatis_simulator.trace_window import window

GIB = 2.0**30
STEP = 300.0
START = 300.0 * 4000


def nodes(count: int = 4) -> tuple[Node, ...]:
    return tuple(Node(f"n{i}", Resources(4.0, 16 * GIB)) for i in range(count))


def trace(count: int = 40, steps: int = 36, *, seed: int = 1, cpu_request: float = 0.25) -> Trace:
    """Pods of one workload in two (quiet, busy), arriving evenly over the first half; one in four ends early."""
    random = generator(seed, "test/trace")
    pods, cpu = [], np.zeros((count, steps), dtype=np.float32)
    for row in range(count):
        busy = row % 2 == 1
        pod = Pod(f"p{row}", namespace="t", workload="busy" if busy else "quiet", requests=Resources(cpu_request, 0.5 * GIB))
        arrival = START + row * steps * STEP / 2 / count + 7.0
        end = arrival + 15 * STEP if row % 4 == 0 else np.inf
        pods.append(TracePod(pod, arrival, end))
        cpu[row] = (0.35 if busy else 0.05) * random.uniform(0.8, 1.2, steps)
    memory = np.full_like(cpu, 0.3 * GIB)
    return Trace(f"test-{seed}", STEP, START, tuple(pods), cpu, memory)


def place_all(env: PlacementEnv, choose: object) -> tuple[list[float], list[str]]:
    rewards, uids = [], []
    while env.decision is not None:
        uids.append(env.decision.pod_uid)
        _, reward, terminated, truncated, _ = env.step(int(choose(env.decision)))  # type: ignore[operator]
        rewards.append(reward)
        assert not truncated
        assert terminated == (env.decision is None)
    return rewards, uids


def first(decision: object) -> int:
    return int(decision.rows[0])  # type: ignore[attr-defined]


def test_it_is_a_gymnasium_environment() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # It is not registered under an id, which the checker remarks upon.
        warnings.filterwarnings("ignore", message=".*spec.*")
        check_env(PlacementEnv([trace(12, 24)], nodes()), skip_render_check=True)


def test_every_pod_is_asked_for_once_in_the_order_of_arrival() -> None:
    env = PlacementEnv([trace()], nodes())
    env.reset(seed=1)
    rewards, uids = place_all(env, lambda decision: decision.rows[len(decision.rows) // 2])
    assert uids == [f"p{row}" for row in range(40)]
    assert len(rewards) == 40
    assert np.isfinite(rewards).all()


def test_the_same_seed_and_actions_give_the_same_episode() -> None:
    runs = []
    for _ in range(2):
        env = PlacementEnv([trace(seed=1), trace(seed=2)], nodes())
        observation, info = env.reset(seed=7)
        rewards, _ = place_all(env, first)
        runs.append((observation["after_states"], info, rewards))
    np.testing.assert_array_equal(runs[0][0], runs[1][0])
    assert runs[0][1:] == runs[1][1:]


def test_the_observation_says_where_the_pod_fits() -> None:
    small = (*nodes(2), Node("tiny", Resources(0.1, 16 * GIB)))
    env = PlacementEnv([trace()], small)
    observation, info = env.reset(seed=1, options={"objective_weight": 0.75})
    assert observation["feasible"].tolist() == [1, 1, 0]
    assert not observation["after_states"][2].any()
    assert observation["after_states"][0, COLUMNS.index("objective_weight")] == 0.75
    assert info["pod_uid"] == "p0"


def test_a_pod_sent_where_it_does_not_fit_waits_for_the_next_tick() -> None:
    small = (*nodes(1), Node("tiny", Resources(0.1, 16 * GIB)))
    env = PlacementEnv([trace(3)], small)
    _, info = env.reset(seed=1)
    _, reward, _, _, later = env.step(1)
    assert reward == INFEASIBLE_REWARD
    asked = [info["pod_uid"], later["pod_uid"]]
    while env.decision is not None and env.decision.pod_uid != "p0":
        env.step(0)
    assert env.decision is not None
    assert env.decision.time_seconds % STEP == 0
    assert asked[0] == "p0"


def test_pods_that_fit_nowhere_are_not_asked_for_until_there_is_room() -> None:
    env = PlacementEnv([trace(40, cpu_request=1.0)], nodes(2))
    env.reset(seed=1)
    _, uids = place_all(env, first)
    assert len(uids) < 40
    assert len(set(uids)) == len(uids)


def test_spreading_earns_more_than_piling_up_when_spreading_is_wanted_and_less_when_not() -> None:
    env = PlacementEnv([trace(48)], nodes(6))

    def run(weight: float, choose: object) -> float:
        env.reset(seed=1, options={"objective_weight": weight})
        return float(np.sum(place_all(env, choose)[0]))

    def emptiest(decision: object) -> int:
        states = decision.after_states  # type: ignore[attr-defined]
        return int(decision.rows[states[:, COLUMNS.index("pod_count_after_ratio")].argmin()])  # type: ignore[attr-defined]

    assert run(0.0, emptiest) > run(0.0, first)
    assert run(1.0, emptiest) < run(1.0, first)


def test_the_reward_counts_what_really_happens_to_the_node() -> None:
    """One busy pod of 3.8 of 4 cores: CPU 0.95 is half a unit over 0.90."""
    steps = 12
    cpu = np.full((1, steps), 3.8, dtype=np.float32)
    hot = Trace("hot", STEP, START, (TracePod(Pod("p", requests=Resources(1.0, GIB)), START),), cpu, cpu * 0)
    env = PlacementEnv([hot], nodes(1))
    env.reset(seed=1, options={"objective_weight": 0.5})
    _, _, terminated, _, info = env.step(0)
    assert terminated
    assert info["reward_parts"]["cpu_overload"] == pytest.approx(0.5, abs=1e-4)
    assert info["reward_parts"]["memory_overload"] == 0.0
    load = 0.95 / 0.9
    d = np.exp(10 * (load - 1) / 6)
    assert info["reward_parts"]["spread_value"] == pytest.approx(-d, rel=1e-4)
    assert info["reward_parts"]["pack_value"] == pytest.approx(load - 1 - 3 * d, rel=1e-4)


def test_what_candidates_would_earn_is_told_ahead_and_is_linear_in_the_objective_weight() -> None:
    env = PlacementEnv([trace()], nodes())
    env.reset(seed=1, options={"objective_weight": 0.25})
    ends = env.rewards([0, 1])
    assert env.decision is not None
    _, reward, _, _, _ = env.step(int(env.decision.rows[1]))
    assert reward == pytest.approx(ends[1] @ (0.75, 0.25), rel=1e-5)


def test_an_environment_without_traces_and_a_step_before_reset_are_refused() -> None:
    with pytest.raises(InvalidValue):
        PlacementEnv([], nodes())
    with pytest.raises(InvalidValue):
        PlacementEnv([trace()], nodes()).step(0)


@pytest.mark.parametrize("make", [greedy_policy, load_policy])
def test_policies_place_every_pod_and_do_it_the_same_way_twice(make: object) -> None:
    outcomes = []
    for _ in range(2):
        policy = make()  # type: ignore[operator]
        outcomes.append(replay(trace(), nodes(), policy, [policy], seed=3))
    assert outcomes[0].figures["placed_count"] == 40
    assert outcomes[0].digest == outcomes[1].digest


def test_greedy_spreads_by_use_where_requests_say_nothing() -> None:
    """Quiet and busy pods ask for the same; only their use tells them apart."""
    policy = greedy_policy()
    spread = replay(trace(), nodes(), policy, [policy], seed=3)
    packing = greedy_policy(objective_weight=1.0)
    packed = replay(trace(), nodes(), packing, [packing], seed=3)
    assert spread.figures["nodes_used_max_count"] == 4
    assert packed.figures["nodes_used_mean_count"] < spread.figures["nodes_used_mean_count"]
    assert spread.figures["cpu_imbalance_std_ratio"] < packed.figures["cpu_imbalance_std_ratio"]


def test_a_policy_that_did_not_observe_the_replay_abstains_and_one_started_late_says_so() -> None:
    policy = greedy_policy()
    assert policy.filter_and_score(Pod("p"), ["n0"], START) is None
    with pytest.raises(GenerationUnavailable):
        policy.on_bind(Pod("p"), "n0", START)


def test_a_policy_is_learned_and_compared_on_unseen_pods() -> None:
    settings = LearningSettings(warm_up=30, batch_size=16, steps_per_decision=1, hidden_units=(8,))
    told: list[str] = []
    function, curve = train_policy(
        [trace(seed=1), trace(seed=2)],
        nodes(),
        seed=5,
        episodes=2,
        settings=settings,
        progress=lambda done, of, words: told.append(f"{done}/{of}"),
    )
    assert function.input_count == len(COLUMNS)
    assert len(curve) == 2
    assert told[-1] == "2/2"
    comparison = compare_policies(function, [trace(seed=9)], nodes(), seeds=[1])
    assert set(comparison.outcomes) == {"hydatis", "greedy", "load", "stock", "random"}
    rows = comparison.rows(["placed_count", "abstained_ratio"])
    assert all(row["placed_count"] == 40 for row in rows)
    assert {row["policy"]: row["abstained_ratio"] for row in rows}["hydatis"] == 0.0
    again, _ = train_policy([trace(seed=1), trace(seed=2)], nodes(), seed=5, episodes=2, settings=settings)
    assert again.to_files() == function.to_files()
    packing = learned_policy(again, objective_weight=1.0)
    assert replay(trace(seed=9), nodes(), packing, [packing], seed=1).figures["placed_count"] == 40


def test_a_policy_that_adds_nothing_places_as_greedy_does_and_is_not_preferred() -> None:
    comparison = compare_policies(zero_q_function(len(COLUMNS)), [trace(seed=9)], nodes(), seeds=[1])
    assert comparison.outcomes["hydatis"][0].digest == comparison.outcomes["greedy"][0].digest
    assert not comparison.prefers_learned


@pytest.mark.parametrize(
    ("learned", "preferred"),
    [
        ({"oom_count": 1.0, "cpu_overload_node_time_ratio": 0.1}, True),
        ({"oom_count": 2.0, "cpu_overload_node_time_ratio": 0.1}, True),
        ({"oom_count": 1.0, "cpu_overload_node_time_ratio": 0.3}, False),
        ({"oom_count": 3.0, "cpu_overload_node_time_ratio": 0.1}, False),
        ({"oom_count": 0.0, "cpu_overload_node_time_ratio": 0.19}, False),
        ({"oom_count": np.nan, "cpu_overload_node_time_ratio": 0.2}, False),
    ],
)
def test_the_learned_policy_is_preferred_if_it_is_worse_in_nothing_and_takes_away_a_tenth_of_the_overload(
    learned: dict[str, float], preferred: bool
) -> None:
    """Greedy: 2 kills, overload 0.2. What is unknown decides nothing."""
    played = compare_policies(zero_q_function(len(COLUMNS)), [trace(seed=9)], nodes(), seeds=[1]).outcomes["greedy"][0]
    figures = {"oom_count": 2.0, "cpu_overload_node_time_ratio": 0.2, "cpu_imbalance_std_ratio": 0.0}
    comparison = Comparison(0.0, {"greedy": (replace(played, figures=figures),), "hydatis": (replace(played, figures=learned),)})
    assert comparison.prefers_learned is preferred


def test_next_to_no_overload_tells_nothing_of_a_learned_policy() -> None:
    played = compare_policies(zero_q_function(len(COLUMNS)), [trace(seed=9)], nodes(), seeds=[1]).outcomes["greedy"][0]
    greedy, learned = (replace(played, figures={"cpu_overload_node_time_ratio": ratio}) for ratio in (0.001, 0.0))
    assert not Comparison(0.0, {"greedy": (greedy,), "hydatis": (learned,)}).prefers_learned


def test_a_comparison_needs_traces_and_seeds() -> None:
    function, _ = train_policy(
        [trace()], nodes(), seed=1, episodes=1, settings=LearningSettings(warm_up=10, hidden_units=(4,), batch_size=4)
    )
    with pytest.raises(InvalidValue):
        compare_policies(function, [], nodes(), seeds=[1])


def test_a_window_is_a_trace_of_its_own_in_which_running_pods_arrive() -> None:
    whole = trace()
    middle = START + 24 * STEP
    part = window(whole, middle, START + 36 * STEP, spread_seconds=600.0)
    assert part.start_seconds == middle
    assert part.steps_count == 12
    assert all(middle <= pod.arrival_seconds < middle + 12 * STEP for pod in part.pods)
    arrivals = [pod.arrival_seconds for pod in part.pods]
    assert arrivals == sorted(arrivals)
    for row, pod in enumerate(part.pods):
        original = whole.row_by_uid[pod.pod.uid]
        np.testing.assert_array_equal(part.cpu_used_cores[row], whole.cpu_used_cores[original, 24:36])
    ended = {pod.pod.uid for pod in whole.pods if pod.end_seconds <= middle}
    assert ended
    assert not ended & {pod.pod.uid for pod in part.pods}


@pytest.mark.parametrize(("first_step", "last_step"), [(-1, 10), (10, 10), (0, 37)])
def test_a_window_outside_of_the_trace_is_refused(first_step: int, last_step: int) -> None:
    with pytest.raises(InvalidValue):
        window(trace(), START + first_step * STEP, START + last_step * STEP)
