"""The questions of `mmrec impact`, in SQL over the lake's views: what rests on items, and on a delivered file.

Here: text only; each can be typed into `mmrec sql` as it stands. Not here: asking them (`mmrec/queries/impact.py`).
People are counted, never named.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc

from mmrec.modalities import FILES

Questions = dict[str, str]  # what an answer is about → its query


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def of_item(item: str, modalities: Sequence[str]) -> Questions:
    """About one item, from the rows that delivered it on."""
    own = quoted(item)
    inputs = [
        f"""SELECT '{m}' AS modality, i.{m} AS input, i.{m}_hash AS sha256, c.key, c.encoder_id, (
            SELECT count(*) FROM embeddings.{m}_current AS o WHERE o.key = c.key AND o.item_id <> i.item_id
        ) AS other_items
        FROM validated.items AS i
        LEFT JOIN (FROM embeddings.{m}_current WHERE item_id = {own}) AS c USING (item_id)
        WHERE i.item_id = {own} AND (i.{m} IS NOT NULL OR i.{m}_hash IS NOT NULL)"""
        for m in modalities
    ]
    return _clean(
        {
            "delivered": f"""
                SELECT source_file AS file, source_row AS row, title
                FROM raw.items WHERE trim(nfc_normalize(item_id)) = {own} ORDER BY ALL""",
            "catalogue": f"""
                SELECT title, source_file AS file, source_row AS row FROM validated.items WHERE item_id = {own}""",
            "inputs": _union(inputs),
            **_of_items(f"({own})"),
        }
    )


def of_catalogue(file: str, modalities: Sequence[str]) -> Questions:
    """About a catalogue file and all items in it."""
    of_file = f"source_file = {quoted(file)}"
    items = f"(SELECT item_id FROM validated.items WHERE {of_file})"
    named = " UNION ".join(f"SELECT {kind.name} FROM validated.items WHERE {of_file}" for kind in FILES)
    own = {
        "delivered": f"SELECT count(*) AS rows FROM raw.items WHERE {of_file}",
        "catalogue": f"SELECT count(*) AS items FROM validated.items WHERE {of_file}",
        "rejected": _rejected("items", of_file),
        "media": f"SELECT count(*) AS files, count(problem) AS unusable FROM raw.media WHERE uri IN ({named})",
        "vectors": _vectors(items, modalities),
    }
    return _clean({**own, **_of_items(items)})


def of_media(file: str, named_by: Sequence[str], modalities: Sequence[str]) -> Questions:
    """About a media file and the items that name it; of their vectors those that are made of files."""
    items, files = f"({', '.join(map(quoted, named_by)) or 'NULL'})", {kind.name for kind in FILES}
    own = {
        "file": f"SELECT uri, size_bytes, sha256, problem FROM raw.media WHERE uri = {quoted(file)}",
        "catalogue": f"""
            SELECT item_id, title, source_file AS file, source_row AS row
            FROM validated.items WHERE item_id IN {items} ORDER BY item_id""",
        "vectors": _vectors(items, [m for m in modalities if m in files]),
    }
    return _clean({**own, **_of_items(items)})


def of_events(file: str) -> Questions:
    """About an event file: its rows, whose they are, and the periods that see them."""
    of_file = f"source_file = {quoted(file)}"
    first = f"(SELECT min(period) FROM validated.interactions WHERE {of_file})"
    return _clean(
        {
            "landed": f"""
                SELECT period, rows, refused, sha256 FROM ledger.landing WHERE file = {quoted(file)} ORDER BY period""",
            "good events": f"""
                SELECT period, count(*) AS events, count(DISTINCT user_id) AS people, count(DISTINCT item_id) AS items
                FROM validated.interactions WHERE {of_file} GROUP BY period ORDER BY period""",
            "rejected": _rejected("interactions", of_file),
            "words": f"""
                SELECT count(*) AS texts, count(DISTINCT w.user_id) AS people
                FROM embeddings.text_words AS w JOIN (
                    SELECT DISTINCT user_id, words_hash FROM validated.interactions WHERE {of_file}
                ) AS e ON e.user_id = w.user_id AND e.words_hash = w.input_hash""",
            "versions": f"""
                SELECT version, boundary, events FROM model.versions WHERE boundary >= {first} ORDER BY ALL""",
            "people": f"""
                WITH met AS (
                    SELECT user_id, min(period) AS since FROM validated.interactions WHERE {of_file} AND (
                        item_id IS NOT NULL OR user_id IN (SELECT user_id FROM validated.users WHERE consent = 'yes'))
                    GROUP BY user_id
                )
                SELECT period, snapshot, count(*) AS histories, count(l.user_id) AS lists_at_most
                FROM ({_PUBLISHED}) AS p JOIN met ON met.since <= p.period
                LEFT JOIN ({_LISTED}) AS l USING (period, user_id)
                GROUP BY ALL ORDER BY period""",
            "evaluation": f"""
                SELECT period, count(*) AS figures
                FROM model.evaluation WHERE period >= {first} GROUP BY period ORDER BY period""",
        }
    )


def of_profiles(file: str) -> Questions:
    """About a profile file: whose consent it says, and the words that may be read by it."""
    of_file = f"source_file = {quoted(file)}"
    people = f"(SELECT user_id FROM validated.users WHERE {of_file})"
    return _clean(
        {
            "delivered": f"SELECT count(*) AS rows FROM raw.users WHERE {of_file}",
            "profiles": f"""
                SELECT consent, count(*) AS people, count(text_hash) AS texts
                FROM validated.users WHERE {of_file} GROUP BY consent ORDER BY consent""",
            "rejected": _rejected("users", of_file),
            "words": f"""
                SELECT count(*) AS texts, count(DISTINCT user_id) AS people, count(DISTINCT key) AS vectors
                FROM embeddings.text_words WHERE user_id IN {people}""",
            "people": f"""
                SELECT period, snapshot, count(*) AS histories, count(l.user_id) AS lists_at_most
                FROM ({_PUBLISHED}) JOIN model.users AS u USING (period)
                LEFT JOIN ({_LISTED}) AS l USING (period, user_id)
                WHERE u.words > 0 AND u.user_id IN {people} GROUP BY ALL ORDER BY period""",
        }
    )


def _of_items(items: str) -> Questions:
    """What rests on some items, given as SQL behind IN."""
    return {
        "fused": f"""
            SELECT modalities, space, count(*) AS items
            FROM fused.current WHERE item_id IN {items} GROUP BY ALL ORDER BY ALL""",
        "versions": f"""
            SELECT v.version, v.boundary, count(*) AS items, sum(m.events)::BIGINT AS people
            FROM model.items AS m JOIN model.versions AS v USING (version)
            WHERE m.item_id IN {items} GROUP BY ALL ORDER BY v.boundary, v.version""",
        "people": f"""
            WITH published AS ({_PUBLISHED}), met AS (
                SELECT user_id, min(period) AS since
                FROM validated.interactions WHERE item_id IN {items} GROUP BY user_id
            ), listed AS (
                SELECT DISTINCT period, user_id FROM recommendations.top_k WHERE item_id IN {items}
            ), touched AS (
                SELECT period, user_id, true AS is_met, false AS is_listed
                FROM published JOIN met ON met.since <= published.period
                UNION ALL SELECT period, user_id, false, true FROM listed
            )
            SELECT period, snapshot, count(*) FILTER (is_met) AS histories, count(*) FILTER (is_listed) AS lists,
                count(DISTINCT user_id) AS lists_at_most
            FROM published LEFT JOIN touched USING (period) GROUP BY ALL ORDER BY period""",
        "reasons": f"""
            WITH named AS (SELECT period, user_id, rank, unnest(named) AS item_id FROM recommendations.reasons)
            SELECT period, count(DISTINCT (user_id, rank)) AS reasons, count(DISTINCT user_id) AS people
            FROM named WHERE item_id IN {items} GROUP BY period ORDER BY period""",
        "neighbours": f"""
            SELECT s.by, count(DISTINCT s.item_id) AS items
            FROM recommendations.similar_items AS s
            WHERE s.neighbour IN {items} AND s.item_id NOT IN {items} GROUP BY s.by ORDER BY s.by""",
    }


def _vectors(items: str, modalities: Sequence[str]) -> str:
    """How many vectors the items have, and how many other items have one of them too."""
    return _union(
        [
            f"""SELECT '{m}' AS modality, count(DISTINCT key) AS vectors,
            count(*) FILTER (item_id IN {items}) AS items, count(*) FILTER (item_id NOT IN {items}) AS other_items
        FROM embeddings.{m}_current
        WHERE key IN (SELECT key FROM embeddings.{m}_current WHERE item_id IN {items})"""
            for m in modalities
        ]
    )


# The newest snapshot of each period, and everybody with a list.
_PUBLISHED = "SELECT period, arg_max(s.snapshot, s.at) AS snapshot FROM ledger.snapshots AS s GROUP BY period"
_LISTED = "SELECT period, user_id FROM recommendations.top_k WHERE rank = 1"


def _rejected(table: str, of_file: str) -> str:
    return f"""
        SELECT kind, rule, count(*) AS rows
        FROM validated.rejected AS t WHERE t.table = '{table}' AND {of_file} GROUP BY ALL ORDER BY ALL"""


def _union(parts: Sequence[str]) -> str:
    return "\n        UNION ALL ".join(parts)


def _clean(queries: Questions) -> Questions:
    return {about: cleandoc(query) for about, query in queries.items() if query}
