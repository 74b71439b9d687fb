"""Filters from other packages: found by their entry point, loaded once, and never the end of a worker."""

import sys
import textwrap
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.filters import bind, names, plugins, registry

EXAMPLE = Path(__file__).parents[2] / "examples/plugin"
REGISTER = """
from filterfleet.worker.filters import Rows, register

@register({name!r}, merge=Rows())
def run(image):
    return 255 - image
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a module with this source and this target of its entry point, as pip would. Nothing is loaded yet."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "_begun", threading.Event())
    before = dict(registry._filters)

    def install(module: str, source: str, target: str | None = None) -> None:
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{module} = {target or module}\n")

    yield install
    registry._filters.clear()
    registry._filters.update(before)
    for module in [name for name in sys.modules if name.startswith("plugin_")]:
        del sys.modules[module]


def test_a_plugin_is_loaded_when_the_filters_are_first_asked_for(install):
    install("plugin_one", REGISTER.format(name="from_plugin_one"))
    image = np.zeros((3, 3), np.uint8)
    assert (bind(Step("from_plugin_one"))(image) == 255).all()
    assert "from_plugin_one" in names()


def test_an_entry_point_may_be_a_function(install):
    source = "def begin():\n" + textwrap.indent(REGISTER.format(name="from_function"), "    ")
    install("plugin_function", source, "plugin_function:begin")
    assert "from_function" in names()


def test_it_is_loaded_once(install):
    install("plugin_count", "import sys\ncount = []\ndef begin():\n    count.append(1)", "plugin_count:begin")
    names()
    names()
    import plugin_count  # it exists only now

    assert plugin_count.count == [1]


def test_a_plugin_may_look_at_the_catalogue_while_it_is_loaded(install):
    install(
        "plugin_curious",
        "from filterfleet.worker.filters import names\nassert 'canny' in names()\n" + REGISTER.format(name="ok"),
    )
    assert "ok" in names()


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("import no_such_module", None, "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('two\\nlines')", None, r"RuntimeError: two\nlines"),
        ("raise SystemExit(3)", None, "SystemExit: 3"),
        ("this is no Python", None, "SyntaxError: "),
        ("", "plugin_bad:missing", "AttributeError: "),
        ("value = 3", "plugin_bad:value", "TypeError: "),
        (REGISTER.format(name="canny"), None, "ValueError: a filter named 'canny' exists already"),
        (REGISTER.format(name="a b"), None, "ValueError: 'a b' is not a valid filter name"),
        (REGISTER.format(name="x" * 65), None, "is not a valid filter name"),
    ],
)
def test_a_bad_plugin_is_a_line_in_the_log_and_leaves_nothing_behind(install, monkeypatch, source, target, reason):
    said = []
    monkeypatch.setattr(plugins, "log", SimpleNamespace(error=lambda _event, **fields: said.append(fields)))
    before = names()
    plugins._begun.clear()
    install("plugin_bad", REGISTER.format(name="half_way") + source, target)
    install("plugin_good", REGISTER.format(name="good_one"))
    canny = registry._filters["canny"]
    assert set(names()) == {*before, "good_one"}
    assert registry._filters["canny"] is canny
    ((plugin, sentence),) = [(fields["plugin"], fields["reason"]) for fields in said]
    assert plugin == "plugin_bad"
    assert reason in sentence
    with pytest.raises(RecipeError, match="There is no filter 'half_way'"):
        bind(Step("half_way"))


def test_two_filters_cannot_have_one_name():
    with pytest.raises(ValueError, match="a filter named 'canny' exists already"):
        registry.register("canny", merge=registry.Rows())(lambda image: image)


def test_the_example_is_right(install, monkeypatch):
    install("plugin_example", (EXAMPLE / "filterfleet_duotone.py").read_text())
    monkeypatch.syspath_prepend(EXAMPLE)
    import test_duotone  # found by the path above

    test_duotone.test_black_and_white_become_the_two_colours()
    test_duotone.test_strips_are_the_whole()
    duotone = bind(Step("duotone"))
    deep = np.full((2, 2, 4), 65535, np.uint16)
    assert duotone(deep).tolist() == [[[0xC1, 0xE7, 0xF6, 255]] * 2] * 2
