"""A file that is written and read."""

import pytest

from mmrec.ingest import sources
from mmrec.ingest.sources import RefusedFile
from tests.helpers.delivered import COLUMNS


@pytest.fixture
def read(tmp_path):
    """Writes a file and reads it: rows of (user, item, time, problem)."""

    def write_and_read(name, data, columns=COLUMNS):
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        found = sources.read(tmp_path, name, columns)
        assert found["source_file"].unique().to_list() in ([name], [])
        assert found["source_row"].to_list() == list(range(1, found.height + 1))
        return [(*row[:-3], row[-1]) for row in found.rows()]

    return write_and_read


@pytest.fixture
def refused(read):
    def told(*arguments):
        with pytest.raises(RefusedFile) as caught:
            read(*arguments)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return told
