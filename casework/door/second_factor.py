"""The second factor of a receipt: the last digits of the reporter's phone, or two words printed on it.

The code alone shows the progress of a matter; to act, this is needed as well. The fifth wrong answer in a row closes
the receipt for an hour, each further one for twice as long as the last, at most 30 days. So there are about 25 guesses
a year for 10,000 possible answers: less than one in a hundred succeeds. A new receipt from a counter starts again.
"""

from __future__ import annotations

import hmac
import re
from datetime import timedelta

DIGITS = 4
FREE_TRIES = 5
_CLOSED_FOR = timedelta(hours=1)
_LONGEST = timedelta(days=30)

_WORDS = """
山 mountain|水 water|云 cloud|雨 rain|雪 snow|风 wind|月 moon|星 star
河 river|湖 lake|海 sea|岛 island|石 stone|沙 sand|火 fire|灯 lamp
门 door|窗 window|墙 wall|桥 bridge|路 road|车 cart|船 boat|马 horse
牛 ox|羊 sheep|鸡 hen|鸭 duck|鹅 goose|猫 cat|狗 dog|兔 rabbit
鱼 fish|虾 shrimp|鸟 bird|蜂 bee|树 tree|竹 bamboo|松 pine|柳 willow
花 flower|草 grass|叶 leaf|根 root|瓜 melon|豆 bean|米 rice|麦 wheat
梨 pear|桃 peach|杏 apricot|枣 date|苹果 apple|葡萄 grape|西瓜 watermelon|橘子 orange
白菜 cabbage|土豆 potato|茄子 eggplant|辣椒 chilli|萝卜 radish|大蒜 garlic|生姜 ginger|洋葱 onion
茶 tea|盐 salt|糖 sugar|油 oil|醋 vinegar|面 noodle|饼 cake|汤 soup
碗 bowl|筷子 chopstick|勺子 spoon|盘子 plate|杯子 cup|锅 pot|刀 knife|篮子 basket
桌子 table|椅子 chair|床 bed|柜子 cabinet|镜子 mirror|钟 clock|书 book|笔 pen
纸 paper|尺 ruler|剪刀 scissors|针 needle|线 thread|布 cloth|衣 coat|帽子 hat
鞋 shoe|袜子 sock|伞 umbrella|扇子 fan|箱子 box|袋子 bag|钥匙 key|锁 lock
绳 rope|梯子 ladder|锤子 hammer|钉子 nail|锯 saw|铲 shovel|水桶 bucket|扫帚 broom
红 red|黄 yellow|蓝 blue|绿 green|白 white|黑 black|东 east|西 west
南 south|北 north|春 spring|夏 summer|秋 autumn|冬 winter|早 morning|晚 evening
"""
WORDS = tuple(tuple(pair.split()) for pair in _WORDS.replace("\n", "|").split("|") if pair)
"""Everyday words, each in Chinese and in English: 128."""


def words(entropy: bytes) -> str:
    """Return two random words, from two random bytes, as printed: `苹果 灯 / apple lamp`."""
    first, second = (WORDS[byte % len(WORDS)] for byte in entropy[:2])
    return f"{first[0]} {second[0]} / {first[1]} {second[1]}"


def closed_for(failed: int) -> timedelta | None:
    """Return for how long the last of so many wrong answers in a row closes the code; None while it stays open."""
    if failed < FREE_TRIES:
        return None
    return min(_CLOSED_FOR * 2 ** min(failed - FREE_TRIES, 20), _LONGEST)


def is_right(said: str, words_printed: str, phone: str) -> bool:
    """Return whether an answer is the second factor: the words, if any, otherwise the end of the phone number."""
    if words_printed:
        answers = [_plain(each) for each in words_printed.split("/")]
    else:
        digits = re.sub(r"\D", "", phone)
        answers = [digits[-DIGITS:]] if len(digits) >= DIGITS else []
    plain = _plain(said)
    # Every answer is compared, each in constant time.
    return sum([hmac.compare_digest(plain.encode(), each.encode()) for each in answers]) > 0


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()
