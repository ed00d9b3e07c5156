"""Ids, keys, parameters, briefs, safety, backoff: small pure functions."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette.domain import safety, typeid
from maquette.domain.brief import Brief, library_path
from maquette.domain.composition import compose
from maquette.domain.errors import Invalid, NotFound
from maquette.domain.idempotency import canonical, inputs_digest, step_key
from maquette.domain.parameters import PARAMETERS, complete_params
from maquette.domain.pipeline import (
    PIPELINES,
    check_skip,
    choose_inputs,
    gate_positions,
    pinned,
    pipeline_for,
)
from maquette.domain.retry import POLICIES, retry_delay
from maquette.domain.style import Style, fields, parse


@given(st.uuids())
def test_ids_survive_the_round_trip(uuid_: uuid.UUID) -> None:
    """Encoding and decoding give the same id, and only under its own prefix."""
    text = typeid.encode("job", uuid_)
    assert len(text) == len("job_") + 26
    assert typeid.decode("job", text) == uuid_
    with pytest.raises(NotFound):
        typeid.decode("ast", text)


@pytest.mark.parametrize(
    "text",
    ["", "job_", "job", "job_8zzzzzzzzzzzzzzzzzzzzzzzzz", "job_" + "u" * 26, "job_" + "0" * 25, "a_b_c"],
)
def test_what_is_no_id_is_not_found(text: str) -> None:
    """Nothing can exist under something that is no id."""
    with pytest.raises(NotFound):
        typeid.decode("job", text)


def test_the_published_typeid_vector_holds() -> None:
    """From the TypeID specification's list of valid ids."""
    uuid_ = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    assert typeid.encode("prefix", uuid_) == "prefix_01h455vb4pex5vsknk084sn02q"


