"""Renderer text of our expectations: one sentence in Chinese, the same in English, for Data Docs and for GX's inline rendering."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations.expectation import render_suite_parameter_string
from great_expectations.render import LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer
from great_expectations.render.renderer_configuration import RendererConfiguration, RendererValueType


class BilingualText:
    """Mixed into an expectation, before GX's class. ``sentence`` may name the expectation's arguments as ``$argument``."""

    sentence: ClassVar[str]
    sentence_arguments: ClassVar[tuple[str, ...]]

    @classmethod
    def _prescriptive_template(cls, renderer_configuration: RendererConfiguration) -> RendererConfiguration:
        for argument in cls.sentence_arguments:
            renderer_configuration.add_param(name=argument, param_type=[RendererValueType.STRING, RendererValueType.NUMBER])
        renderer_configuration.template_str = cls.sentence
        return renderer_configuration

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    @render_suite_parameter_string
    def _prescriptive_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[RenderedStringTemplateContent]:
        given = configuration.kwargs if configuration else {}
        template = {
            "template": cls.sentence,
            "params": {argument: str(given.get(argument, _default(cls, argument))) for argument in cls.sentence_arguments},
            "styling": (runtime_configuration or {}).get("styling"),
        }
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template=template)]


def _default(expectation: Any, argument: str) -> Any:
    """What an argument that is not given is; a dash for none."""
    field = expectation.__fields__.get(argument)
    return "—" if field is None or field.default is None else field.default
