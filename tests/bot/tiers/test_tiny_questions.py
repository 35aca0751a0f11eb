"""Questions that only what was told or loaded can answer, and those that anybody may."""

import pytest

from bot.tiers.tiny_prompt import each_clause_once
from bot.tiers.tiny_questions import asks_for_particular


@pytest.mark.parametrize(
    "question",
    [
        "How long is the warranty?",
        "How much does the kettle cost?",
        "When is the meeting?",
        "And what is the wifi password?",
        "Where is the spare key",
        "What is our gate code?",
        "What is the price of the kettle?",
        "I bought a kettle. How long is the warranty?",
    ],
)
def test_a_question_about_a_thing_that_both_are_taken_to_know_asks_for_something_particular(question: str) -> None:
    assert asks_for_particular(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "Who is the king of Spain?",
        "Where is the Eiffel Tower?",
        "How far is the moon?",
        "What is the meaning of life?",
        "What is the largest animal?",
        "Who was the first man on the moon?",
        "How do I boil an egg?",
        "What is love?",
        "How are you?",
        "Tell me a joke",
        "I like the kettle.",
    ],
)
def test_what_anybody_may_know_and_small_talk_do_not(question: str) -> None:
    assert not asks_for_particular(question)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Your name is Ada, and your name is Ada.", "Your name is Ada."),
        ("Your name is Ada and your name is Ada!", "Your name is Ada!"),
        ("You like tea; you live in Lisbon, you like tea.", "You like tea; you live in Lisbon."),
        ("You are Ada, and you live in Lisbon.", "You are Ada, and you live in Lisbon."),
        ("It is very, very far.", "It is very, very far."),
        ("No, no, no", "No, no, no"),
        ("", ""),
    ],
)
def test_a_clause_that_a_sentence_says_again_is_dropped(said: str, left: str) -> None:
    assert each_clause_once(said) == left
