"""The result of counts in words, for readers without statistics."""

from __future__ import annotations

from casework.supervision.prevention.cluster import Counted, Finding, Ratio, Verdict


def cluster_told(recent: Counted, finding: Finding | None, language: str) -> str:
    """Return what makes a place a candidate; without a finding only that it is one, since the count is not shown."""
    days = round(recent.days)
    if finding is None:
        if language == "en":
            return f"{recent.cases} cases in {days} days, more than the place's own past explains."
        return f"{days}天内{recent.cases}件，超出该地以往水平，难以用偶然解释。"
    expected, low = f"{finding.expected:.1f}", f"{finding.change.low:.1f}"
    if language == "en":
        return (
            f"{recent.cases} cases in {days} days where the earlier rate gives {expected}; the rate is at least {low} "
            f"times the earlier one (95 %)."
        )
    return f"{days}天内{recent.cases}件，按以往水平应为{expected}件；发生率至少为以往的{low}倍（95%）。"


_VERDICTS = {
    Verdict.TOO_EARLY: ("时间太短，尚不能比较。", "Too little time has passed for a comparison."),
    Verdict.TOO_FEW: ("件数太少，不能得出结论。", "There are too few cases for a conclusion."),
    Verdict.NO_DIFFERENCE: (
        "看不出差别：区间包含1，件数变化可能出于偶然。",
        "No significant difference: the interval contains 1, chance alone may explain the change.",
    ),
    Verdict.FEWER: (
        "此后同类事项减少。其他原因也可能有影响。",
        "There have been fewer cases since. Other causes may have contributed.",
    ),
    Verdict.MORE: (
        "此后同类事项增加。其他原因也可能有影响。",
        "There have been more cases since. Other causes may have contributed.",
    ),
}


def effect_told(verdict: Verdict, change: Ratio | None, language: str) -> str:
    """Return the verdict on an effect, with the interval if it is given."""
    zh, en = _VERDICTS[verdict]
    if change is None or change.ratio is None or change.high is None:
        return en if language == "en" else zh
    between = f"{change.low:.2f}–{change.high:.2f}"
    if language == "en":
        return f"{en} Rate after divided by rate before: {change.ratio:.2f} (95 %: {between})."
    return f"{zh}前后发生率之比{change.ratio:.2f}（95%区间{between}）。"
