"""Filters from other packages: found by their entry point, loaded once, and never the end of a worker."""

import re
import sys
import textwrap
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from filterfleet.catalogue.soundness import faults
from filterfleet.commands.filters import filters as list_filters
from filterfleet.commands.recipe_check import check as recipe_check
from filterfleet.common.errors import FilterError, RecipeError
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.common.wire import Failed
from filterfleet.worker import filters
from filterfleet.worker.attempt import attempt
from filterfleet.worker.filters import bind, names, plugins, registry
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.resources import default

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
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # for processes that are started
    monkeypatch.setattr(plugins, "_begun", threading.Event())
    for known in ("_plugins", "_left_out"):
        monkeypatch.setattr(plugins, known, dict(getattr(plugins, known)))
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


# --- what a plugin does wrong, and who is told ----


GRAY = np.full((4, 6), 100, np.uint8)


def png(image) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.mark.parametrize("body", ["image[:] = 0", "image += 1", "image.sort()", "cv2.blur(image, (3, 3), image)"])
def test_an_image_cannot_be_written_into(registered, body):
    bad = registered(f"""
        import cv2
        @register("bad", merge=Rows())
        def bad(image):
            "Writes."
            {body}
            return image
    """)
    image = GRAY.copy()
    with pytest.raises(FilterError, match="The filter 'bad' writes into the image that it gets"):
        bind(Step(bad.name))(image)
    assert (image == 100).all()
    assert any("writes into the image" in fault for fault in faults(bad))


def test_another_output_is_not_ruined_by_a_filter_that_writes(registered):
    registered('@register("bad", merge=Rows())\ndef bad(image):\n    image[:] = 0\n    return image')
    ended = attempt(b"", Recipe((Output("one", (Step("bad"),)),)).to_bytes(), png(GRAY), default())
    assert isinstance(ended, Failed)
    assert (ended.kind, ended.reason[:16]) == ("permanent", "The filter 'bad'")


def test_a_filter_that_fails_is_named_with_its_values(registered):
    registered(
        '@register("bad", merge=Rows(), size=Integer(3, 1, 9))\ndef bad(image, size):\n    raise KeyError("missing")'
    )
    ended = attempt(b"", Recipe((Output("one", (Step("bad"),)),)).to_bytes(), png(GRAY), default())
    assert isinstance(ended, Failed)
    assert ended.reason == "The worker failed unexpectedly in filter 'bad' (size=3): KeyError: 'missing'"


@pytest.mark.parametrize(
    ("options", "body", "fault"),
    [
        ("", "return image.astype(np.float32)", "an array of float32"),
        ("", "return image[..., None, None]", "an array of the shape"),
        ("", "return None", "returns NoneType"),
        ("", "return image[:1]", "its merge rule says that it keeps the size"),
        ("", "return image + np.random.default_rng().integers(0, 2, image.shape, image.dtype)", "different results"),
        ("", "return np.full_like(image, image.mean())", "do not join"),
        ("", "return image[5]", "IndexError"),
        ("size=Integer(99, 1, 9)", "return image.copy()", "has a default that a recipe could not give"),
        ("size=Integer(3, 1, 9)", "return image.copy()", None),
        ("", "return image.copy()", "which is not registered as a parameter"),
    ],
)
def test_what_is_wrong_with_a_filter_is_found(registered, options, body, fault):
    takes = "" if "registered as a parameter" not in str(fault) else ", radius"
    takes = takes or (", size" if options else "")
    bad = registered(
        f'@register("bad", merge=Rows(), {options})\ndef bad(image{takes}):\n    "What it does."\n    {body}'
    )
    found = list(faults(bad))
    assert len(found) == (fault is not None), found
    assert all("'bad'" in each and fault in each for each in found)


def test_a_filter_needs_a_docstring_and_what_it_declares(registered):
    bad = registered('@register("bad", merge=Rows(), size=Integer(3, 1, 9))\ndef bad(image):\n    return image')
    assert [fault[:45] for fault in faults(bad)] == [
        "The filter 'bad' has no docstring: its first ",
        "The function of filter 'bad' does not take 's",
    ]


