"""What column names say: the words that people use for each role, and how well a name fits one.

Here: words only. Not here: what the columns hold (`mmrec/drafting/columns.py`), which decides between names.
"""

from __future__ import annotations

import re
from functools import cache

_ITEM = (
    "item product sku article movie film video track song music album artist asin isbn book content listing goods "
    "news document doc post business game recipe course job clip podcast show iid pid 商品 物品"
)
# The first words fit best.
WORDS = {
    "user_id": "user customer client member visitor person people account buyer shopper viewer reader listener "
    "subscriber reviewer consumer patron profile guest uid cid session 用户",
    "item_id": _ITEM,
    "time": "timestamp time datetime ts when date day created occurred at epoch 时间",
    "event": "event action behavior behaviour interaction activity what type kind verb 行为",
    "value": "rating stars score overall grade value rate 评分 打分",
    "amount": "quantity qty count amount units plays duration dwell playtime watchtime watched listened played minutes "
    "seconds hours watch listen play views clicks purchases num click clicked like liked "
    "purchased converted 数量 时长",
    "query": "query search keywords keyword phrase term",
    "review": "review comment feedback opinion remark reviewtext",
    "title": "title name headline label caption 标题 名称",
    "text": "description about overview summary abstract plot synopsis details features body text content story blurb "
    "subtitle lead lyrics transcript brand author authors artist director cast maker publisher store 描述",
    "categories": "categories category genres genre tags tag topics topic department section subject 类别",
    "image": "image picture photo poster cover thumbnail img pic images photos",
    "audio": "audio sound recording mp3 wav song preview track",
    "video": "video clip trailer movie film footage",
    "consent": "consent consented permission agreed optin opt gdpr allowed",
    "about": "about bio interests likes description self favourites favorites preferences statement introduction text",
}
# Words that may stand beside a role's own and change nothing.
_BESIDE = {
    "user_id": "id key no nr number code hash index token",
    "item_id": "id key no nr number code hash index token parent",
    "time": "event unix utc review created in s ms seconds gmt iso local float",
    "event": "name user",
    "value": "user star item float",
    "amount": f"{_ITEM} event of total in s ms sec secs min mins time spent number on page order ordered sold is has",
    "query": "text string user search",
    "review": "text body user content",
    "title": f"{_ITEM} full original main",
    "text": f"{_ITEM} long short full main text product",
    "categories": f"{_ITEM} main list names name",
    "consent": "in marketing data given has text words",
    "about": "user text me myself profile",
}
_FILE_WORDS = f"{_ITEM} file path name filename url uri src main id"


@cache
def _known(role: str) -> tuple[str, ...]:
    return tuple(WORDS[role].split())


@cache
def _beside(role: str) -> frozenset[str]:
    return frozenset(_BESIDE.get(role, _FILE_WORDS).split())


@cache
def words(name: str) -> tuple[str, ...]:
    """A name's words in lower case: `customerId`, `customer_id` and `customerid` are customer and id."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    found = re.findall(r"[^\W_]+", apart.lower())
    ids = {*_known("user_id"), *_known("item_id")}
    return tuple(
        part for word in found for part in ([word[:-2], "id"] if word.endswith("id") and word[:-2] in ids else [word])
    )


def fit(name: str, role: str) -> tuple[int, int]:
    """How well a name fits a role: (2 whole, 1 in part, 0 not at all; higher for the role's better words)."""
    known, found = _known(role), words(name)
    places = [known.index(word) for word in found if word in known]
    if not places:
        return (0, 0)
    whole = not set(found) - set(known) - _beside(role)
    return (2 if whole else 1, -min(places))
