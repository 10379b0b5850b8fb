"""Masking of personal data for readers who have no reason to see it in full."""

from __future__ import annotations


def mask_name(name: str, organisation: bool = False) -> str:
    """Return `张*` for 张三丰; for an organisation its first two characters, `兰州**`."""
    if not name:
        return ""
    return f"{name[:2]}**" if organisation and len(name) > 3 else f"{name[0]}*"


def mask_phone(phone: str) -> str:
    """Return `138****1234`; for a number shorter than eight digits only `****`."""
    if not phone:
        return ""
    plain = national(phone)
    return f"{plain[:3]}****{plain[-4:]}" if len(plain) >= 11 else "****" + (plain[-2:] if len(plain) >= 8 else "")


def national(phone: str) -> str:
    """Return a number as it is dialled within the country, so that one number has one form."""
    for code in ("+86", "0086"):
        if phone.startswith(code) and len(phone) > len(code) + 6:
            return phone[len(code) :]
    return phone
