"""Which messages ask to be remembered, and in which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.tiers.remembering import MAX_FACT_CHARS, MAX_FACTS, facts_to_remember, same_subject, second_person

TOLD_BACK = [
    ("my name is ada", ["Your name is ada."]),
    ("My name is Ada Lovelace", ["Your name is Ada Lovelace."]),
    ("Call me Zoë Ólafsdóttir", ["Your name is Zoë Ólafsdóttir."]),
    ("my name is Ada", ["Your name is Ada."]),
    ("My name is Ada.", ["Your name is Ada."]),
    ("Hi! My name is Ada. How are you?", ["Your name is Ada."]),
    ("I'm called Ada", ["Your name is Ada."]),
    ("I am called Ada Lovelace.", ["Your name is Ada Lovelace."]),
    ("call me Ada", ["Your name is Ada."]),
    ("Please call me Ada, thanks", ["Your name is Ada."]),
    ("You can call me Ada", ["Your name is Ada."]),
    ("remember that my sister is Maria", ["Your sister is Maria."]),
    ("Remember that my sister is called Maria.", ["Your sister is called Maria."]),
    ("please remember: I hate olives", ["You hate olives."]),
    ("Please remember that I'm vegan", ["You are vegan."]),
    ("don't forget I have an exam on Friday", ["You have an exam on Friday."]),
    ("Don’t forget that I have an exam on Friday!", ["You have an exam on Friday."]),
    ("I live in Lisbon", ["You live in Lisbon."]),
    ("I work as a nurse", ["You work as a nurse."]),
    ("my favourite colour is green", ["Your favourite colour is green."]),
    ("My favorite food is ramen!", ["Your favorite food is ramen."]),
    ("my birthday is 3 May", ["Your birthday is 3 May."]),
    ("I am allergic to nuts", ["You are allergic to nuts."]),
    ("I'm from Porto", ["You are from Porto."]),
    ("I have a dog called Biscuit", ["You have a dog called Biscuit."]),
    ("I've got two cats", ["You have got two cats."]),
    ("My dog's name is Biscuit", ["Your dog's name is Biscuit."]),
    ("i play the cello", ["You play the cello."]),
    ("I speak Portuguese", ["You speak Portuguese."]),
    ("I was born in Leeds in 1990.", ["You were born in Leeds in 1990."]),
    ("I'm 34 years old", ["You are 34 years old."]),
    ("Can you remember that I park on level 3?", ["You park on level 3."]),
    ("Could you please remember that my flight is at 9?", ["Your flight is at 9."]),
    ("Note that the wifi password is hunter2", ["The wifi password is hunter2."]),
    ("Keep in mind that I am left-handed.", ["You are left-handed."]),
    ("Remember: the meeting is on Monday", ["The meeting is on Monday."]),
    ("Please remember:\nI hate olives\nWhat is for dinner?", ["You hate olives."]),
    ("remember that my sister is Maria. She lives in Rome.", ["Your sister is Maria."]),
    ("My name is Ada and I live in Lisbon", ["Your name is Ada.", "You live in Lisbon."]),
    ("Ok, by the way, my sister is called Maria", ["Your sister is called Maria."]),
    ("My wife is called Olga, and she is from Riga", ["Your wife is called Olga."]),
    ("remember   that \t my   cat is Tom", ["Your cat is Tom."]),
    ("Remember I don't eat meat", ["You don't eat meat."]),
    ("Remember that I am not a morning person", ["You are not a morning person."]),
]
QUIET = [
    "Call me before lunch",
    "Call me by Friday",
    "Call me once you land",
    "Call me right away",
    "Call me immediately",
    "I am called away on business",
    "My name is hard to pronounce",
    "I'm allergic to peanuts, what can I eat?",
    "I live in\n\nLisbon",
    "do you remember that my sister is Maria?",
    "Do you remember my name?",
    "what is my name?",
    "What's my name",
    "remember when we went to Rome?",
    "Remember when we went to Rome.",
    "Remember how I told you about Rome",
    "if my name is Ada, what is yours?",
    "If I live in Lisbon I need a visa",
    "Suppose my name is Bob.",
    "Imagine I live in Rome.",
    "I don't live in Lisbon",
    "My name is not Ada",
    "I'm not allergic to nuts",
    "I do not work as a nurse",
    "My favourite colour isn't green",
    'She said "my name is Ada"',
    '"My name is Ada"',
    "He said my name is Bob",
    "The song goes 'I live in Lisbon'",
    "> my name is Ada",
    "Translate: my name is Ada",
    "In the story my name is Ada",
    "I remember that my sister was there",
    "I can't remember my name",
    "Remember me?",
    "Remember to buy milk",
    "Remember this",
    "please remember",
    "I wish I lived in Lisbon",
    "I used to live in Lisbon",
    "Maybe my name is Ada",
    "call me back later",
    "Call me when you can",
    "my dog is sick",
    "I live in fear",
    "Thanks!",
    "Hello!",
    "",
    "Tell me a joke",
    "Is my name Ada?",
    "Can you remember my name?",
    "Could you remember what I said?",
    "Who is my sister?",
    "You forgot that my name is Ada",
    "I would call me Ada",
    "Don't remember that I like cats",
    "Forget that my name is Ada",
    "My sister says I live in Rome",
]


@pytest.mark.parametrize(("text", "told_back"), TOLD_BACK)
def test_a_plain_request_is_kept_and_can_be_told_back(text: str, told_back: list[str]) -> None:
    assert [second_person(fact) for fact in facts_to_remember(text)] == told_back


@pytest.mark.parametrize("text", QUIET)
def test_questions_conditions_hearsay_and_denials_are_not_kept(text: str) -> None:
    assert facts_to_remember(text) == []


@given(st.text())
def test_any_text_gives_few_short_sentences(text: str) -> None:
    facts = facts_to_remember(f"remember that {text}")
    assert len(facts) <= MAX_FACTS
    assert all(len(fact) <= MAX_FACT_CHARS + 1 and "\n" not in fact for fact in facts)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("My name is Ada.", "My name is Bob.", True),
        ("I live in Lisbon.", "I live at the sea.", True),
        ("My favourite colour is green.", "My favourite food is ramen.", False),
        ("My sister is Maria.", "My brother is Tom.", False),
        ("I play the cello.", "I play the drums.", False),
    ],
)
def test_a_new_fact_takes_the_place_of_one_about_the_same_thing(one: str, other: str, same: bool) -> None:
    assert same_subject(one, other) is same
