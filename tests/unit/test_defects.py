"""The seeded defects of `make mutants` keep up with the code.

Each still applies, and names tests that are there.
"""

import pytest
from mutants.run import DEFECTS, ROOT


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_seeded_defect_still_applies(defect):
    for change in defect.changes:
        text = (ROOT / change.path).read_text()
        assert change.made_in(text) != text
    for test in defect.tests:
        assert (ROOT / test.partition("::")[0]).is_file()


def test_there_are_many_and_each_has_a_name_of_its_own():
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 15
