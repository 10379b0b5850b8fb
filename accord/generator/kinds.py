"""The kinds of matters of an invented day: how frequent each is, how grave, and through which channel it comes.

The mix follows the published distributions of types (statistics of people's mediation, adjusted to recent years).
"""

from __future__ import annotations

from dataclasses import dataclass, field

Weights = dict[str, float]

ALONE: Weights = {"household": 96, "village": 4}
SHARED: Weights = {"household": 60, "village": 36, "township": 4}
WIDE: Weights = {"household": 12, "village": 62, "township": 24, "county": 2}
CALM: Weights = {"routine": 84, "soon": 14, "urgent": 2}
PRESSING: Weights = {"routine": 55, "soon": 37, "urgent": 8}
SHARP: Weights = {"routine": 20, "soon": 50, "urgent": 30}

DOORS: Weights = {
    "grid": 24,
    "counter": 22,
    "hotline": 9,
    "app": 7,
    "letter": 1,
    "police": 15,
    "court": 10,
    "petition": 7,
    "department": 5,
}
HAZARD_DOORS: Weights = {"grid": 62, "hotline": 22, "app": 10, "department": 6}
GRIEVANCE_DOORS: Weights = {"hotline": 56, "app": 20, "counter": 14, "petition": 8, "letter": 2}

