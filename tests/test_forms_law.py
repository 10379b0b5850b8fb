"""What forms say is what their articles say."""

from __future__ import annotations

import pytest

from casework.papers.forms import Form
from tests.dossiers import text_of
from tests.still import shipped_rules
from tests.test_calendar import SHIPPED
from tests.test_documents import case_for, make

pytestmark = pytest.mark.fault("F5")


@pytest.mark.parametrize(
    ("form", "said", "unsaid"),
    [
        (Form.CONFIRMATION_APPLICATION, ("申请人：李桂英", "第二百零五条", "此致", "（含当日）止"), ("被申请人",)),
        (Form.AGREEMENT, ("（含当日）前", "仲裁审查", "第五十二条"), ()),
        (
            Form.RIGHTS_NOTICE, ("要求更换。（本中心规则）", "不需要说明理由。（本中心规则）"),
            ("要求更换。（第二十三条）",),
        ),
        (Form.RESULT_FEEDBACK, ("特邀调解规定第二十二条",), ()),
        (
            Form.TERMINATION, ("第一百九十九条", "（含当日）", "（《民法典》第一百八十八条）"),
            ("不影响您的任何权利", "行政复议", "信访"),
        ),
    ],
)  # fmt: skip
def test_a_form_promises_and_cites_what_the_law_has(form: Form, said: tuple[str, ...], unsaid: tuple[str, ...]) -> None:
    text = text_of(make(shipped_rules(SHIPPED).documents, form, case_for(form)))
    assert all(each in text for each in said), text
    assert not any(each in text for each in unsaid)
