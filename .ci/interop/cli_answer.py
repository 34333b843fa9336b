"""Runs the official command line `rstuf` with answers to its questions.

    cli_answer.py ANSWERS.json ARGUMENT...

ANSWERS.json is a list, in the order of the questions. Only the widgets that need a keyboard are replaced
(menus, path completion, hidden input); each answer must fit the question that is asked, and all must be
used. Everything else is the program's own.
"""

import json
import sys

import beaupy
import click
import click.termui
import prompt_toolkit
import rich.prompt
from repository_service_tuf.cli import rstuf
from repository_service_tuf.cli.admin import helpers

answers = json.load(open(sys.argv[1]))


def answer(question):
    if not answers:
        sys.exit(f"no answer is left for the question {question!r}")
    given = answers.pop(0)
    print(f"{question} -> {given}")
    return given


def select(options, **_):
    wanted = answer(f"menu {options}")
    for option in options:
        if option in (wanted, f"[green]{wanted}[/]"):
            return option
    sys.exit(f"{wanted!r} is not among the options {options}")


def get_input(cls, console, prompt, password, stream=None):
    return answer(str(prompt))


beaupy.select = select
prompt_toolkit.prompt = lambda message, **_: answer(str(message))
rich.prompt.PromptBase.get_input = classmethod(get_input)
click.prompt = lambda text, **_: answer(text)
helpers.click.prompt = click.prompt

try:
    rstuf(sys.argv[2:], prog_name="rstuf", standalone_mode=False)
except click.ClickException as err:
    sys.exit(f"rstuf: {err.format_message()}")
if answers:
    sys.exit(f"answers that no question asked for: {answers}")
