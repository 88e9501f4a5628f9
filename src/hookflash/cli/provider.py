"""`hookflash provider list|show`: what providers want, and where that is known from."""

from __future__ import annotations

from typing import Annotated

import typer

from .exits import fail

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Providers: what each wants for a transfer.",
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_LIST = ("provider", "name", "takes REFER", "Refer-To", "to switch on")


@app.command("list")
def list_providers(as_json: AsJson = False) -> None:
    """Show the providers that a trunk may name."""
    from ..adapters.presets import load_preset, preset_names
    from ..providers import words
    from .output import print_json, print_table

    presets = [preset for preset in map(load_preset, preset_names()) if preset is not None]
    if as_json:
        print_json([words.as_json(preset) for preset in presets])
        return
    rows = [
        [
            *(preset.name, preset.title, words.values(preset, "refer")[0]),
            *("; ".join(words.values(preset, key)) for key in ("refer_to", "switch_on")),
        ]
        for preset in presets
    ]
    print_table(_LIST, rows, "there are none")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="As `hookflash provider list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Show one provider: facts with their sources, and the commands for it."""
    from ..adapters.presets import load_preset, preset_names
    from ..providers import words
    from .output import print_json, print_table, say

    preset = load_preset(name)
    if preset is None:
        raise fail(f"unknown provider {name!r}; known: {', '.join(preset_names())}")
    if as_json:
        print_json(words.as_json(preset))
        return
    marks = words.sources_of(preset)
    lines = words.fact_lines(preset)
    rows = [[line.what, line.value, words.mark_of(line, marks)] for line in lines]
    print_table((preset.name, preset.title, "source"), rows, "")
    say("")
    for source, mark in marks.items():
        say(f"{mark}  {source.kind}, {source.date}: {source.at}")
    say("")
    say("Replace what is in capitals, and the number. Leave out --user and the password where the")
    say("provider knows you by your address; --allow-address names the addresses that may call.")
    say("")
    for command in words.commands(preset):
        say(f"  {command}")
