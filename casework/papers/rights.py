"""What a party is told of its rights before it says yes: on the notice of rights, and in its invitation."""

from __future__ import annotations

RIGHTS: tuple[tuple[str, str], ...] = (
    ("（一）调解建立在自愿、平等之上，不得违背法律、法规和国家政策。（第三条）",
     "1. Mediation rests on free will and equality, and keeps to the law and to public policy (art. 3)."),
    ("（二）接受调解不妨碍您随时通过仲裁、行政、司法等途径维护自己的权利。（第三条）",
     "2. It never keeps you from arbitration, an administrative authority or a court (art. 3)."),
    ("（三）调解民间纠纷不收取任何费用。（第四条）", "3. It costs nothing (art. 4)."),
    ("（四）您可以选择人民调解员，也可以接受安排的人民调解员。（第二十三条）对其不满意的，可以要求更换。（本中心规则）",
     "4. You may choose the mediator, or accept the one proposed (art. 23); you may ask for another (our rule)."),
    ("（五）您可以接受调解、拒绝调解，也可以随时要求终止调解。（第二十三条）不需要说明理由。（本中心规则）",
     "5. You may accept, refuse or end mediation at any time (art. 23); no reason is needed (this centre's rule)."),
    ("（六）您可以要求公开调解，也可以要求不公开调解。（第二十三条）",
     "6. You may ask for open or for closed mediation (art. 23)."),
    ("（七）您自主表达意愿，是否达成协议、达成什么协议由您自己决定。（第二十三条）",
     "7. What you say and whether you agree is for you alone to decide (art. 23)."),
)  # fmt: skip
"""In Chinese and in English, with the articles of the People's Mediation Law."""