def test_a_filter_that_changes_the_size_says_what_becomes_of_transparency(registered):
    half = (
        '@register("half", merge=Whole("it halves"){alpha})\n'
        'def half(image):\n    "Halves."\n    return image[::2, ::2]'
    )
    assert "alpha=Alpha.FILTERED" in next(faults(registered(half.format(alpha=""))))
    registry._filters.pop("half")
    good = registered(half.format(alpha=", alpha=Alpha.FILTERED"))
    assert list(faults(good)) == []
    assert bind(Step("half"))(np.zeros((4, 6, 4), np.uint8)).shape == (2, 3, 4)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("alpha=Number(1, 0, 1)", "register() has an option of this name"),
        ("gray=Boolean(True)", "register() has an option of this name"),
        ("deep=1", "the option 'deep' of the filter 'bad' is of type int: use bool or Callable"),
        ("image=Text('x', 9)", "this name is reserved"),
        ("filter=Text('x', 9)", "this name is reserved"),
        ("size=3", "it is of type int, not Integer"),
        ("**{'a b': Text('x', 9)}", "use a Python name"),
    ],
)
def test_reserved_names_and_wrong_options_are_refused_in_words(registered, option, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        registered(f'@register("bad", merge=Rows(), {option})\ndef bad(image, **values):\n    return image')


def test_name_is_a_name_for_a_parameter_and_true_or_false_is_a_value(registered):
    found = registered(
        '@register("signed", merge=Rows(), name=Text("x", 9), loud=Boolean(False))\n'
        'def signed(image, name, loud):\n    "Signs."\n    return image.copy()'
    )
    assert list(faults(found)) == []
    bind(Step("signed", (("loud", True), ("name", "y"))))(GRAY)
    with pytest.raises(RecipeError, match="Parameter 'loud' of filter 'signed' takes true or false, not 1"):
        bind(Step("signed", (("loud", 1),)))


def test_every_filter_that_ships_keeps_one_of_its_promises():
    """Those with few values; tests/property holds all of them to all."""
    for name in ("gaussian_blur", "crop", "otsu", "background", "sepia"):
        assert list(faults(registry._filters[name])) == []


BAD = """
import os
from filterfleet.worker.filters import Rows, register

print("hello")

@register("bad_end", merge=Rows())
def end(image):
    "Ends the process."
    os._exit(3)

@register("bad_type", merge=Rows())
def wrong(image):
    "Wrong."
    return image.astype(float)
"""


def test_a_check_tells_what_is_wrong_and_which_filter_ends_the_process(install, tmp_path, capfd):
    install("plugin_bad", BAD)
    with pytest.raises(RecipeError) as raised:
        list_filters(check=True)
    ending, typed = raised.value.problems
    assert ending == (
        "The filter 'bad_end' of the plugin plugin_bad ends the program when it is tried (exit code 3): it has to "
        "raise an Exception, which fails its image alone."
    )
    assert "The filter 'bad_type' of the plugin plugin_bad returns an array of float64" in typed
    assert capfd.readouterr().out == ""
    file = tmp_path / "recipe.toml"
    file.write_text('[outputs.one]\nsteps = ["bad_end"]\n')
    with pytest.raises(RecipeError, match=r"^The filter 'bad_end' of the plugin plugin_bad ends the program"):
        recipe_check(str(file))


def test_a_plugin_that_ends_the_process_when_it_is_loaded_is_named(install):
    install("plugin_gone", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    said = r"^The plugin 'plugin_gone' ends the program when it is loaded \(SIGSEGV\)\.$"
    with pytest.raises(RecipeError, match=said):
        list_filters(check=True)


def test_the_example_in_the_docstring_is_sound(registered):
    _, example = filters.__doc__.split("from filterfleet.worker.filters import Image, Number, Rows, register")
    found = registered(example.split("\n\nAn Image is")[0])
    assert list(faults(found)) == []
    assert (found.function(np.zeros((2, 3), np.uint16), strength=100) == 65535).all()
