"""The tables of intake."""

from __future__ import annotations

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    UniqueConstraint,
    and_,
    not_,
    or_,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.door.forward import ForwardState
from casework.door.report import Contentment, LinkKind, ReportState
from casework.papers.file_type import FileType
from services.kit.storage.models import Code, Count, Instant, Json, Model, Numbered, Small, Words, clock_named, date_of
from services.kit.storage.sealing import SealedBytes, WrappedKey
from services.kit.storage.tables.erasure_tables import ErasureRow, HoldRow, ReachRow


class IntakeModel(Model):
    """A table of intake's own."""

    __abstract__ = True
    metadata = MetaData()


class Report(IntakeModel):
    """A report. It holds the head of its case's chain of events."""

    __tablename__ = "reports"
    __table_args__ = (
        UniqueConstraint("receipt_index"),
        Index("reports_source", "source", "source_id", unique=True, postgresql_where=text("source <> ''")),
        Index(
            "reports_of_source", "source", text("received_at DESC"), text("number DESC"),
            postgresql_where=text("source <> ''"),
        ),
        Index("reports_merged", "merged_into", postgresql_where=text("merged_into <> ''")),
        Index("reports_newest", text("received_at DESC"), text("number DESC")),
        Index("reports_place", "area", "category", "received_at"),
        Index("reports_decided", "decided_at", postgresql_where=text("decided_at IS NOT NULL")),
    )  # fmt: skip

    number: Mapped[Code] = mapped_column(primary_key=True)
    seq: Mapped[Count]
    head: Mapped[bytes]
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ReportState] = mapped_column(Numbered(ReportState))
    unit: Mapped[Code]
    channel: Mapped[Small]
    category: Mapped[Code]
    area: Mapped[Code]
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)
    people: Mapped[int]
    amount_fen: Mapped[Count]
    scope: Mapped[Small]
    urgency: Mapped[Small]
    danger: Mapped[bool]
    grade: Mapped[Small]
    triage: Mapped[Json]
    sealed_key: Mapped[WrappedKey]
    sealed: Mapped[SealedBytes] = mapped_column(comment="AES-GCM of text, address, reporter, parties and receipt code.")
    receipt_index: Mapped[bytes]
    source: Mapped[Code]
    source_id: Mapped[Code]
    received_at: Mapped[Instant]
    due_at: Mapped[Instant | None] = date_of()
    closed_at: Mapped[Instant | None]
    decided_at: Mapped[Instant | None]
    merged_into: Mapped[Code] = mapped_column(server_default="")
    route: Mapped[Small] = mapped_column(server_default="0")
    updated_at: Mapped[Instant]
    about: Mapped[Code] = mapped_column(server_default="", comment="The unit complained of; empty for none.")
    due_clock: Mapped[Code] = mapped_column(server_default="")
    reachable: Mapped[bool] = mapped_column(
        server_default=text("true"), comment="Whether the reporter left anything by which to reach them."
    )
    erased_at: Mapped[Instant | None] = mapped_column(
        comment="When what was told was erased with its key; its number and codes stay."
    )
    withdrawn_at: Mapped[Instant | None]
    anonymity: Mapped[Small] = mapped_column(
        server_default="0", comment="From whom the identity of the reporter is kept."
    )
    for_minor: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Whether a minor is concerned; all else about them is sealed."
    )


def not_about(asked_by: BindParameter[str]) -> ColumnElement[bool]:
    """Return the condition that a report is no complaint about a unit or one above it: it is shown to that unit."""
    return or_(
        Report.about == "",
        and_(
            Report.about != asked_by,
            not_(and_(Report.about.not_like("%-%"), asked_by.like(Report.about.concat("%")))),
        ),
    )


