"""What the name of a type of event says of a taste: a strong sign, a weak one, none, or the contrary.

Here: words, whole and in their order, so that `showcase_click` shows nothing and `unlikely` likes nothing. Not here:
how often a type occurs, and what is written of it (`mmrec/drafting/weights.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from mmrec.drafting.names import words

STRONG, FIRM, PLAIN, MET = 3.0, 2.0, 1.0, 0.0  # weights; a type that says nothing at all has none

_STRONG = (
    "purchase buy bought order checkout transaction subscribe subscription rent rental borrow pay paid payment sold "
    "reserve reservation"
)
_FIRM = (
    "cart basket bag like love heart favorite favourite favor favour fav wish wishlist save bookmark share download "
    "follow finish complete completion recommend upvote superlike star collect repost retweet"
)
_AGAINST = (
    "dislike hate block mute hide hidden report skip refund return cancel cancellation remove removal delete uninstall "
    "bounce dismiss reject decline downvote downrate ban ignore blacklist blocklist complain complaint flag nope "
    "dropped chargeback irrelevant negative neg bad boring"
)
_SHOWN = "impression imp impr expose exposure serve deliver delivery send sent shown display render"
_OPENED = "click tap open play read download"
_LOOKED = "view see visit watch listen print"
_WISHED = "interest interested relevant useful helpful show see"  # with `not` before, they speak against an item
_NOT = "not no never dont don didnt doesnt wont cant non un dis less fewer"
_UNDONE = "undo undone revoke withdraw remove removal delete cancel cancellation"
_FAILED = "fail failed failure error abandon abandonment expire"
_PLACES = "cart basket bag wishlist order checkout purchase payment subscription"  # that one can look at
_THINGS = "item product ad banner card feed list recommendation slot"
_PHRASES = (
    "add to cart, add to basket, add to bag, add to wishlist, remove from cart, remove from basket, not interested, "
    "dont like, thumbs up, thumbs down, thumb up, thumb down, vote up, vote down, swipe left, swipe right"
)
_PAIRS = {"thumbs up": FIRM, "thumb up": FIRM, "vote up": FIRM, "up vote": FIRM, "swipe right": FIRM} | dict.fromkeys(
    ("thumbs down", "thumb down", "vote down", "down vote", "rate down", "swipe left"), MET
)
# Beside these a word against an item is something else: a control of a page, or a noun.
_CONTROLS = (
    "details description menu panel popup banner modal dialog cookie cookies filter filters search page home site "
    "session visit visitor volume sound keyboard map login upload edit form notification notifications"
)
_OTHERWISE = {
    "return": "user customer list top back",
    "mute": "audio video player",
    "report": f"{_OPENED} {_LOOKED}",
    "block": f"{_OPENED} {_LOOKED}",
}
_CHINESE = (  # the first that a name holds decides
    (None, "取消屏蔽 取消拉黑 取消隐藏 取消举报 未点击 未购买 曝光 展示 展现 推送 下发 发送"),
    (MET, "不喜欢 不感兴趣 没兴趣 不推荐 踩 讨厌 屏蔽 拉黑 举报 跳过 隐藏 取消 退货 退款"),
    (MET, "移出 移除 删除 卸载 退订 差评 负反馈"),
    (STRONG, "购买 下单 支付 成交 付款 订阅 租 借阅"),
    (FIRM, "收藏 加购 购物车 点赞 喜欢 分享 关注 下载 转发 好评 完播 看完"),
)


def weight(event: str) -> float | None:
    """What an event of a type weighs, by the type's name alone; None where it is no act of a person at all."""
    chinese = (each for each, signs in _CHINESE if any(sign in event for sign in signs.split()))
    said = _roots(event)
    return next(chinese, PLAIN) if not any(word.isascii() for word in said) else _weight(said)


