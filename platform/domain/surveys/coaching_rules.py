"""Finding phrases that tell a customer what to answer 诱导评分 (C15; benchmark section 8).

The source documents themselves coach the customer. Forecourt does not ship such a phrase, refuses it in questionnaires and
scripts, and looks for it in what people write. Pure; a pattern finds the wish (please, be sure, we hope), the act of
answering and the best answer near one another, with spaces, punctuation and full-width letters ignored.
"""

import re
import unicodedata

_BEST_ZH = r"(?:非常满意|最满意|满分|最高分|10分|十分|100分|一百分|5分|五分|5星|五星|好评|全优|全部满意)"
_WISH_ZH = r"(?:请您?|麻烦您?|务必|拜托您?|帮忙|帮我们?|一定要?|希望您?|恳请|劳烦|记得|别忘了?|如果?有电话|回访|厂家)"
_ACT_ZH = r"(?:说|选|选择|填|填写|打|给|给予|评|评价|回答|答|勾|勾选|点|讲)"
_WORST_ZH = r"(?:不满意|一般|差评|低分|满意)"
_GIFT_ZH = r"(?:赠送|送您|领取|返现|红包|优惠券|礼品|小礼物|免费保养)"

_PATTERNS_ZH = (
    re.compile(f"{_WISH_ZH}.{{0,12}}?{_ACT_ZH}.{{0,6}}?{_BEST_ZH}"),
    re.compile(f"(?:说|回答|选择?|填写?|打)(?:个|一个|上)?{_BEST_ZH}(?:就好|即可|就行|哦|吧|谢谢)"),
    re.compile(f"(?:不要|别|勿|不能|千万不).{{0,4}}?{_ACT_ZH}.{{0,4}}?{_WORST_ZH}"),
    re.compile(f"{_ACT_ZH}.{{0,4}}?{_BEST_ZH}.{{0,10}}?{_GIFT_ZH}"),
)

_BEST_EN = (
    r"(?:very satisfied|completely satisfied|10 out of 10|(?:a |all )?(?:10s?|tens?)\b|five stars|5 stars"
    r"|top (?:score|marks|box)|highest (?:score|rating)|perfect score)"
)
_PATTERNS_EN = (
    re.compile(
        rf"(?:please|kindly|make sure|be sure|we hope|remember to|don'?t forget).{{0,40}}?"
        rf"(?:say|answer|choose|select|tick|pick|give|rate|mark|score).{{0,30}}?{_BEST_EN}"
    ),
    re.compile(r"(?:do not|don'?t|never) (?:say|choose|select|tick|give|answer).{0,20}?(?:dissatisfied|neutral|low)"),
    re.compile(rf"(?:say|choose|select|tick|give|answer).{{0,20}}?{_BEST_EN}.{{0,40}}?(?:gift|voucher|discount|free )"),
)

_NOISE = re.compile(r"[^0-9a-z\u4e00-\u9fff]+")
_SCALE_ZH = re.compile("非常满意满意一般不满意非常不满意|非常不满意不满意一般满意非常满意")


def coaching_in(text: str) -> str | None:
    """The coaching phrase in a text (normalised), or None.

    A whole scale written out, best to worst or worst to best, is not one.
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    chinese = _SCALE_ZH.sub("", _NOISE.sub("", plain))
    for pattern in _PATTERNS_ZH:
        if found := pattern.search(chinese):
            return found.group()
    english = re.sub(r"[^0-9a-z']+", " ", plain)
    for pattern in _PATTERNS_EN:
        if found := pattern.search(english):
            return found.group()
    return None
