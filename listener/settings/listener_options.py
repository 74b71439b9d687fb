"""Everything a user can set for a listener: the options of `filterfleet listener`, and most of those of `up`.

Each setting is declared here once. docs/user-guide.md explains at length what more and less of it do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.config.setting import Secret
from filterfleet.common.process.options import (
    SHARE,
    BrokerHost,
    FrontendPort,
    GroupRead,
    Keys,
    Metrics,
    RecipeChoice,
    positive_size,
)
from filterfleet.listener.core.settings import Backfill, Failures
from filterfleet.listener.settings.connection import mask
from filterfleet.listener.settings.retention import KEEP_DAYS
from filterfleet.listener.settings.secrets import masked_address, masked_command

# Headings in --help.
_IMAGES, _AFTERWARDS, _HOOKS, _CLOUDS = "Which images", "What happens afterwards", "Who is told", "Clouds"

# `filterfleet run` has these as well.
NO_DEFAULT_EXCLUDES = typer.Option(
    "--no-default-excludes",
    rich_help_panel=_IMAGES,
    help="Also take images in the bins and thumbnail folders of network drives, such as #recycle and @eaDir.",
)
SNIFF = typer.Option(
    "--sniff",
    rich_help_panel=_IMAGES,
    help="Also take files without an extension whose first bytes are those of an image. Only for a local source: "
    "a cloud would be asked about each of them.",
)

FOLLOW_LINKS = typer.Option(
    "--follow-links",
    help="Also follow links that lead out: links to files in a local source, and links to folders in a local output. "
    "Other users who can write there then choose what is read and written with your rights.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerOptions:
    """The values as the user gave them. listener.setup checks and uses them."""

    source: Annotated[
        str,
        typer.Option(metavar="FOLDER", help="Images, with all subfolders: a local folder or REMOTE:PATH."),
        Secret(mask),
    ]
    output: Annotated[
        str,
        typer.Option(
            metavar="FOLDER", help="Results, with a subfolder for each output: a local folder or REMOTE:PATH."
        ),
        Secret(mask),
    ]
    recipe: RecipeChoice = "default"
    broker: BrokerHost = "127.0.0.1"
    frontend_port: FrontendPort = 5555
    keys: Keys = None
    allow_group_read: GroupRead = False
    state: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the ledger and other state.",
            show_default=".filterfleet in a local output, else a folder of this user",
        ),
    ] = None
    share: Annotated[list[str], SHARE] = field(default_factory=list)
    once: Annotated[bool, typer.Option("--once", help="End when everything in the source is done.")] = False
    settle: Annotated[
        float,
        typer.Option(
            min=0,
            max=86_400,
            help="Seconds a file must stay unchanged before it is processed. "
            "More is safer with slow writers; less begins sooner.",
        ),
    ] = 1.0
    interval: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Seconds between scans of the source, at least. "
            "More costs the disk or the cloud less; less finds changes sooner.",
            show_default="15 for a remote source, 5 for a local one",
        ),
    ] = None
    transfers: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            help="Images read at once, and results written at once. "
            "More hide the delay of a distant cloud; fewer keep within its limits.",
        ),
    ] = 4
    include: Annotated[
        list[str],
        typer.Option(
            rich_help_panel=_IMAGES, help="Only images that match, in gitignore syntax; may be given several times."
        ),
    ] = field(default_factory=list)
    exclude: Annotated[
        list[str],
        typer.Option(
            rich_help_panel=_IMAGES, help="No images that match, in gitignore syntax; may be given several times."
        ),
    ] = field(default_factory=list)
    no_default_excludes: Annotated[bool, NO_DEFAULT_EXCLUDES] = False
    sniff: Annotated[bool, SNIFF] = False
    follow_links: Annotated[bool, FOLLOW_LINKS] = False
    max_size: Annotated[
        int | None,
        typer.Option(
            parser=positive_size,
            metavar="SIZE",
            rich_help_panel=_IMAGES,
            help="No images larger than this, such as 50M.",
            show_default="no limit",
        ),
    ] = None
    backfill: Annotated[
        Backfill,
        typer.Option(
            rich_help_panel=_IMAGES,
            help="Images that are there at the very first scan: oldest first, newest first, or none of them.",
        ),
    ] = Backfill.OLDEST
    after: Annotated[
        str,
        typer.Option(
            metavar="keep|delete|move:FOLDER",
            rich_help_panel=_AFTERWARDS,
            help="What happens to an image in the source when all its outputs are in place.",
        ),
    ] = "keep"
    failed: Annotated[
        Failures,
        typer.Option(
            rich_help_panel=_AFTERWARDS,
            help="What failed/ in the output gets of an image that cannot be processed: "
            "a copy and the reason, only the reason, or nothing.",
        ),
    ] = Failures.COPY
    sidecar: Annotated[
        bool,
        typer.Option(
            "--sidecar",
            rich_help_panel=_AFTERWARDS,
            help="Also write sidecar/IMAGE.json for each image: source, recipe, engine, times and the SHA-256 of the "
            "results.",
        ),
    ] = False
    hints: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Take notifications of a store over HTTP here, and look at what they name at once.",
            show_default="none",
        ),
    ] = None
    hints_token: Annotated[
        Path | None,
        typer.Option(
            help="File with the token that such notifications have to show. "
            "Needed unless HOST is an address that only this machine can reach."
        ),
    ] = None
    metrics: Metrics = None
    webhook: Annotated[
        list[str],
        typer.Option(
            metavar="URL|@FILE",
            rich_help_panel=_HOOKS,
            help="Send each event here by POST, as JSON. @FILE names a file that holds the URL, which others cannot "
            "see then. May be given several times.",
        ),
        Secret(masked_address),
    ] = field(default_factory=list)
    webhook_secret_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", rich_help_panel=_HOOKS, help="File with the secret that signs what goes to webhooks."
        ),
    ] = None
    exec_hook: Annotated[
        list[str],
        typer.Option(
            metavar="COMMAND",
            rich_help_panel=_HOOKS,
            help="Run this for each event, which it gets in its environment and, as JSON, on standard input. The "
            "command is split into words, and no shell sees it. May be given several times.",
        ),
        Secret(masked_command),
    ] = field(default_factory=list)
    hook_events: Annotated[
        str,
        typer.Option(
            metavar="EVENT[,EVENT...]",
            rich_help_panel=_HOOKS,
            help="Which events webhooks and commands get.",
        ),
    ] = "image.done,image.failed,batch.done"
    heal: Annotated[
        bool,
        typer.Option(
            "--heal",
            rich_help_panel=_AFTERWARDS,
            help="Make results again that somebody has deleted from the output, which has to be a local folder.",
        ),
    ] = False
    previews: Annotated[
        bool,
        typer.Option(
            "--previews",
            rich_help_panel=_AFTERWARDS,
            help="Have small pictures made of images and results, and keep the newest beside the ledger for "
            "`filterfleet dashboard`.",
        ),
    ] = False
    keep_days: Annotated[
        float,
        typer.Option(
            min=0,
            rich_help_panel=_AFTERWARDS,
            help="Days that the ledger remembers images that have vanished from the source, and versions of images "
            "that were replaced. More keeps a longer history; less keeps the ledger small.",
        ),
    ] = KEEP_DAYS
    rclone_config: Annotated[
        Path | None,
        typer.Option(rich_help_panel=_CLOUDS, help="rclone's configuration file.", show_default="rclone's own"),
    ] = None
    bandwidth: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            rich_help_panel=_CLOUDS,
            help="Bytes per second to and from clouds together, such as 10M.",
            show_default="no limit",
        ),
    ] = None
    spool_limit: Annotated[
        int | None,
        typer.Option(
            parser=positive_size,
            metavar="SIZE",
            rich_help_panel=_CLOUDS,
            help="Size of all temporary files together. More lets more images be on their way; less saves disk space.",
            show_default="1G",
        ),
    ] = None
