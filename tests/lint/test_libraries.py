"""What libraries that talk to somebody give beside that: calls that don't, and values. And names, however they're got.

Each case is what stands before a wait, behind its imports.
"""

import pytest

from tests.lint.marks import marks_in, places
from workflows.lint import check_source

STEP = """\
from workflows import Context, Workflow, step
from workflows.events import StartEvent, StopEvent
{imports}

class Orders(Workflow):
    @step
    async def handle(self, ctx: Context, ev: StartEvent) -> StopEvent:
        {body}
        await ctx.ask(ev)
        return StopEvent()

    async def look_at(self, it: {annotation}):
        it.{method}
"""

SILENT = [
    ("import httpx", "httpx.URL('https://bank.example').join('a').copy_with(path='/b')"),
    ("import httpx", "httpx.Headers({}).get('accept')"),
    ("import requests", "session = requests.Session(); session.headers.update({'accept': 'text/csv'})"),
    ("import requests", "requests.utils.quote('a b'); requests.Request('GET', 'https://bank.example').prepare()"),
    ("import urllib.request", "urllib.request.pathname2url('a b')"),
    ("import socket", "socket.ntohl(3); socket.inet_pton(socket.AF_INET6, '::1')"),
    ("import grpc", "grpc.ssl_channel_credentials(); grpc.insecure_channel('bank.example:1')"),
    ("from sqlalchemy.orm import selectinload, sessionmaker", "selectinload(ev.lines); sessionmaker()"),
    ("import sqlalchemy as sa", "sa.select(ev.table).where(sa.or_(ev.paid, ev.sent)); sa.create_engine('sqlite://')"),
    ("from sqlalchemy.orm import Session", "Session(ev.engine).add(ev.order)"),
    ("from aiohttp import FormData, web", "FormData().add_field('a', 'b'); web.json_response({})"),
    ("import stripe", "stripe.Webhook.construct_event(ev.payload, ev.signature, 'secret')"),
    ("from twilio.twiml.voice_response import VoiceResponse", "VoiceResponse().say('hello')"),
    ("import openai", "openai.pydantic_function_tool(ev.model)"),
    ("import redis", "redis.Redis().pipeline()"),
    ("import pymongo", "pymongo.UpdateOne({}, {}); pymongo.IndexModel('client')"),
    ("from psycopg import sql", "sql.SQL('select {}').format(sql.Identifier('client'))"),
    ("import boto3.dynamodb.conditions", "boto3.dynamodb.conditions.Key('client').eq('b')"),
    ("import sqlite3", "sqlite3.register_adapter(dict, str); sqlite3.complete_statement('select 1;')"),
    ("import shutil", "shutil.ignore_patterns('*.pyc')"),
]
TALKING = [
    ("import stripe", "stripe.Charge.create(amount=1)", "network"),
    ("import pymongo", "pymongo.MongoClient()['shop']['orders'].insert_one({})", "network"),
    ("import boto3", "boto3.resource('dynamodb').Table('orders').put_item()", "network"),
    ("import openai", "await openai.AsyncOpenAI().with_options(timeout=3).chat.completions.create()", "network"),
    ("from sqlalchemy.orm import Session", "Session(ev.engine).commit()", "network"),
    ("import sqlalchemy as sa", "sa.create_engine('sqlite://').connect()", "network"),
    ("import psycopg", "psycopg.connect('shop').cursor().execute('delete from orders')", "network"),
    ("import redis.asyncio as redis", "await redis.from_url('redis://').incr('orders')", "network"),
    ("import smtplib", "smtplib.SMTP('bank.example').send_message(ev.mail)", "network"),
    ("import ollama", "ollama.chat('a model', [])", "network"),
    ("import aiosqlite", "await aiosqlite.connect('orders.db')", "file"),
]
VALUES = [
    ("import httpx", "httpx.Response", "headers.get('accept')"),
    ("import openai.types.chat", "openai.types.chat.ChatCompletion", "model_dump()"),
    ("import anthropic", "anthropic.types.Message", "to_json()"),
    ("import numpy", "numpy.random.Generator", "normal()"),
]
CLIENTS = [
    ("import httpx", "httpx.Client", "get('https://bank.example')"),
    ("from sqlalchemy.ext.asyncio import AsyncSession", "AsyncSession", "commit()"),
    ("import motor.motor_asyncio", "motor.motor_asyncio.AsyncIOMotorClient", "shop.orders.insert_one({})"),
    ("import asyncpg", "asyncpg.Pool", "execute('delete from orders')"),
]


