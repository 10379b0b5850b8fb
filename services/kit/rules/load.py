"""Loads a rules folder as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from casework.clocks.calendar import CalendarBook
from casework.clocks.rule_book import RuleBook
from casework.door.category import CategoryTree
from casework.door.field import FieldBook
from casework.door.filing import FilingRules
from casework.door.likeness import LikenessRules
from casework.door.programs.partner import PartnerBook
from casework.door.programs.public import PublicRules
from casework.door.retention import ClueRetention, RetentionBook
from casework.door.routes import RouteBook
from casework.door.triage import AcceptanceTable, DecisionTable
from casework.mediation.notice import NoticeBook
from casework.mediation.plan import PlanBook
from casework.supervision.figures.indicator import Indicator
from casework.supervision.matters.backlog import BacklogRule
from casework.supervision.matters.grade import GradeTable
from casework.supervision.meetings.period import Rhythm
from casework.supervision.prevention.cluster import ClusterRule
from casework.supervision.raising.ladder import LadderBook
from casework.units import UnitTree
from services.kit.rules import categories, notices, plans
from services.kit.rules.calendars import read_calendars
from services.kit.rules.categories import read_categories
from services.kit.rules.documents import DocumentBook, read_documents
from services.kit.rules.door.filing import read_filing
from services.kit.rules.door.likeness import read_likeness
from services.kit.rules.door.partners import read_partners
from services.kit.rules.door.public import read_public
from services.kit.rules.door.retention import read_clue_retention, read_retention
from services.kit.rules.door.routes import read_routes
from services.kit.rules.door.triage import read_acceptance, read_triage
from services.kit.rules.folder import RulesFolder
from services.kit.rules.limits import read_limits
from services.kit.rules.notices import read_notices
from services.kit.rules.officials import OfficialsFile
from services.kit.rules.plans import read_plans
from services.kit.rules.problem import Problem, RulesError
from services.kit.rules.supervision import ladders, letters
from services.kit.rules.supervision.backlog import read_backlog
from services.kit.rules.supervision.clusters import read_clusters
from services.kit.rules.supervision.fields import read_fields, read_points
from services.kit.rules.supervision.indicators import read_indicators
from services.kit.rules.supervision.ladders import read_ladders
from services.kit.rules.supervision.letters import LetterRules, read_letters
from services.kit.rules.supervision.matters import read_matter_grades
from services.kit.rules.supervision.rhythms import read_rhythms
from services.kit.rules.units import read_units
from services.kit.rules.words import WordBook, read_words


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a folder, and the version of exactly this content (12 hex digits)."""

    units: UnitTree
    categories: CategoryTree
    triage: DecisionTable
    acceptance: AcceptanceTable
    routes: RouteBook
    plans: PlanBook
    clocks: RuleBook
    ladders: LadderBook
    calendars: CalendarBook
    documents: DocumentBook
    clusters: ClusterRule
    rhythms: Mapping[str, Rhythm]
    letters: LetterRules
    matters: GradeTable
    indicators: tuple[Indicator, ...]
    retention: RetentionBook
    clue_retention: ClueRetention
    notices: NoticeBook
    filing: FilingRules
    public: PublicRules
    likeness: LikenessRules
    backlog: BacklogRule
    fields: FieldBook
    points: Mapping[str, tuple[float, float]]
    partners: PartnerBook
    words: WordBook
    version: str
    officials: OfficialsFile = field(default_factory=OfficialsFile)
    """Who accounts are on paper; no part of the folder, nor of its version."""


def load_rules(folder: Path) -> Rules:
    """Return the rules of the folder; RulesError with every problem if anything in it is wrong."""
    if not folder.is_dir():
        raise RulesError([Problem(str(folder), 1, "there is no such folder")])
    source = RulesFolder(folder)
    units = read_units(source)
    clocks = read_limits(source)
    calendars = read_calendars(source)
    kinds = read_categories(source)
    templates = read_plans(source)
    levels = read_ladders(source)
    documents = read_documents(source)
    clusters = read_clusters(source)
    rhythms = read_rhythms(source)
    triage = read_triage(source, kinds.entries if kinds else None)
    acceptance = read_acceptance(source, kinds.entries if kinds else None)
    routes = read_routes(source, kinds.entries if kinds else None, clocks)
    written = read_letters(source)
    matters = read_matter_grades(source)
    indicators = read_indicators(source, clocks)
    retention, of_clues = read_retention(source), read_clue_retention(source)
    told = read_notices(source)
    filing = read_filing(source, units, kinds.entries if kinds else None)
    public = read_public(source, kinds.entries if kinds else None)
    alike = read_likeness(source, units)
    backlog = read_backlog(source)
    fields = read_fields(source, kinds.entries if kinds else None)
    points = read_points(source, units)
    partners = read_partners(source, units, kinds.entries if kinds else None)
    words = read_words(source)
    source.refuse_unread()
    # Parts are checked against each other only if both could be read: each mistake is reported once.
    if templates:
        plans.check_published(templates, source)
    if templates and units:
        plans.check_departments(templates, units, source)
    if templates and clocks:
        plans.check_days(templates, clocks, source)
    if templates and kinds:
        plans.check_reach(templates, kinds.entries, source)
        categories.check_templates(kinds, templates.book, source)
    if kinds and units:
        categories.check_departments(kinds, units, source)
    if levels and clocks:
        ladders.check_limits(levels, clocks, source)
    if levels and kinds:
        ladders.check_categories(levels, kinds.entries, source)
    if levels and units:
        ladders.check_departments(levels, units, source)
    if written and units:
        letters.check_places(written, units, source)
    if told and clocks:
        notices.check_limits(*told, clocks, source)
    if source.problems or not (told and retention and rhythms and clusters and matters and written):
        raise RulesError(source.problems)
    if not (acceptance and routes and filing and public and alike and backlog and fields and points):
        raise RulesError(source.problems)
    if not (of_clues and partners and words):
        raise RulesError(source.problems)
    if not (units and clocks and levels and calendars and kinds and templates and triage and documents):
        raise RulesError(source.problems)
    tree = categories.build_categories(kinds, templates.book)
    return Rules(
        units=units, categories=tree, triage=triage, plans=templates.book, clocks=clocks, ladders=levels.book,
        calendars=calendars, documents=documents, rhythms=rhythms, clusters=clusters, letters=written,
        matters=matters, acceptance=acceptance, routes=routes, indicators=indicators, retention=retention,
        clue_retention=of_clues, notices=told[0], filing=filing, public=public, likeness=alike, backlog=backlog,
        fields=fields, points=points, partners=partners, words=words,
        version=source.version(),
    )  # fmt: skip
