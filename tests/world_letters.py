"""For each RPC of supervision letters a good request, and a letter for each that nothing else is done to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from google.protobuf.message import Message
from pb.escalation.v1 import letters_pb2 as pb

from tests.conftest import COUNTY, Clients
from tests.lettering import TOWN, Letters, proto_date, today, wording

Maker = Callable[[Any, str], Message]
SUBJECT = f"cases/{COUNTY}-2025-000002"
"""A case of the county that escalation was told of."""


def letters_of(clients: Clients) -> Letters:
    """Return letters of the county."""
    return Letters(clients.letters, clients.as_, today, tell_of=clients.tell_of)


async def letters(clients: Clients) -> dict[str, str]:
    """Return letters of the county, by what may be done to each."""
    at = letters_of(clients)
    await clients.tell_of(SUBJECT)
    found = {each: await at.draft() for each in ("EditDraft", "DiscardDraft", "ApproveLetter", "ServeLetter")}
    found |= {each: await at.draft() for each in ("ConfirmReceipt", "ReplyLetter", "VerifyLetter", "WithdrawLetter")}
    found |= {each: await at.draft() for each in ("ObjectLetter", "DecideObjection", "DraftNextLetter", "GetLetter")}
    found["RecordHearing"] = await at.draft("CIRCULAR")
    found["HoldInterview"] = await at.draft("INTERVIEW")
    found["RecordTransfer"] = await at.draft("INSPECTION")
    for name in ("ServeLetter", "WithdrawLetter"):
        await at.sign(found[name])
    await at.serve(found["ConfirmReceipt"])
    for name in ("ReplyLetter", "ObjectLetter", "DecideObjection", "HoldInterview", "GetLetter"):
        await at.receive(found[name])
    await at.reply(found["VerifyLetter"])
    await at.at_unit("ObjectLetter", found["DecideObjection"], grounds="事实不符。")
    for name in ("DraftNextLetter", "RecordTransfer"):
        await at.answer_badly(found[name])
    return found


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""

    def of(method: str, **fields: Any) -> Maker:
        given = {name: lambda w, value=value: value() for name, value in fields.items()}
        return filled(getattr(pb, f"{method}Request"), name=lambda w: w.letters[method], **given)

    def one() -> int:
        return 1

    def said() -> str:
        return "逾期未办。"

    def words() -> pb.LetterWording:
        return wording(today() + timedelta(days=60))

    def about(path: str) -> Callable[[Any], str]:
        return lambda w: f"{w.letters['GetLetter']}/{path}"

    def letter(_: Any) -> pb.Letter:
        return pb.Letter(
            kind=pb.LETTER_KIND_NOTICE, issuer=f"units/{COUNTY}", unit=f"units/{TOWN}",
            subject=SUBJECT,
        )  # fmt: skip

    def county(_: Any) -> str:
        return f"units/{COUNTY}"

    return {
        "DraftLetter": filled(pb.DraftLetterRequest, letter=letter, wording=lambda w: words()),
        "EditDraft": of("EditDraft", wording=words),
        "DiscardDraft": of("DiscardDraft", reason=said),
        "RecordHearing": of("RecordHearing", statement=said),
        "ApproveLetter": of("ApproveLetter", office=one),
        "ServeLetter": of("ServeLetter", manner=one),
        "ConfirmReceipt": of("ConfirmReceipt"),
        "HoldInterview": of("HoldInterview", hold_date=lambda: proto_date(today()), minutes=said,
                            agreement=lambda: "doc-1"),
        "ReplyLetter": of("ReplyLetter", measures=said),
        "VerifyLetter": of("VerifyLetter", sufficient=lambda: True, finding=said),
        "WithdrawLetter": of("WithdrawLetter", reason=said),
        "ObjectLetter": of("ObjectLetter", grounds=said),
        "DecideObjection": of("DecideObjection", upheld=lambda: False, reason=said),
        "RecordTransfer": of("RecordTransfer", body=lambda: "units/6201", reason=said),
        "DraftNextLetter": of("DraftNextLetter"),
        "GetLetter": of("GetLetter"),
        "ListLetters": filled(pb.ListLettersRequest, unit=county),
        "ListLetterDrafts": filled(pb.ListLetterDraftsRequest, unit=county),
        "ReadLetterText": filled(pb.ReadLetterTextRequest, name=about("text")),
        "RenderLetter": filled(pb.RenderLetterRequest, name=about("document")),
    }  # fmt: skip