def _weight(said: tuple[str, ...]) -> float | None:
    against = _against(said)
    if against:
        before = {one for one, word in pairwise(said) if word in against}
        is_undone = bool(set(said) & _set(_UNDONE) or before & (_set(_NOT) - {"dis"}))
        return None if is_undone and not set(against) <= _set(_UNDONE) else MET
    acts = [word for word in said if word in _set(f"{_STRONG} {_FIRM}")]
    if set(said) & _set(_NOT):
        return MET if acts or set(said) & _set(_WISHED) else None
    if set(said) & _set(_UNDONE) and acts:
        return MET
    if _is_shown(said, acts):
        return None
    if set(said) & _set(_FAILED) or (set(said) & _set(f"{_LOOKED} page") and set(acts) <= _set(_PLACES)):
        return PLAIN
    pair = max((value for pair, value in _PAIRS.items() if _holds(said, pair)), default=PLAIN)
    return STRONG if set(acts) & _set(_STRONG) else FIRM if acts else pair


def _against(said: tuple[str, ...]) -> list[str]:
    """The words that speak against an item."""
    found = [word for word in said if word in _set(_AGAINST)]
    kept = [word for word in found if not set(said) & _set(f"{_CONTROLS} {_OTHERWISE.get(word, '')}")]
    return kept + [pair for pair, value in _PAIRS.items() if value == MET and _holds(said, pair)]


def _is_shown(said: tuple[str, ...], acts: list[str]) -> bool:
    """Whether something was put before a person. The last word decides: an `impression_click` is a click."""
    if said[-1] in _set(_SHOWN):
        return not (acts and said[-1] in _set("deliver delivery send sent"))  # an order that is on its way
    if acts or set(said) & _set(_OPENED):
        return False
    is_show = "show" in said and (said[-1] == "show" or set(said) <= _set(f"show {_THINGS}"))
    return bool(set(said) & _set(_SHOWN)) or (is_show and not set(said) & _set(_LOOKED))


def _holds(said: tuple[str, ...], pair: str) -> bool:
    first, second = pair.split()
    return any(one == first and other == second for one, other in pairwise(said))


@cache
def _set(said: str) -> frozenset[str]:
    return frozenset(said.split())


@cache
def _roots(event: str) -> tuple[str, ...]:
    """A type's words in their plain form: `itemsAddedToCart` is item, added, to, cart; `unfollowed` is un, follow."""
    apart = (part for word in words(event) for part in _compounds().get(word, (word,)))
    return tuple(root for word in apart for root in _root(word)) or ("",)


def _root(word: str) -> Iterator[str]:
    known = _forms()
    rest = word[2:]
    if word in known:
        yield known[word]
    elif word.startswith(("un", "re")) and known.get(rest) in _set(f"{_STRONG} {_FIRM} {_AGAINST} {_OPENED} {_LOOKED}"):
        yield from ("un", known[rest]) if word.startswith("un") else (known[rest],)
    else:
        yield word


@cache
def _compounds() -> dict[str, tuple[str, ...]]:
    phrases = [tuple(phrase.split()) for phrase in _PHRASES.split(", ")]
    return {"".join(phrase): phrase for phrase in phrases}


@cache
def _forms() -> dict[str, str]:
    """Every form of the known words, and the word that it is a form of."""
    known = f"{_STRONG} {_FIRM} {_AGAINST} {_SHOWN} {_OPENED} {_LOOKED} {_WISHED} {_UNDONE} {_FAILED} {_THINGS}".split()
    forms = {form: word for word in known for form in _inflected(word)} | {"saw": "see", "seen": "see"}
    return forms | {word: word for word in [*known, *_CONTROLS.split(), *_NOT.split()]}


def _inflected(word: str) -> Iterator[str]:
    yield from (word + end for end in ("s", "es", "d", "ed", "ing", word[-1] + "ed", word[-1] + "ing"))
    if word.endswith("e"):
        yield word[:-1] + "ing"
    if word.endswith("y"):
        yield from (word[:-1] + end for end in ("ies", "ied"))
