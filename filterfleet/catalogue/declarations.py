"""What is wrong with what a filter declares: its docstring, its parameters, and the functions that it is registered
with."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from filterfleet.catalogue.samples import sample, usual
from filterfleet.common.errors import ImageError, RecipeError
from filterfleet.common.text import one_line, shown_value
from filterfleet.worker.filters import Filter
from filterfleet.worker.filters.calling import failing
from filterfleet.worker.filters.merge import Chain, Gathered, Moved, Resampled, Rows
from filterfleet.worker.filters.parameters import Choice
from filterfleet.worker.filters.registry import Alpha, spelled_out
from filterfleet.worker.filters.resampling import METHODS
from filterfleet.worker.formats.spaces import SPACES

_SIZE = (640, 480)  # pixels of an image whose new size is asked for

_Rule = tuple[str, Callable[..., Any], tuple[int, ...], Callable[[Any], bool], str]
"""The name of a function, the function, what it takes before the filter's values, which answers are right, and the
words for those."""


def declared_faults(found: Filter) -> Iterator[str]:
    """Each as a sentence that names the filter."""
    if not found.summary:
        yield f"The filter {found.name!r} has no docstring: its first line says in the catalogue what the filter does."
    wrong = list(_parameters(found))
    yield from wrong
    yield from _signature(found)
    if not wrong:
        yield from _rules(found)


def _parameters(found: Filter) -> Iterator[str]:
    for name, parameter in found.parameters.items():
        where = f"Parameter {name!r} of filter {found.name!r}"
        needed = parameter.default is None
        tried = sample(parameter) if needed else parameter.default
        try:
            wrong = None if tried is None else parameter.check(tried)
            described: Any = parameter.describe()
        except Exception as error:  # noqa: BLE001 - other people's code may raise anything
            yield f"{where} cannot be checked: {one_line(f'{type(error).__name__}: {error}', 200).rstrip('.')}."
            continue
        if wrong and not needed:
            yield f"{where} has a default that a recipe could not give: it {wrong}."
        elif wrong or (isinstance(parameter, Choice) and not parameter.choices):
            yield f"{where} takes nothing that a recipe could give: {described or 'no words'}."
        elif not isinstance(described, str):
            yield f"{where} is described by {shown_value(described)}, which is no text."


def _signature(found: Filter) -> Iterator[str]:
    try:
        signature = inspect.signature(found.function)
    except (TypeError, ValueError):  # a function of C does not say
        return
    given = {*found.parameters, *_extra(found)}
    kinds = [each.kind for each in signature.parameters.values()]
    takes = [name for name, each in signature.parameters.items() if each.kind is not each.VAR_KEYWORD][1:]
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        for name in sorted(given - set(takes)):
            yield f"The function of filter {found.name!r} does not take {name!r}, which it is called with."
    for name in takes:
        each = signature.parameters[name]
        if name not in given and each.default is each.empty and each.kind is not each.VAR_POSITIONAL:
            yield f"The function of filter {found.name!r} takes {name!r}, which is not registered as a parameter."


def _extra(found: Filter) -> Iterator[str]:
    """What the function gets beside its parameters."""
    if found.alpha in (Alpha.WEIGHED, Alpha.ON_WHITE):
        yield "alpha"
    if found.informed:
        yield "about"
    if isinstance(found.merge, Moved) or (isinstance(found.merge, Rows) and found.merge.positioned):
        yield "place"


def _rules(found: Filter) -> Iterator[str]:
    """Values that are refused are shown to no other rule."""
    values = usual(found)
    if values is None:
        return
    wrong = list(_wrong_answers(found, values, _refusing(found)))
    yield from wrong
    if not wrong and not found.refuses(**values):
        yield from _wrong_answers(found, values, (*_common(found), *_of_merging(found)))


def _wrong_answers(found: Filter, values: dict[str, Any], rules: Iterable[_Rule]) -> Iterator[str]:
    for name, function, given, is_right, wanted in rules:
        try:
            answer = function(*given, **values)
        except ImageError:  # it is not for every size
            continue
        except RecipeError as error:
            yield f"The {name!r} of filter {found.name!r} names steps that cannot be: {error}"
        except Exception as error:  # noqa: BLE001 - other people's code may raise anything
            yield failing(found.name, error, f"in its {name!r}")
        else:
            if not is_right(answer):
                yield f"The {name!r} of filter {found.name!r} returns {shown_value(answer)}; it has to be {wanted}."


def _refusing(found: Filter) -> Iterator[_Rule]:
    yield "refuses", found.refuses, (), _is_text, 'the end of a sentence, "needs ...", or None'


def _common(found: Filter) -> Iterator[_Rule]:
    yield "doubts", found.doubts, (), _is_text, 'the end of a sentence, "takes ...", or None'
    yield "space", found.space, (), lambda answer: answer is None or answer in SPACES, f"{', '.join(SPACES)} or None"
    yield "work", found.work, (), _is_amount, "a finite number of bytes, 0 or more"


def _of_merging(found: Filter) -> Iterator[_Rule]:
    merge = found.merge
    match merge:
        case Rows():
            yield "halo", merge.halo, (), lambda answer: _is_whole(answer, 0), "a whole number of rows, 0 or more"
            yield "align", merge.align, (), lambda answer: _is_whole(answer, 1), "a whole number of rows, 1 or more"
        case Resampled() | Moved() | Gathered():
            yield "target", merge.target, _SIZE, _is_size, "a pair of whole numbers, 1 or more: width and height"
        case Chain():
            yield "steps", lambda **values: tuple(spelled_out(merge.steps(**values))), (), bool, "steps"
    if isinstance(merge, Resampled):
        yield "method", merge.method, (), _is_method, f"one of cv2.INTER_*, or of {', '.join(METHODS)}"


def _is_text(answer: Any) -> bool:
    return answer is None or isinstance(answer, str)


def _is_amount(answer: Any) -> bool:
    return isinstance(answer, numbers.Real) and math.isfinite(answer) and float(answer) >= 0


def _is_whole(answer: Any, least: int) -> bool:
    return isinstance(answer, numbers.Integral) and int(answer) >= least


def _is_size(answer: Any) -> bool:
    return isinstance(answer, tuple) and len(answer) == 2 and all(_is_whole(side, 1) for side in answer)


def _is_method(answer: Any) -> bool:
    return _is_whole(answer, 0) or (isinstance(answer, str) and answer in METHODS)
