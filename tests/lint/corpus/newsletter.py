"""Sends mail three calls deep, before the question whether to go on."""

import smtplib
from email.message import EmailMessage

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent


class GoOn(HumanResponseEvent):
    yes: bool


class PreviewSent(InputRequiredEvent, answer=GoOn):
    to: list[str]


def message_to(address: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["To"] = address
    message.set_content(text)
    return message


class Post:
    def __init__(self, host: str) -> None:
        self.host = host
        self.sent = 0

    def send(self, message: EmailMessage) -> None:
        with smtplib.SMTP(self.host) as server:
            server.send_message(message)  # unsafe: network
        self.sent += 1  # unsafe: state


def send_all(post: Post, addresses: list[str], text: str) -> None:
    for address in addresses:
        post.send(message_to(address, text))


class Newsletter(Workflow):
    def __init__(self, host: str) -> None:
        super().__init__(timeout=None, types=[GoOn, PreviewSent])
        self.post = Post(host)

    @step
    async def publish(self, ctx: Context, ev: StartEvent) -> StopEvent:
        send_all(self.post, ev.editors, ev.text)
        answer = await ctx.ask(PreviewSent(to=ev.editors))
        if answer.yes:
            send_all(self.post, ev.readers, ev.text)
        return StopEvent(result=answer.yes)
