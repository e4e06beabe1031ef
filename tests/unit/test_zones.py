import pytest

from app.domain.zones import Rules, newer, region_named, release_of, zone_named, zone_of


@pytest.mark.parametrize(
    ("machine", "package", "decides"),
    [
        ("2025b", "2026f", Rules("2026f", "package")),
        ("2027a", "2026f", Rules("2027a", "machine")),
        ("2026f", "2026f", Rules("2026f", "package")),
        ("2026za", "2026z", Rules("2026za", "machine")),
        (None, "2020a", Rules("2020a", "package")),
    ],
)
def test_the_newer_release_decides_and_the_package_where_the_machine_s_is_unknown(
    machine, package, decides
):
    assert newer(machine, package) == decides


@pytest.mark.parametrize(
    ("files", "release"),
    [
        (
            {"tzdata.zi": "# version 2025b\n# This zic input file is in the public domain.\n"},
            "2025b",
        ),
        ({"+VERSION": "2026a\n"}, "2026a"),
        ({"+VERSION": "2026a"}, "2026a"),
        ({"tzdata.zi": "# version unknown\n", "+VERSION": "2026a\n"}, "2026a"),
        ({"tzdata.zi": "# version 2025b-dirty\n"}, None),
        ({"UTC": ""}, None),
        ({}, None),
    ],
)
def test_a_machine_s_release_is_what_its_zone_files_say(tmp_path, files, release):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert release_of([str(tmp_path), str(tmp_path / "not there")]) == release


def test_of_several_directories_the_oldest_release_counts_and_none_where_one_is_silent(tmp_path):
    for name, release in (("a", "2026b"), ("b", "2025c")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "+VERSION").write_text(release)
    (tmp_path / "silent").mkdir()
    assert release_of([str(tmp_path / "a"), str(tmp_path / "b")]) == "2025c"
    assert release_of([str(tmp_path / "a"), str(tmp_path / "silent")]) is None
    assert release_of([]) is None


MACHINES = ["localtime", "posixrules", "Factory", "posix/America/Toronto", "right/America/Toronto"]
LINKS = ["EST5EDT", "EST", "Japan", "GMT", "Zulu", "W-SU"]
NONE = [
    "",
    "toronto",
    "america/toronto",
    "../etc/passwd",
    "America",
    "EST5EDT\n",
    "America/Toronto\n",
    "\0",
    "Mars/Base",
]


@pytest.mark.parametrize("name", [*NONE, *MACHINES])
def test_what_is_no_zone_or_one_of_this_machine_alone_is_none(name):
    assert zone_named(name) is None
    assert region_named(name) is None
    assert zone_of(name).key == "UTC"


@pytest.mark.parametrize("name", LINKS)
def test_an_old_link_still_has_its_hours_where_it_is_stored_and_is_not_taken_any_more(name):
    assert zone_named(name).key == zone_of(name).key == name
    assert region_named(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "UTC",
        "Etc/UTC",
        "America/Argentina/Buenos_Aires",
        "America/Port-au-Prince",
        "Etc/GMT+5",
        "US/Eastern",
    ],
)
def test_names_of_regions_are_taken(name):
    assert region_named(name).key == name