PERSON = "person"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of matter.

    `weight` is its share among all, in percent; `country` and `town` say how much likelier it is there. `people` are
    the least and most people affected, `yuan` the middle sum (0 for none), `others` who the other side is.
    """

    category: str
    weight: float
    others: tuple[str, ...] = (PERSON,)
    people: tuple[int, int] = (2, 4)
    yuan: int = 0
    scope: Weights = field(default_factory=lambda: ALONE)
    urgency: Weights = field(default_factory=lambda: CALM)
    danger: float = 0.0
    doors: Weights = field(default_factory=lambda: DOORS)
    country: float = 1.0
    town: float = 1.0

    @property
    def disputed(self) -> bool:
        """Whether there are two sides to mediate between."""
        return not self.category.startswith(("hazard/", "grievance/"))

    @property
    def talked_over(self) -> bool:
        """Whether the sides may have talked before. A victim of violence is never asked to talk to the attacker."""
        return self.disputed and self.category != "family/violence"


KINDS = (
    Kind("neighbour/noise", 5, country=0.4, town=1.6),
    Kind("neighbour/boundary", 6, urgency=PRESSING, country=1.4, town=0.5),
    Kind("neighbour/water", 4, yuan=4000, scope=SHARED),
    Kind("neighbour/animals", 3),
    Kind("family/marriage", 6, yuan=60000),
    Kind("family/support", 5, yuan=12000, urgency=PRESSING),
    Kind("family/inheritance", 3, people=(3, 8), yuan=150000),
    Kind("family/violence", 0.6, urgency=SHARP, danger=0.45),
    Kind("homestead/title", 4, country=1.6, town=0.1),
    Kind("homestead/building", 2, yuan=50000, urgency=PRESSING, country=1.5, town=0.3),
    Kind("contract/loan", 8, yuan=38000),
    Kind("contract/lease", 2, yuan=6000, town=1.3),
    Kind("contract/sale", 2, others=(PERSON, "某种业公司", "某购销合作社"), yuan=15000),
    Kind("business", 2, others=(PERSON, "某养殖合作社"), people=(2, 20), yuan=40000, scope=SHARED),
    Kind("damages/injury", 5, yuan=12000, urgency=PRESSING, danger=0.02),
    Kind("damages/property", 3, yuan=6000),
    Kind("land/contracted", 2.5, others=(PERSON, "某种植合作社"), yuan=8000, country=1.5, town=0.1),
    Kind("land/irrigation", 1, people=(4, 40), scope=WIDE, urgency=PRESSING, country=1.5, town=0.05),
    Kind(
        "expropriation/compensation",
        1.6,
        others=("某项目指挥部", "某征收办公室"),
        people=(1, 30),
        yuan=60000,
        scope=SHARED,
    ),
    Kind("environment/air", 0.8, others=("某砂石料场", "某加工厂"), people=(6, 60), scope=WIDE, urgency=PRESSING),
    Kind(
        "labour/wage-arrears",
        7,
        others=("某建筑劳务公司", "某建设集团项目部", "某餐饮店", "某砖厂", "某保洁公司"),
        people=(1, 28),
        yuan=32000,
        urgency=PRESSING,
    ),
    Kind(
        "labour/injury",
        1.6,
        others=("某食品加工厂", "某物流公司", "某建材厂"),
        people=(1, 2),
        yuan=28000,
        urgency=PRESSING,
    ),
    Kind("labour/dismissal", 1.4, others=("某商贸公司", "某培训学校", "某酒店"), people=(1, 5), yuan=9000),
    Kind("consumer/e-commerce", 1.4, others=("某网店", "某电商商家"), people=(1, 1), yuan=800),
    Kind(
        "consumer/prepaid",
        1.6,
        others=("某健身房", "某美容店", "某洗衣店", "某早教中心"),
        people=(1, 45),
        yuan=3000,
        scope=SHARED,
        country=0.3,
        town=1.5,
    ),
    Kind("consumer/quality", 1.2, others=("某农机经销部", "某家电商场", "某农资店"), people=(1, 3), yuan=2600),
    Kind("medical", 2.2, others=("某县医院", "某镇卫生院", "某诊所"), people=(2, 6), yuan=45000, urgency=PRESSING),
    Kind("traffic", 9, yuan=14000),
    Kind("property/fees", 3, others=("某物业公司",), people=(2, 60), yuan=2400, scope=SHARED, country=0.1, town=2.7),
    Kind(
        "property/repairs",
        3,
        others=("某物业公司", "某物业服务中心"),
        people=(4, 80),
        scope=WIDE,
        urgency=PRESSING,
        country=0.1,
        town=2.7,
    ),
    Kind("property/parking", 1.6, others=("某物业公司", PERSON), people=(2, 40), scope=SHARED, country=0.1, town=2.7),
    Kind("other", 1.5),
    Kind(
        "hazard/fire",
        1.2,
        others=("某仓储公司", "某商铺"),
        people=(4, 80),
        scope=WIDE,
        urgency=SHARP,
        danger=0.12,
        doors=HAZARD_DOORS,
        town=1.4,
    ),
    Kind(
        "hazard/geology",
        0.8,
        people=(6, 70),
        scope=WIDE,
        urgency=SHARP,
        danger=0.3,
        doors=HAZARD_DOORS,
        country=1.6,
        town=0.4,
    ),
    Kind("hazard/building", 0.9, people=(2, 25), scope=SHARED, urgency=SHARP, danger=0.2, doors=HAZARD_DOORS),
    Kind("hazard/road", 1.3, people=(10, 200), scope=WIDE, urgency=SHARP, danger=0.05, doors=HAZARD_DOORS),
    Kind(
        "grievance/heating",
        1.6,
        others=("某供热公司",),
        people=(3, 120),
        scope=WIDE,
        urgency=PRESSING,
        doors=GRIEVANCE_DOORS,
        country=0.1,
        town=1.6,
    ),
    Kind(
        "grievance/water-supply",
        1.2,
        others=("某供水公司", "某水管所"),
        people=(4, 150),
        scope=WIDE,
        urgency=PRESSING,
        doors=GRIEVANCE_DOORS,
    ),
    Kind("grievance/welfare", 1.2, people=(1, 4), doors=GRIEVANCE_DOORS, country=1.2),
    Kind("grievance/transport", 1.1, people=(10, 300), scope=WIDE, doors=GRIEVANCE_DOORS),
)