def found(imports: str, body: str, annotation: str = "object", method: str = "nothing") -> list[tuple[int, str]]:
    text = STEP.format(imports=imports, body=body, annotation=annotation, method=method)
    return [(finding.line, finding.rule) for finding in check_source(text)]


@pytest.mark.parametrize(("imports", "body"), SILENT)
def test_what_talks_to_nobody_is_not_reported(imports: str, body: str) -> None:
    assert found(imports, body) == []


@pytest.mark.parametrize(("imports", "body", "rule"), TALKING)
def test_what_talks_is_reported(imports: str, body: str, rule: str) -> None:
    assert found(imports, body) == [(8, rule)]


@pytest.mark.parametrize(("imports", "annotation", "method"), VALUES)
def test_values_of_such_libraries_are_not_taken_for_clients(imports: str, annotation: str, method: str) -> None:
    assert found(imports, "await self.look_at(ev.it)", annotation, method) == []


@pytest.mark.parametrize(("imports", "annotation", "method"), CLIENTS)
def test_an_annotation_tells_that_it_is_a_client(imports: str, annotation: str, method: str) -> None:
    assert found(imports, "await self.look_at(ev.it)", annotation, method) == [(13, "network")]


NAMES = {
    "another_name_of_a_wait": """
        httpx.get("https://bank.example")  # unsafe: network
        ask = ctx.ask
        await ask(ev)
        httpx.get("https://bank.example")
    """,
    "a_wait_that_is_handed_on": """
        httpx.get("https://bank.example")  # unsafe: network
        await hear(ctx.ask)
    """,
    "a_wait_whose_arguments_are_bound": """
        httpx.get("https://bank.example")  # unsafe: network
        ask = functools.partial(ctx.ask, ev)
        await ask()
    """,
    "a_wait_by_its_name": """
        httpx.get("https://bank.example")  # unsafe: network
        await getattr(ctx, "ask")(ev)
    """,
    "other_names_of_functions": """
        fetch = httpx.get
        fetch("https://bank.example")  # unsafe: network
        library = httpx
        library.get("https://bank.example")  # unsafe: network
        self.fetch("https://bank.example")  # unsafe: network
        mine = look
        mine(httpx.Client())
        await ctx.ask(ev)
    """,
    "a_function_that_another_one_gives": """
        charge = charging()
        charge()
        await ctx.ask(ev)
    """,
    "a_name_that_stands_for_several_things": """
        fetch = httpx.get
        fetch = ev.fetch
        fetch("https://bank.example")
        await ctx.ask(ev)
    """,
    "what_an_argument_is_in_one_call": """
        look({})
        put([])
        await ctx.ask(ev)
        look(httpx.Client())
        put(self.seen)
    """,
}
NAMES_HEAD = """\
import functools, httpx

from workflows import Context, Workflow, step
from workflows.events import StartEvent, StopEvent


async def hear(ask):
    return await ask("what?")


def look(where):
    return where.get("https://bank.example")


def put(where):
    where.append(1)


def charging():
    def charge():
        httpx.post("https://bank.example")
    return charge


class Orders(Workflow):
    def __init__(self):
        super().__init__()
        self.fetch = httpx.get
        self.seen = []

    @step
    async def handle(self, ctx: Context, ev: StartEvent) -> StopEvent:
"""
ELSEWHERE = {
    "other_names_of_functions": {(12, "network")},
    "a_function_that_another_one_gives": {(21, "network")},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_thing_is_known_by_whatever_name(name: str) -> None:
    text = NAMES_HEAD + NAMES[name].lstrip("\n")
    assert places(check_source(text)) == marks_in(text).found | ELSEWHERE.get(name, set())


def test_a_parameter_stands_for_what_the_call_gives_it() -> None:
    text = NAMES_HEAD + "        look(httpx.Client())\n        put(self.seen)\n        await ctx.ask(ev)\n"
    assert places(check_source(text)) == {(12, "network"), (16, "state")}
    text = text.replace("        await", "        look({})\n        put([])\n        await")
    assert places(check_source(text)) == {(12, "network"), (16, "state")}


@pytest.mark.parametrize(
    "imports", ["from time import *", "from uuid import *\nfrom time import *\nfrom json import *"]
)
def test_what_comes_with_all_of_a_module_is_known(imports: str) -> None:
    text = STEP.format(imports=imports, body="monotonic(); dumps(ev)", annotation="object", method="x")
    assert [finding.rule for finding in check_source(text)] == ["clock"]
    text = text.replace("from workflows import Context, Workflow, step", "from workflows import *")
    assert [finding.rule for finding in check_source(text)] == ["clock"]