@given(st.dictionaries(st.text(), st.integers() | st.text()), st.randoms())
def test_the_canonical_form_does_not_depend_on_order(value: dict[str, object], random: object) -> None:
    """Equal objects have equal bytes."""
    items = list(value.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert canonical(dict(items)) == canonical(value)


def test_step_keys_tell_every_input_apart() -> None:
    """Any difference in what an attempt is given gives another key."""
    project = uuid.uuid4()
    base = {
        "project_id": project,
        "asset_type": "2D",
        "step": "refine",
        "params": {"scale": 2},
        "seed": 1,
        "upstream": ["a"],
    }
    variants = [
        {"project_id": uuid.uuid4()},
        {"asset_type": "3D"},
        {"step": "rig"},
        {"params": {"scale": 3}},
        {"seed": 2},
        {"upstream": ["b"]},
        {"upstream": ["a", "a"]},
    ]
    keys = {step_key(inputs_digest(**(base | change)), "1") for change in variants}
    keys |= {step_key(inputs_digest(**base), version) for version in ("1", "2")}
    assert len(keys) == len(variants) + 2


@given(
    st.sampled_from(sorted(POLICIES)),
    st.integers(1, 50),
    st.floats(0, 1, exclude_max=True),
    st.none() | st.floats(0, 1e9),
)
def test_waits_stay_within_their_cap(
    error_class: str, attempt: int, jitter: float, retry_after: float | None
) -> None:
    """Full jitter never exceeds the cap, Retry-After is a floor of at most an hour, attempts end."""
    policy = POLICIES[error_class]
    delay = retry_delay(policy, attempt, jitter=jitter, retry_after_seconds=retry_after)
    if attempt >= policy.attempts_max:
        assert delay is None
    else:
        assert delay is not None
        assert min(retry_after or 0, 3600) <= delay <= max(policy.cap_seconds, 3600)


@pytest.mark.parametrize("asset_type", sorted(PIPELINES))
def test_defaults_are_legal(asset_type: str) -> None:
    """Every default passes its own check, and every step has its parameters."""
    pipeline = PIPELINES[asset_type]
    completed = complete_params(pipeline, {})
    assert list(completed) == [spec.name for spec in pipeline.steps]
    given_ = {
        step: {name: value for name, value in values.items() if value is not None}
        for step, values in completed.items()
    }
    assert complete_params(pipeline, given_) == completed


@pytest.mark.parametrize(
    ("params", "loc"),
    [
        ({"paint": {}}, ("params", "paint")),
        ({"retopo": []}, ("params", "retopo")),
        ({"retopo": {"polys": 1}}, ("params", "retopo", "polys")),
        ({"retopo": {"target_polycount": 99}}, ("params", "retopo", "target_polycount")),
        ({"retopo": {"target_polycount": True}}, ("params", "retopo", "target_polycount")),
        ({"retopo": {"target_polycount": 4000.0}}, ("params", "retopo", "target_polycount")),
        ({"refine": {"denoise": float("nan")}}, ("params", "refine", "denoise")),
        ({"anim": {"fps": 23}}, ("params", "anim", "fps")),
        ({"anim": {"clips": []}}, ("params", "anim", "clips")),
        ({"anim": {"clips": ["walk", "walk"]}}, ("params", "anim", "clips")),
        ({"export": {"formats": ["exe"]}}, ("params", "export", "formats")),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, object], loc: tuple[str, ...]) -> None:
    """The error says where."""
    with pytest.raises(Invalid) as caught:
        complete_params(PIPELINES["3D"], params)
    assert caught.value.details[0].loc == loc


def test_every_step_of_every_pipeline_has_parameters() -> None:
    """The tables of steps and of parameters agree."""
    for name, pipeline in PIPELINES.items():
        assert list(PARAMETERS[name]) == [spec.name for spec in pipeline.steps]


@pytest.mark.parametrize(
    "skip", [["text_to_image"], ["export"], ["rig"], ["image_to_3d"], ["retopo"], ["nonsense"]]
)
def test_skipping_what_others_need_is_refused(skip: list[str]) -> None:
    """Required steps stay, and a step that something reads goes only with its readers."""
    with pytest.raises(Invalid):
        check_skip(PIPELINES["3D"], skip)


def test_a_prop_skips_rig_and_anim() -> None:
    """Optional steps can be left out, and the gate before export moves with them."""
    pipeline = PIPELINES["3D"]
    skipped = check_skip(pipeline, ["rig", "anim"])
    gates = gate_positions(pipeline, ("text_to_image", "before_export", "rig"), skipped)
    assert {pipeline.steps[position].name for position in gates} == {"text_to_image", "retopo"}


class _File:
    def __init__(self, step: str, kind: str, *, selected: bool | None = None) -> None:
        self.step, self.kind, self.selected = step, kind, selected


def test_a_step_reads_the_selected_files_or_the_first() -> None:
    """The reviewer's selection wins; without one a step that reads one file gets the first."""
    refine = PIPELINES["3D"].steps[1]
    files = [_File("text_to_image", "image") for _ in range(3)]
    assert choose_inputs(refine, files) == files[:1]
    files[2].selected = True
    assert choose_inputs(refine, files) == files[2:]


def test_a_step_reads_the_nearest_step_that_ran() -> None:
    """With refine skipped, image_to_3d reads the concept; export reads the mesh and all clips."""
    steps = {spec.name: spec for spec in PIPELINES["3D"].steps}
    concept = _File("text_to_image", "image")
    assert choose_inputs(steps["image_to_3d"], [concept]) == [concept]
    files = [_File("retopo", "mesh"), _File("rig", "mesh"), _File("anim", "clip"), _File("anim", "clip")]
    assert choose_inputs(steps["export"], files) == files[1:]


def test_export_sees_every_step_from_version_two_on() -> None:
    """The contact sheet needs concept, refined picture and sculpted mesh; jobs that pinned version 1 read as before."""
    made = [("text_to_image", "image"), ("refine", "image"), ("image_to_3d", "mesh"), ("retopo", "mesh")]
    files = [_File(step, kind) for step, kind in [*made, ("rig", "mesh"), ("anim", "clip")]]
    read = {
        version: [(item.step, item.kind) for item in choose_inputs(pinned("3D", version).steps[-1], files)]
        for version in (1, 2)
    }
    assert read[1] == [("rig", "mesh"), ("anim", "clip")]
    assert read[2] == [*read[1], *made[:3]]


def test_what_two_reads_find_comes_once() -> None:
    """The contact sheet of a 2D asset needs the concepts; with refine left out they are what is exported, once."""
    export = pinned("2D", 2).steps[-1]
    concepts, refined = [_File("text_to_image", "image") for _ in range(2)], [_File("refine", "image")]
    assert choose_inputs(export, [*concepts, *refined]) == [*refined, *concepts]
    assert choose_inputs(export, concepts) == concepts


@pytest.mark.parametrize(
    ("prompt", "path"), [("A rusty robot courier!", "rusty-robot-courier"), ("  the   Crate ", "crate")]
)
def test_a_brief_without_a_path_gets_a_slug(prompt: str, path: str) -> None:
    """The same brief always gets the same place."""
    assert library_path("", prompt) == path


def test_a_brief_without_latin_letters_gets_a_place_too() -> None:
    """A digest stands in for the slug; different prompts get different ones."""
    robot, dragon = library_path("", "机器人"), library_path("", "龙")
    assert robot.startswith("asset-")
    assert robot != dragon


@pytest.mark.parametrize(
    "path", ["../x", "a//b", "/a", "a/", ".hidden", "a/..", "a b", "é", "a" * 90, "/".join("abcdefghi")]
)
def test_a_path_that_could_escape_is_refused(path: str) -> None:
    """Only plain segments."""
    with pytest.raises(Invalid):
        library_path(path, "x")


def test_the_palette_and_the_seed_reach_every_step() -> None:
    """Composition is one pure function of brief and style."""
    brief = Brief(uuid.uuid4(), "2D", "a crate", 7, library_path="props/crate")
    effective = compose(brief, Style(3, ("wood",), (), ("#aabbcc",)))
    assert effective["params"]["text_to_image"]["style"]["palette"] == ["#aabbcc"]
    assert effective["params"]["export"]["name"] == "crate"
    assert effective["seeds"] == {"text_to_image": 7, "refine": 7, "export": 7}


@pytest.mark.parametrize(
    "style",
    [
        Style(palette=("red",)),
        Style(keywords=("",)),
        Style(keywords=("x" * 61,)),
        Style(palette=("#000000",) * 17),
    ],
)
def test_a_style_that_makes_no_sense_is_refused(style: Style) -> None:
    """Colours are colours and words are words."""
    with pytest.raises(Invalid):
        parse(fields(style))


@pytest.mark.parametrize(
    "text", ["Child porn", "ch1ld p0rn", "CHILD\u200b PORN", "a c\u0301hild porn poster", "child   porn"]
)
def test_the_floor_sees_through_simple_disguises(text: str) -> None:
    """Case, digits for letters, invisible characters, accents and spacing do not hide a term."""
    assert safety.judge(safety.ALONE, [safety.Text(text)])[0].answer == "block"


@pytest.mark.parametrize(
    "text", ["a rusty robot courier", "Scunthorpe town sign", "a bomb disposal robot", "a child's wooden toy"]
)
def test_innocent_briefs_pass_the_floor(text: str) -> None:
    """Whole words only."""
    assert not safety.judge(safety.ALONE, [safety.Text(text)])


def test_an_unknown_asset_type_is_named() -> None:
    """The error lists what exists."""
    with pytest.raises(Invalid, match="2D, 3D"):
        pipeline_for("4D")
