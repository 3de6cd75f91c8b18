import re
from xml.etree import ElementTree

import pytest
from hydatis_lifecycle.lineage.drawing import anchor, drawn
from hydatis_lifecycle.lineage.graph import LineageGraph
from hydatis_lifecycle.lineage.layout import layout
from hydatis_lifecycle.lineage.record import Entity, EntityKind

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def graph(story):
    return LineageGraph(story.records)


def plan_of(graph, room=10.0):
    return layout(graph, dict.fromkeys((*graph.entities, *graph.derivations), room), 2.0, 3.0)


def test_every_edge_goes_down_one_layer_at_a_time(graph):
    plan = plan_of(graph)
    level = {node: at for at, layer in enumerate(plan.layers) for node in layer}
    assert len(plan.edges) == sum(len(record.inputs) + len(record.outputs) for record in graph.derivations.values())
    assert all([level[node] for node in edge] == list(range(level[edge[0]], level[edge[-1]] + 1)) for edge in plan.edges)


def test_nothing_overlaps_in_a_layer(graph):
    plan = plan_of(graph)
    for layer in plan.layers:
        rooms = [10.0 if node in graph.entities or node in graph.derivations else 2.0 for node in layer]
        for at in range(len(layer) - 1):
            apart = plan.across[layer[at + 1]] - plan.across[layer[at]]
            assert apart >= (rooms[at] + rooms[at + 1]) / 2 + 3.0 - 1e-9


def test_a_chain_is_drawn_straight(story):
    plan = plan_of(LineageGraph(story.records[:2]))
    assert set(plan.across.values()) == {5.0}


def test_edges_that_need_not_cross_do_not(story):
    """Four models are made of one record and registered in the opposite order: the drawing untangles them."""
    models = [story.thing(EntityKind.MODEL, f"m{n}") for n in range(4)]
    artifacts = [story.thing(EntityKind.ARTIFACT, f"m{n}", "1.0.0") for n in range(4)]
    trained = [story.step("train", (story.features,), (model,), 1.0 + n) for n, model in enumerate(models)]
    published = [story.step("publish", (models[n],), (artifacts[n],), 20.0 - n) for n in range(4)]
    plan = plan_of(LineageGraph([*trained, *published]))
    by_digest = {entity.digest: entity.name for entity in (*models, *artifacts)}
    orders = [[by_digest[node] for node in layer if node in by_digest] for layer in plan.layers]
    of_models, of_artifacts = (order for order in orders if order)
    assert of_models == of_artifacts


def test_what_nothing_made_stands_right_above_what_reads_it(story):
    late = story.thing(EntityKind.EVALUATION, "champions")
    judged = story.step("evaluate", (story.cpu, late), (story.judged,), 40.0)
    plan = plan_of(LineageGraph([*story.records[:3], judged]))
    assert next(layer for layer in plan.layers if late.digest in layer) == next(
        layer for layer in plan.layers if story.cpu.digest in layer
    )


def test_the_drawing_is_xml_that_names_everything_and_needs_nothing(graph, story):
    text = drawn(graph, story.artifact.digest)
    root = ElementTree.fromstring(text)
    names = {element.text for element in root.iter(f"{SVG}text")}
    assert {"bitbrains", "node-table", "cpu-forecaster", "production/cpu-forecaster", "train-forecaster", "deploy"} <= names
    assert len([one for one in root.iter(f"{SVG}rect") if "asked" in one.get("class", "")]) == 1
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
    assert "<script" not in text


def test_names_are_text_and_never_markup(story):
    wild = Entity(EntityKind.MODEL, '<script>alert("1")</script>&', story.cpu.digest)
    text = drawn(LineageGraph([story.step("<b>", (story.raw,), (wild,), 1.0, run="<i>", parameters={"<u>": "<s>"})]))
    ElementTree.fromstring(text)
    assert "<script" not in text
    assert "<b>" not in text


def test_nodes_link_to_rows_of_the_page_around_them(graph, story):
    text = drawn(graph, linked=True)
    assert f'<a href="#{anchor(story.artifact.digest)}">' in text
    assert "<a " not in drawn(graph)


def test_a_step_that_read_nothing_stands_at_the_top(story):
    """As the registering of a dataset does."""
    registered = story.step("register-dataset", (), (story.raw,), 1.0)
    graph = LineageGraph([registered, *story.records])
    assert plan_of(graph).layers[0] == graph.makers[story.raw.digest]
    ElementTree.fromstring(drawn(graph))


def test_an_empty_lineage_is_an_empty_drawing():
    assert ElementTree.fromstring(drawn(LineageGraph([]))).tag == f"{SVG}svg"
