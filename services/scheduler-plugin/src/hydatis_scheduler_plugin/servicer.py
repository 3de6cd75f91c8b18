"""The HTTP handlers: convert, call, convert.

``/filter`` and ``/prioritize`` are kube-scheduler's; the rest is for people, probes, Prometheus and replays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from aiohttp import web
from hydatis_placement.ladder import Rung
from hydatis_serving.kube.pod_resources import GpuMeaning
from hydatis_serving.metrics import render

from hydatis_scheduler_plugin import convert
from hydatis_scheduler_plugin.decision import DecisionDesk
from hydatis_scheduler_plugin.generation_wait import GenerationWait
from hydatis_scheduler_plugin.http_door import JSON, Answer, Handler, json_answer
from hydatis_scheduler_plugin.places import Places
from hydatis_scheduler_plugin.plugin_metrics import PluginMetrics
from hydatis_scheduler_plugin.ranking import NEUTRAL_SCORE, Ranking
from hydatis_scheduler_plugin.readiness import Readiness
from hydatis_scheduler_plugin.records import Recorder

__all__ = ["ExtenderServicer"]

LONGEST_WAIT_SECONDS = 600.0
MOST_DECISIONS = 1000
#: Reason of an answer without a decision, since too many are being made.
OVERLOADED = "overloaded"


class ExtenderServicer:
    """Answers requests.

    Args:
        desk: decides.
        waits: waits for generations.
        recorder: reads decision records back.
        readiness: says what is served and what is missing.
        metrics: counts.
        gpu_resources: what extended resources say of GPUs.
        max_decisions_count: pods decided on at a time; one more gets a neutral answer.
        after_answer: runs a call once the answer at hand is on its way.
    """

    def __init__(
        self,
        *,
        desk: DecisionDesk,
        waits: GenerationWait,
        recorder: Recorder,
        readiness: Readiness,
        metrics: PluginMetrics,
        gpu_resources: Mapping[str, GpuMeaning],
        max_decisions_count: int,
        after_answer: Callable[[Callable[[], object]], object],
    ) -> None:
        self._desk = desk
        self._waits = waits
        self._recorder = recorder
        self._readiness = readiness
        self._metrics = metrics
        self._gpu_resources = gpu_resources
        self._deciding = Places(max_decisions_count)
        self._after_answer = after_answer

    def routes(self, url_prefix: str = "") -> dict[tuple[str, str], Handler]:
        """Handlers by method and path."""
        verbs: dict[tuple[str, str], Handler] = {
            ("POST", f"{prefix}/{name}"): handler
            for prefix in {"", "/" + url_prefix.strip("/") if url_prefix.strip("/") else ""}
            for name, handler in (("filter", self.filter), ("prioritize", self.prioritize))
        }
        return verbs | {
            ("GET", "/healthz"): self.healthz,
            ("GET", "/readyz"): self.readyz,
            ("GET", "/state"): self.state,
            ("GET", "/metrics"): self.metrics,
            ("GET", "/generation"): self.generation,
            ("GET", "/decisions"): self.decisions,
            ("GET", "/decisions/"): self.decision,
        }

    async def filter(self, request: web.BaseRequest) -> Answer:
        """POST /filter: which candidates may take the pod."""
        body = await request.read()
        begin = time.perf_counter()
        args = convert.read_args(body)
        names = convert.candidate_names(args)
        pod = convert.read_pod(args.Pod, self._gpu_resources)
        names_json = convert.candidates_json(args, names)
        self._metrics.staged("shim_read", time.perf_counter() - begin)
        if self._deciding.are_taken:
            self._metrics.decided(Rung.ABSTAIN, OVERLOADED)
            return 200, convert.filter_body(args, None, args.NodeNames, {}), JSON
        with self._deciding.one():
            ranking = await self._desk.for_filter(pod, names, names_json)
        ranked = time.perf_counter()
        if ranking.speaks and ranking.rejected_count > 0:
            answer = convert.filter_body(args, ranking.allowed.tolist(), ranking.kept_names_json, ranking.failed)
        else:
            answer = convert.filter_body(args, None, args.NodeNames, {})
        self._after_answer(lambda: self._score(ranking))
        end = time.perf_counter()
        self._metrics.staged("shim_answer_filter", end - ranked)
        self._metrics.seconds["filter"].observe(end - begin)
        return 200, answer, JSON

    async def prioritize(self, request: web.BaseRequest) -> Answer:
        """POST /prioritize: how good each candidate is."""
        body = await request.read()
        begin = time.perf_counter()
        args = convert.read_args(body)
        answer = self._desk.prepared(args.Pod.metadata.uid, args.NodeNames)
        if answer is None:
            names = convert.candidate_names(args)
            pod = convert.read_pod(args.Pod, self._gpu_resources)
            if self._deciding.are_taken:
                return 200, convert.prioritize_body(names, [NEUTRAL_SCORE] * len(names)), JSON
            with self._deciding.one():
                scores = await self._desk.for_prioritize(pod, names, convert.candidates_json(args, names))
            answer = convert.prioritize_body(names, scores)
        seconds = time.perf_counter() - begin
        self._metrics.staged("shim_prioritize", seconds)
        self._metrics.seconds["prioritize"].observe(seconds)
        return 200, answer, JSON

    def _score(self, ranking: Ranking) -> None:
        """Prepares the answer to /prioritize while kube-scheduler reads the one to /filter."""
        begin = time.perf_counter()
        _ = ranking.prioritize_body, ranking.kept_names_json, ranking.chosen
        self._metrics.staged("shim_score", time.perf_counter() - begin)

    async def healthz(self, _request: web.BaseRequest) -> Answer:
        """GET /healthz: the event loop turns."""
        return json_answer({"alive": True})

    async def readyz(self, _request: web.BaseRequest) -> Answer:
        """GET /readyz: 200 as soon as requests are answered, since abstaining is an answer; the JSON says the rung."""
        return json_answer(self._readiness.report())

    async def state(self, request: web.BaseRequest) -> Answer:
        """GET /state?pod=<uid>: as /readyz, and whether the pod's bind was seen and is credited."""
        pod = request.query.get("pod", "")
        return json_answer({**self._readiness.report(), "pod": pod, "credited": self._readiness.credited(pod)})

    async def metrics(self, _request: web.BaseRequest) -> Answer:
        """GET /metrics: for Prometheus."""
        self._readiness.refresh(self._metrics)
        body, content_type = render(self._metrics.registry)
        return 200, body, content_type

    async def generation(self, request: web.BaseRequest) -> Answer:
        """GET /generation?at_least=G&timeout_seconds=S[&with_risk=false]: waits until G can be decided on."""
        query = request.query
        at_least = convert.query_number(query, "at_least", 1, 2**53)
        timeout_seconds = convert.query_number(query, "timeout_seconds", 0.001, LONGEST_WAIT_SECONDS, default=30.0)
        with_risk = query.get("with_risk", "true") != "false"
        generation = await self._waits.wait(int(at_least), timeout_seconds, with_risk=with_risk)
        return json_answer({"generation": generation})

    async def decisions(self, request: web.BaseRequest) -> Answer:
        """GET /decisions?pod=<uid or namespace/name>&limit=N: decision records, newest first."""
        limit = int(convert.query_number(request.query, "limit", 1, MOST_DECISIONS, default=20))
        return json_answer({"decisions": await self._recorder.find(request.query.get("pod", ""), limit)})

    async def decision(self, request: web.BaseRequest) -> Answer:
        """GET /decisions/<decision_id>: one decision record."""
        return json_answer(await self._recorder.get(request.path.removeprefix("/decisions/")))
