"""`hamkke`: every verb and where it lives. A new group is a file beside this one with a Typer app, added below."""

import typer

from deploy.cli import dead, demo, events, export, life, machine, tokens, topics, views

app = typer.Typer(
    name="hamkke",
    help="Hamkke: citizen-led smart challenges. Start it with [bold]hamkke up[/bold]; what is missing, [bold]hamkke doctor[/bold] tells.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
)
app.command()(life.up)
app.command()(life.down)
app.command()(life.status)
app.command()(demo.demo)
app.command()(machine.doctor)
app.command()(machine.settings)
app.command()(tokens.token)
app.add_typer(events.app, name="events")
app.add_typer(dead.app, name="dead")
app.add_typer(topics.app, name="topics")
app.add_typer(views.app, name="views")
app.add_typer(export.app, name="export")


if __name__ == "__main__":
    app()
