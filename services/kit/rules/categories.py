"""Reads rules/categories: the tree of categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from casework.door.category import Category, CategoryTree, Choice, Fact, Kind, Question
from casework.door.triage import Grade
from casework.mediation.plan import PlanBook
from casework.units import UnitTree
from services.kit.rules.document import Document, Location
from services.kit.rules.folder import RulesFolder
from services.kit.rules.models import CategoriesFile, CategoryEntry, QuestionEntry

FILE = "categories/categories.yaml"


class CategorySource:
    """The categories of the file, each with its place, before they are checked against plans and units."""

    def __init__(self, document: Document, content: CategoriesFile) -> None:
        self.document = document
        self.places: dict[str, Location] = {}
        self.entries: dict[str, CategoryEntry] = {}
        self.parents: dict[str, str | None] = {}
        self._collect(content.categories, None, ("categories",))

    def _collect(self, entries: Mapping[str, CategoryEntry], parent: str | None, at: Location) -> None:
        for slug, entry in entries.items():
            category = f"{parent}/{slug}" if parent else slug
            self.places[category] = (*at, slug)
            self.entries[category] = entry
            self.parents[category] = parent
            self._collect(entry.children, category, (*at, slug, "children"))

    def inherited(self, category: str) -> Iterator[CategoryEntry]:
        """Iterate over the entry and those above it, nearest first."""
        nearest: str | None = category
        while nearest is not None:
            yield self.entries[nearest]
            nearest = self.parents[nearest]

    def department(self, category: str) -> str | None:
        """Return the department's slug, own or inherited."""
        return next((entry.department for entry in self.inherited(category) if entry.department), None)

    def template(self, category: str) -> str | None:
        """Return its template's name, own or inherited."""
        return next((entry.template for entry in self.inherited(category) if entry.template), None)

    def questions(self, category: str) -> tuple[Question, ...]:
        """Return what is asked about its matters, those of the categories above it first."""
        above = reversed(list(self.inherited(category)))
        return tuple(_question(each) for entry in above for each in entry.questions)


def _question(entry: QuestionEntry) -> Question:
    choices = tuple(Choice(key, each.zh, each.en) for key, each in entry.choices.items())
    kind, fact = Kind[entry.kind.upper()], Fact[entry.fact.upper()]
    return Question(entry.code, kind, entry.zh, entry.en, entry.required, fact, choices)


def read_categories(folder: RulesFolder) -> CategorySource | None:
    """Return the categories of the file, or None with problems."""
    document = folder.document(FILE)
    content = document.validate(CategoriesFile, folder.problems) if document else None
    if document is None or content is None:
        return None
    source = CategorySource(document, content)
    check_questions(source, folder)
    return source


def check_questions(source: CategorySource, folder: RulesFolder) -> None:
    """Add a problem for every question that cannot be answered, or whose code is used twice."""
    for category, entry in source.entries.items():
        codes = [each.code for each in source.questions(category)]
        for number, each in enumerate(entry.questions):
            twice = f"{each.code!r} is the code of two questions" if codes.count(each.code) > 1 else ""
            if mistake := _question(each).mistake() or twice:
                place = (*source.places[category], "questions", number)
                folder.problems.append(source.document.problem(place, mistake))


def check_departments(source: CategorySource, units: UnitTree, folder: RulesFolder) -> None:
    """Add a problem for every department that is not in rules/units."""
    for category, entry in source.entries.items():
        if entry.department is not None and entry.department not in units.departments:
            place = (*source.places[category], "department")
            message = f"no department has the slug {entry.department!r} (rules/units/units.yaml)"
            folder.problems.append(source.document.problem(place, message))


def check_templates(source: CategorySource, plans: PlanBook, folder: RulesFolder) -> None:
    """Add a problem for every category without a plan, or with a plan other than the one it names."""
    names = {template.name for template in plans}
    for category, entry in source.entries.items():
        place = source.places[category]
        lacking = [grade for grade in Grade if _chosen(plans, category, grade) is None]
        parent = source.parents[category]
        if lacking and (parent is None or all(_chosen(plans, parent, grade) for grade in lacking)):
            message = f"no plan template fits a case of grade {', '.join(lacking)}"
            folder.problems.append(source.document.problem(place, message))
        if entry.template is None or lacking:
            continue
        at = (*place, "template")
        chosen = {plans.choose(category, grade).name for grade in Grade}
        if entry.template not in names:
            folder.problems.append(source.document.problem(at, f"no plan template has the name {entry.template!r}"))
        elif entry.template not in chosen:
            message = f"the plans never give {entry.template!r} to this category, but {' or '.join(sorted(chosen))}"
            folder.problems.append(source.document.problem(at, message))


def build_categories(source: CategorySource, plans: PlanBook) -> CategoryTree:
    """Return the category tree; the template comes from the plans if the file names none."""
    categories = []
    for category, entry in source.entries.items():
        given = {plans.choose(category, grade).name for grade in Grade}
        named = source.template(category)
        template = named if named in given else plans.choose(category, Grade.medium).name
        parent, department = source.parents[category], source.department(category)
        questions = source.questions(category)
        categories.append(Category(category, entry.zh, entry.en, parent, department, template, questions))
    return CategoryTree(categories)


def _chosen(plans: PlanBook, category: str, grade: Grade) -> str | None:
    try:
        return plans.choose(category, grade).name
    except ValueError:
        return None
