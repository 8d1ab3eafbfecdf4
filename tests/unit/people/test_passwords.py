"""Passwords are long enough, kept as hashes, and the same on every keyboard."""

import pytest

from radrag.errors import UsageError
from radrag.people import passwords


@pytest.mark.parametrize(
    ("password", "message"),
    [("", "0 characters"), ("elevenchars", "11 characters"), ("x" * 1025, "more than"), ("abababababab", "repeats")],
)
def test_what_is_easily_guessed_is_refused_without_being_repeated(password, message):
    with pytest.raises(UsageError, match=message) as error:
        passwords.checked(password)
    assert not password or password not in str(error.value)


def test_twelve_characters_of_any_script_will_do():
    assert passwords.checked("Straße nach 7") == "Straße nach 7"
    assert passwords.checked("病院の廊下は静かで長いです") == "病院の廊下は静かで長いです"


def test_two_hashes_of_one_password_differ_and_both_fit():
    first, second = passwords.hashed("nine green bottles"), passwords.hashed("nine green bottles")
    assert first != second
    assert passwords.fits(first, "nine green bottles")
    assert passwords.fits(second, "nine green bottles")
    assert not passwords.fits(first, "nine green bottle")
    assert first.startswith("$argon2id$")


def test_a_composed_letter_is_the_same_as_its_parts():
    assert passwords.fits(passwords.hashed("caf\u00e9 au lait noir"), "cafe\u0301 au lait noir")


@pytest.mark.parametrize("stored", ["", "no hash", "$argon2id$v=19$broken"])
def test_nothing_fits_what_is_no_hash(stored):
    assert not passwords.fits(stored, "")
    assert not passwords.fits(stored, "anything at all")
