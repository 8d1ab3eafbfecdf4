"""Patient and study fields of a header, brought to plain forms: age in years, ISO dates, sex."""

from __future__ import annotations

import re
from datetime import date

from pydicom.dataset import Dataset

from radrag.dicom.header import text

MAX_AGE = 130.0
_YEARS_A_UNIT = {"": 1.0, "Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_DATE = re.compile(r"^(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})")  # with dots: ACR-NEMA (PS3.5 table 6.2-1, DA)
_TIME = re.compile(r"^(\d{2}):?(\d{2})?:?(\d{2})?")


def age_of(dataset: Dataset) -> float | None:
    """Return the age in years from PatientAge ('068Y', '10M', '68'), else birth and study date; None if unknown."""
    match = re.fullmatch(r"(\d{1,3})\s*([YMWD]?)", text(dataset, "PatientAge").upper())
    if match:
        years = int(match[1]) * _YEARS_A_UNIT[match[2]]
        return round(years, 3) if years <= MAX_AGE else None
    born, studied = _day(text(dataset, "PatientBirthDate")), _day(text(dataset, "StudyDate"))
    if born is None or studied is None:
        return None
    years = (studied - born).days / 365.25
    if not 0 <= years <= MAX_AGE:
        return None
    birthday_passed = (studied.month, studied.day) >= (born.month, born.day)
    # Whole years as a header would state them; below two, months matter.
    return float(studied.year - born.year - (not birthday_passed)) if years >= 2 else round(years, 3)


def sex_of(dataset: Dataset) -> str:
    """Return "M", "F", "O" or empty."""
    sex = text(dataset, "PatientSex").upper()[:1]
    return sex if sex in {"M", "F", "O"} else ""


def studied_at(dataset: Dataset) -> str:
    """Return the study's date and time, ISO 8601; empty when there is no valid date."""
    return iso(text(dataset, "StudyDate"), text(dataset, "StudyTime"))


def acquired_at(dataset: Dataset) -> str:
    """Return when the image was taken, ISO 8601: acquisition, else content, series, study."""
    stamp = text(dataset, "AcquisitionDateTime")
    if found := iso(stamp[:8], stamp[8:]):
        return found
    for kind in ("Acquisition", "Content", "Series", "Study"):
        if found := iso(text(dataset, f"{kind}Date"), text(dataset, f"{kind}Time")):
            return found
    return ""


def iso(day: str, time: str = "") -> str:
    """Return DICOM DA and TM values as ISO 8601; the date alone without a valid time, empty without a valid date."""
    found = _day(day)
    if found is None:
        return ""
    match = _TIME.match(time)
    if not match:
        return found.isoformat()
    hour, minute, second = (int(part or 0) for part in match.groups())
    if hour > 23 or minute > 59 or second > 60:
        return found.isoformat()
    return f"{found.isoformat()}T{hour:02d}:{minute:02d}:{min(second, 59):02d}"


def _day(value: str) -> date | None:
    match = _DATE.match(value)
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None