class Likeness(IntakeModel):
    """The signs of a report's text, by which likely same matters are found."""

    __tablename__ = "likenesses"
    __table_args__ = (
        Index("likenesses_signs", "signs", postgresql_using="gin", postgresql_with={"gin_pending_list_limit": 512}),
        {"comment": "Keyed signs of texts, to find likely same matters; an erasure clears them."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    signs: Mapped[list[int] | None] = mapped_column(
        ARRAY(Integer), comment="Sorted, each once; NULL until they are worked out from the sealed text."
    )
    size: Mapped[int] = mapped_column(server_default="0")


class CountedText(IntakeModel):
    """Whether a report's text is counted under its signs. Stored with the report in one transaction."""

    __tablename__ = "counted_texts"
    __table_args__ = (
        Index("counted_texts_waiting", "number", postgresql_where=text("NOT counted")),
        {"comment": "Whether a text is counted under its signs; in likenesses their index would be written again."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    counted: Mapped[bool] = mapped_column(server_default=text("false"))


class SearchSigns(IntakeModel):
    """The signs by which the words of an open report are found; none of the names of the persons named in it."""

    __tablename__ = "search_signs"
    __table_args__ = (
        Index("search_signs_found", "signs", postgresql_using="gin", postgresql_with={"gin_pending_list_limit": 512}),
        Index("search_signs_open", "number", postgresql_where=text("signs IS NOT NULL")),
        Index("search_signs_stale", "number", postgresql_where=text("stale")),
        {"comment": "Keyed signs of the words of open matters, to search for them; gone once one is over."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    signs: Mapped[list[int] | None] = mapped_column(
        ARRAY(Integer), comment="Sorted, each once; NULL while nothing is to be found."
    )
    stale: Mapped[bool] = mapped_column(server_default=text("true"), comment="Whether they must be worked out again.")


class SignCount(IntakeModel):
    """How many texts have a sign."""

    __tablename__ = "sign_counts"
    __table_args__ = (
        UniqueConstraint("sign"),
        {"comment": "How many texts have a sign. A row without a sign: no text has it any more."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    sign: Mapped[int | None]
    texts: Mapped[Count]


class Link(IntakeModel):
    """A person's decision on how two reports are related."""

    __tablename__ = "links"
    __table_args__ = (Index("links_target", "target"),)

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    target: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    kind: Mapped[LinkKind] = mapped_column(Numbered(LinkKind))
    reason: Mapped[Words]
    actor: Mapped[Words]
    created_at: Mapped[Instant]


class Addition(IntakeModel):
    """Words that a reporter added."""

    __tablename__ = "additions"
    __table_args__ = ({"comment": "Words that a reporter added, sealed under the data key of the report."},)

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    addition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed: Mapped[SealedBytes]
    added_at: Mapped[Instant]


class Photo(IntakeModel):
    """A photo of a report, without the camera's metadata."""

    __tablename__ = "photos"
    __table_args__ = ({"comment": "Photos of reports and their thumbnails, sealed under the data key of the report."},)

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    photo: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    sealed: Mapped[SealedBytes]
    thumbnail: Mapped[SealedBytes]
    added_at: Mapped[Instant]


class Attachment(IntakeModel):
    """A file that a partner attached to an item, by its number or name there."""

    __tablename__ = "attachments"
    __table_args__ = (
        UniqueConstraint("number", "partner", "key", name="attachments_once"),
        {"comment": "Files that partners attached to their items, sealed under the data key of the report."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    attachment: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    partner: Mapped[Code]
    key: Mapped[bytes] = mapped_column(comment="Keyed hash of its number or name there, which may name a person.")
    body: Mapped[bytes] = mapped_column(comment="Keyed hash of the file: the same name with another file is refused.")
    type: Mapped[FileType] = mapped_column(Numbered(FileType))
    size: Mapped[int]
    named: Mapped[SealedBytes] = mapped_column(comment="Title and file name, sealed.")
    sealed: Mapped[SealedBytes]
    added_at: Mapped[Instant]


class PartnerReply(IntakeModel):
    """What a partner was told in words of an item, while it was handled."""

    __tablename__ = "partner_replies"
    __table_args__ = (
        Index("partner_replies_waiting", "partner", "number", postgresql_where=text("NOT told")),
        Index("partner_replies_report", "report"),
        {"comment": "Interim replies to partners, sealed under the data key of the report."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    partner: Mapped[Code]
    number: Mapped[Words] = mapped_column(comment="The number of the item at the partner.")
    report: Mapped[Code]
    sealed: Mapped[SealedBytes]
    replied_at: Mapped[Instant]
    told: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Whether it stands among the changes of the item."
    )


class Forward(IntakeModel):
    """A report forwarded before acceptance from the unit that has it to another one."""

    __tablename__ = "forwards"
    __table_args__ = (
        Index("forwards_first", "made_at", "number", "forward"),
        Index(
            "forwards_open", "number", unique=True,
            postgresql_where=text(f"state IN ({ForwardState.ASKED:d}, {ForwardState.REFERRED:d})"),
        ),
        {"comment": "A report forwarded before acceptance from one unit to another; never deleted."},
    )  # fmt: skip

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    forward: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[ForwardState] = mapped_column(Numbered(ForwardState))
    unit: Mapped[Code]
    asked: Mapped[Code]
    umpire: Mapped[Code] = mapped_column(server_default="")
    right_unit: Mapped[Code] = mapped_column(server_default="")
    reason: Mapped[SealedBytes] = mapped_column(
        comment="Sealed under the data key of the report, as are answer and decision."
    )
    answer: Mapped[SealedBytes | None]
    decision: Mapped[SealedBytes | None]
    made_by: Mapped[Words]
    made_at: Mapped[Instant]
    decide_until: Mapped[Instant | None] = date_of("decide_clock")
    ended_at: Mapped[Instant | None]
    decide_clock: Mapped[Code | None] = clock_named("objection_decision-{forward}")
    target: Mapped[Code] = mapped_column(
        server_default="", comment="The report of the unit asked that it is to be merged into; empty for none."
    )
    answer_until: Mapped[Instant | None] = date_of("answer_clock")
    answer_clock: Mapped[Code | None] = clock_named("merge_answer-{forward}")


class DeclineReview(IntakeModel):
    """A refusal whose review the reporter requested, once."""

    __tablename__ = "decline_reviews"
    __table_args__ = ({"comment": "Refusals that their reporters asked to look at again."},)

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    declined_by: Mapped[Words]
    sealed: Mapped[SealedBytes | None]
    requested_at: Mapped[Instant]
    decided_at: Mapped[Instant | None]
    decided_by: Mapped[Words] = mapped_column(server_default="")
    upheld: Mapped[bool] = mapped_column(server_default=text("false"))
    reason: Mapped[Words] = mapped_column(server_default="")


class Rating(IntakeModel):
    """How content a reporter is with how the matter was handled."""

    __tablename__ = "ratings"
    __table_args__ = ({"comment": "How content reporters are; the words are sealed under the data key of the report."},)

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    contentment: Mapped[Contentment] = mapped_column(Numbered(Contentment))
    sealed: Mapped[SealedBytes | None]
    rated_at: Mapped[Instant]


class ReceiptTry(IntakeModel):
    """Wrong answers to the second factor of a receipt."""

    __tablename__ = "receipt_tries"
    __table_args__ = ({"comment": "Wrong answers to the second factor of a receipt, and until when it is closed."},)

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    failed: Mapped[Small]
    until: Mapped[Instant | None]


class Counter(IntakeModel):
    """The last running number that was taken, of a county in a year."""

    __tablename__ = "counters"

    county: Mapped[Code] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[Count]


class Erasure(ErasureRow, IntakeModel):
    """The erasure of a report that never became a case."""

    __tablename__ = "erasures"

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)


class Reach(ReachRow, IntakeModel):
    """What an erasure of a report reaches in a service."""

    __tablename__ = "erasure_reach"

    number: Mapped[Code] = mapped_column(ForeignKey("erasures.number"), primary_key=True)


class Hold(HoldRow, IntakeModel):
    """A hold on a report's data."""

    __tablename__ = "holds"
    __table_args__ = ({"comment": "While one stands nothing of the report is erased, on whatever ground."},)

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
