"""The miniature world: what is said of a scene is true of it, and what is drawn is the same every time."""

import hashlib
from collections import Counter

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.miniature.captions import DenseCaption, dense_caption, short_caption
from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.drawing.kinds import DRAW
from dpg_bench.miniature.drawing.picture import draw
from dpg_bench.miniature.facts import CATEGORIES, COUNT, WHOLE, Fact, all_facts, holds, noun_of
from dpg_bench.miniature.graph import question_graph
from dpg_bench.miniature.oracle import answer
from dpg_bench.miniature.questions import draw_fact, fact_of
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.scene import KINDS, Link, Scene, Thing

SCENES = [draw_scene(f"test {n}", held_out=False) for n in range(400)]
CAPTIONS = [dense_caption(scene, f"test {n}") for n, scene in enumerate(SCENES)]
TWO_STARS_OVER_A_LAMP = Scene(
    (
        Thing("star", 0, "red", "small", count=2),
        Thing("lamp", 2, "blue", "large", state="lit", tilted=True),
        Thing("person", 3, "green", "large", parts=("a hat",)),
        Thing("balloon", 3, "pink", "small"),
    ),
    (Link("person", "holding", "balloon"),),
    "gray",
    "filled",
)


def pairs() -> list[tuple[Scene, DenseCaption]]:
    return list(zip(SCENES, CAPTIONS, strict=True))


def test_the_oracle_says_yes_to_every_question_of_a_scenes_own_graph() -> None:
    for scene, caption in pairs():
        assert {answer(fact.question, scene) for fact in caption.facts} == {"yes"}


def test_the_oracle_says_no_to_false_questions_of_every_category() -> None:
    seen = Counter()
    for number, scene in enumerate(SCENES):
        dice = Dice(f"false {number}")
        for category in CATEGORIES:
            fact = fact_of(category, scene, dice, true=False)
            if fact is not None:
                assert fact.category == category
                assert answer(fact.question, scene) == "no"
                seen[category] += 1
    assert set(seen) == set(CATEGORIES)


def test_training_questions_carry_the_truth_and_each_answer_is_about_as_frequent() -> None:
    dice = Dice("questions")
    asked = [(scene, *draw_fact(scene, dice)) for scene in SCENES for _ in range(12)]
    assert all(holds(fact, scene) == truth for scene, fact, truth in asked)
    for category in CATEGORIES:
        answers = [truth for _, fact, truth in asked if fact.category == category]
        assert 0.3 < sum(answers) / len(answers) < 0.7, category


def test_all_thirteen_level_two_categories_occur_in_graphs() -> None:
    seen = Counter(fact.category for caption in CAPTIONS for fact in caption.facts)
    assert set(seen) == set(CATEGORIES)
    assert len(CATEGORIES) == 13
    assert len({category.split(" -")[0] for category in CATEGORIES}) == 5


def test_all_kinds_occur_and_can_be_drawn() -> None:
    assert {thing.kind for scene in SCENES for thing in scene.things} == set(KINDS) == set(DRAW)


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("Are there stars?", "yes"),
        ("Is there a star?", "yes"),
        ("Are there two stars?", "yes"),
        ("Are there three stars?", "no"),
        ("Are there balloons?", "no"),
        ("Is the lamp lit?", "yes"),
        ("Is the lamp tilted?", "yes"),
        ("Are the stars above the lamp?", "yes"),
        ("Is the lamp above the stars?", "no"),
        ("Is the lamp to the left of the person?", "yes"),
        ("Is the person holding the balloon?", "yes"),
        ("Is the balloon holding the person?", "no"),
        ("Does the person have a hat?", "yes"),
        ("Does the mask have a hat?", "no"),
        ("Is the house red?", "no"),
        ("Is the background gray?", "yes"),
        ("Is this a night scene?", "no"),
    ],
)
def test_the_oracle_reads_the_truth_from_the_record(question: str, reply: str) -> None:
    assert answer(question, TWO_STARS_OVER_A_LAMP) == reply


def test_the_oracle_refuses_a_question_that_the_world_does_not_ask() -> None:
    with pytest.raises(BadInputError, match="Is there a zebra"):
        answer("Is there a zebra?", SCENES[0])


def test_every_fact_has_a_question_of_its_own() -> None:
    assert all(fact.question == question for question, fact in all_facts().items())
    assert len(set(all_facts().values())) == len(all_facts())


def test_an_attribute_depends_on_its_thing_and_a_relation_on_both() -> None:
    graph = question_graph(
        (
            Fact(WHOLE, "lamp"),
            Fact(WHOLE, "stars"),
            Fact(COUNT, "stars", "2"),
            Fact("relation - spatial", "stars", "lamp", "above"),
            Fact("relation - spatial", "stars", "top left", "in"),
            Fact("global -", "", "night scene"),
        )
    )
    assert [node.parents for node in graph] == [(), (), (2,), (1, 2), (2,), ()]


def test_dense_captions_have_40_to_110_words_and_many_exceed_clips_77_tokens() -> None:
    lengths = [len(caption.text.split()) for caption in CAPTIONS]
    assert min(lengths) >= 40
    assert max(lengths) <= 110
    assert sum(length > 77 for length in lengths) > 0.15 * len(lengths)  # a word is at least a token


def test_a_dense_caption_names_everything_it_is_asked_for() -> None:
    for scene, caption in pairs():
        for thing in scene.things:
            assert noun_of(thing) in caption.text
            assert thing.color in caption.text
            assert thing.letter is None or f'"{thing.letter}"' in caption.text


def test_short_captions_are_a_few_words_and_some_of_them_are_wrong() -> None:
    captions = [short_caption(scene, f"test {n}") for n, scene in enumerate(SCENES)]
    assert sum(len(caption.split()) for caption in captions) / len(captions) < 16
    wrong = [
        caption
        for scene, caption in zip(SCENES, captions, strict=True)
        if not {word for word in caption.replace(",", " ").split() if word in ("red", "blue", "green", "purple")}
        <= {thing.color for thing in scene.things}
    ]
    assert 0 < len(wrong) < len(captions) / 4


def test_a_drawing_is_the_same_every_time_and_another_seed_moves_it() -> None:
    first = draw(SCENES[0], "a")
    assert first.size == (64, 64)
    assert first.mode == "RGB"
    assert first.tobytes() == draw(SCENES[0], "a").tobytes()
    assert first.tobytes() != draw(SCENES[0], "b").tobytes()


def test_a_seed_always_stands_for_the_same_scene() -> None:
    digest = hashlib.sha256(repr([draw_scene(str(n), held_out=False) for n in range(20)]).encode()).hexdigest()
    assert digest == "6590349a37bf8b33909bbec768cd320b264898ced51535a0774144f17660731e"


def test_what_a_question_asks_for_shows_in_the_drawing() -> None:
    """Two scenes that differ in one asked-for thing never look alike."""
    lamp = TWO_STARS_OVER_A_LAMP.things[1]
    plain = draw(Scene((lamp,), (), "gray", "filled"), "a").tobytes()
    others = [
        Thing("lamp", 2, "blue", "large", state="unlit", tilted=True),
        Thing("lamp", 2, "blue", "large", state="lit"),
        Thing("lamp", 2, "green", "large", state="lit", tilted=True),
        Thing("lamp", 1, "blue", "large", state="lit", tilted=True),
        Thing("cup", 2, "blue", "large", tilted=True),
    ]
    drawn = {draw(Scene((thing,), (), "gray", "filled"), "a").tobytes() for thing in others}
    assert len(drawn | {plain}) == len(others) + 1
