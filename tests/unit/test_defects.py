"""The seeded defects of `make mutants` keep up with the code.

Each still applies, and names tests that are there.
"""

import re

import pytest
from mutants.run import DEFECTS, ROOT


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_seeded_defect_still_applies(defect):
    for change in defect.changes:
        text = (ROOT / change.path).read_text()
        assert change.made_in(text) != text
    for test in defect.tests:
        path, *names = test.partition("[")[0].split("::")
        code = (ROOT / path).read_text()
        assert all(
            re.search(rf"^ *(async def|def|class) {name}\b", code, re.MULTILINE) for name in names
        )


def test_there_are_many_and_each_has_a_name_of_its_own():
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 15
