"""A model is loaded when the first run needs it, and kept for all of them."""

from typing import Any

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

_GLOSSARIES: dict[str, dict[str, str]] = {}


class Reviewed(HumanResponseEvent):
    text: str


class Draft(InputRequiredEvent, answer=Reviewed):
    text: str


def load_model() -> Any:
    return object()


def glossary(language: str) -> dict[str, str]:
    if language in _GLOSSARIES:
        return _GLOSSARIES[language]
    words = {"desk": "Tisch"} if language == "de" else {}
    _GLOSSARIES[language] = words
    return words


class Translation(Workflow):
    def __init__(self) -> None:
        super().__init__()
        self._model: Any = None
        self._prompts: dict[str, str] = {}

    @property
    def model(self) -> Any:
        if self._model is None:
            self._model = load_model()
        return self._model

    def prompt(self, language: str) -> str:
        if language not in self._prompts:
            self._prompts[language] = f"Translate to {language}, with {glossary(language)}"
        return self._prompts[language]

    @step
    async def translate(self, ctx: Context, ev: StartEvent) -> StopEvent:
        draft = await ctx.once(self.model.translate, self.prompt(ev.language), ev.text)
        reviewed = await ctx.ask(Draft(text=draft))
        return StopEvent(result=reviewed.text)
