"""What may stand in for a patient outside the hospital's systems: a salted key and a neutral file name."""

from __future__ import annotations

import hashlib
import re

KEY_DIGITS = 32  # 128 bits: no collisions in any archive, and short enough for a column


def patient_key(salt: str, patient_id: str, issuer: str = "") -> str:
    """Return the salted hash that stands for a patient.

    Args:
        salt: the workspace's secret; without it, ids could be found by trying them all.
        patient_id: id as the header or corpus has it; blanks around it do not count.
        issuer: issuer of the id, since two hospitals may give the same one.

    Returns:
        32 hex digits of SHA-256 over salt, issuer and id; empty when there is no id.
    """
    known = patient_id.strip()
    if not known:
        return ""
    # NUL keeps ("ab", "c") and ("a", "bc") apart; DICOM allows it in none of the three.
    return hashlib.sha256("\0".join((salt, issuer.strip(), known)).encode()).hexdigest()[:KEY_DIGITS]


def safe_name(study_instance_uid: str, suffix: str = "") -> str:
    """Return a file name that tells nothing of the patient and is valid on every file system.

    Args:
        study_instance_uid: UID to name the file by; hashed, since devices put dates and serial numbers in.
        suffix: such as ``.json``; characters other than letters, digits and dots are dropped.

    Returns:
        ``study-`` and 16 hex digits, then the suffix.
    """
    digest = hashlib.sha256(study_instance_uid.encode()).hexdigest()[:16]
    return f"study-{digest}{re.sub(r'[^A-Za-z0-9.]', '', suffix)}"
