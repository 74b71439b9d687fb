"""What the pages about clouds, shares and clusters take for granted, and what their commands bring about.

The stores are servers of rclone, under the names and with the certificates that the pages speak of.
"""

from __future__ import annotations

from tests.docs.pages import ROOT

SECRET = "0123456789abcdef0123456789abcdef"  # rclone takes such a password for one that it has obscured already


def results(output: str, of: str = "trip/a.jpg") -> str:
    """Waits for those of a photograph."""
    return f"until test -e {output}/edges/{of}.png; do sleep 0.1; done"


def certificate(*names: str) -> tuple[str, ...]:
    """server.pem and server.key, which everything on the machine trusts from now on."""
    return (f"python -m trustme --quiet --identities {' '.join(names)}", 'export SSL_CERT_FILE="$PWD/client.pem"')


S3 = (
    "mkdir -p served/photos/incoming served/results && cp -r in/trip served/photos/incoming",
    "rclone serve s3 --addr 127.0.0.1:9000 --auth-key an-id,a-secret served",
)
S3_REMOTE = (
    "rclone config create s3 s3 provider=Rclone endpoint=http://127.0.0.1:9000 no_check_bucket=true"
    " access_key_id=an-id secret_access_key=a-secret"
)
DRIVE_REMOTE = (
    "rclone config create gdrive drive client_id=ID client_secret=SECRET scope=drive config_is_local=false"
    ' config_token="$(cat kept)"'
)
WITH_TLS = "--cert server.pem --key server.key"
S3_WITH_TLS = f"rclone serve s3 --addr s3.example.com:443 {WITH_TLS} --auth-key an-access-key-id,{SECRET} served"
SFTP_WITH_KEYS = (
    "rclone serve sftp --addr nas.example.com:22 --authorized-keys .ssh/filterfleet.pub"
    f" --user anna --pass {SECRET} nas"
)
WEBDAV = f"rclone serve webdav {WITH_TLS} --user anna --pass {SECRET}"

# What the reader of a page has done before the command that begins so.
SUPPOSED: dict[str, dict[str, tuple[str, ...]]] = {
    "cloud/google-drive": {
        "filterfleet up": (DRIVE_REMOTE,),
        "rclone config": (
            "python -m tests.docs.drive in/trip",
            ". ./drive.sh && export RCLONE_HTTP_PROXY",
            "cp token kept",
        ),
    },
    "cloud/hints": {
        "filterfleet listener --source s3": (
            *S3,
            S3_REMOTE,
            "filterfleet broker",
            "filterfleet worker",
        ),
    },
    "cloud/index": {
        'filterfleet up --source ":s3': (
            "mkdir .aws && echo '[default]' > .aws/credentials",
            "echo aws_access_key_id=an-id >> .aws/credentials",
            "echo aws_secret_access_key=a-secret >> .aws/credentials",
        ),
        "filterfleet up --source 'nas": (
            "mkdir -p nas/srv/photos && cp -r in/trip nas/srv/photos",
            "rclone serve sftp --addr 127.0.0.1:2222 --user anna --pass a-password nas",
        ),
        "filterfleet up --source s3": (
            *S3,
            S3_REMOTE,
            "mkdir nas",
            "rclone serve sftp --addr 127.0.0.1:2022 --user anna --pass a-password nas",
            "rclone config create nas sftp host=127.0.0.1 port=2022 user=anna pass=a-password shell_type=none",
        ),
    },
    "cloud/local": {"filterfleet up --source ~/in --output s3": (*S3, S3_REMOTE)},
    "cloud/s3": {
        "cp my-photographs": ("cp -r in my-photographs",),
        "rclone lsf": (
            "mkdir -p served/photos/incoming served/results && cp -r in/trip served/photos/incoming",
            *certificate("s3.example.com"),
            S3_WITH_TLS,
        ),
    },
    "cloud/sftp": {
        "rclone config create nas": (
            "mkdir -p nas/photos nas/srv/photos && cp -r in/trip nas/srv/photos",
            "cp -r nas/srv/photos nas/photos/incoming",
            SFTP_WITH_KEYS,
            "ssh-keyscan nas.example.com > .ssh/known_hosts",
        ),
        "ssh-keygen": ("mkdir .ssh",),
    },
    "cloud/webdav": {
        "filterfleet up": (
            "mkdir -p files/Photos/incoming && cp -r in/trip files/Photos/incoming",
            f"{WEBDAV} --addr dav.example.com:443 --baseurl /files files",
            f"rclone config update --obscure cloud pass={SECRET}",
        ),
        "read": (
            "mkdir -p anna/Photos",
            *certificate("cloud.example.com", "dav.example.com"),
            f"{WEBDAV} --addr cloud.example.com:443 --baseurl /remote.php/dav/files/anna anna",
        ),
    },
    "engines": {
        "dask scheduler": (
            "python -m trustme --quiet --identities 192.0.2.10 && mv client.pem ca.pem",
            "cp server.pem me.pem && cp server.key me.key && mv server.pem host.pem && mv server.key host.key",
        ),
        "filterfleet run in out --engine cluster": (
            "filterfleet keys k",
            "filterfleet broker --bind 192.0.2.10 --keys k",
            "filterfleet worker --broker 192.0.2.10 --keys k",
        ),
        "filterfleet run in out --engine dask --scheduler": ("rm -r out",),
        "pip install": ("export PIP_NO_INDEX=1",),  # the packages are there already
    },
    "performance": {
        "filterfleet bench report": (
            f"for run in analysis other old; do install -D {ROOT}/docs/analysis.json -t $run; done",
        )
    },
    "recipes": {
        "filterfleet recipe try": ("filterfleet recipe init web.toml",),
        "find": (
            'printf \'[outputs.iiif]\\nsteps = []\\nencoding = "iiif"\\nid = "https://example.org/iiif"\' > iiif.toml',
            "filterfleet run in tiles --recipe iiif.toml && cp -r tiles/iiif out",
        ),
        "unzip": (
            "mkdir maps /srv/www && cp photo.jpg maps/map.tif",
            "printf '[outputs.zoom]\\nsteps = []\\nencoding = \"deepzoom\"' > zoom.toml",
            "filterfleet run maps zoomed --recipe zoom.toml && cp zoomed/zoom/map.tif.szi .",
        ),
    },
    "shares": {
        "filterfleet keys": (
            "mkdir /mnt/lab /srv/lab && mount --bind /mnt/lab /srv/lab",
            "cp -r in /mnt/lab/in",
        ),
    },
}

# What somebody types while the command runs that begins so.
TYPED: dict[str, dict[str, tuple[str, ...]]] = {
    "cloud/google-drive": {
        "rclone config": ("n", "gdrive", "drive", "ID", "SECRET", "drive", "", "n", "y", "n", "y", "q"),
    },
    "cloud/s3": {"read": (SECRET,)},
    "cloud/sftp": {"read": (SECRET,)},
    "cloud/webdav": {"read": (SECRET,)},
}

# What tells that the command that begins so has done what the page says.
AFTERWARDS: dict[str, dict[str, tuple[str, ...]]] = {
    "README": {"filterfleet up --source s3": ("until test -e drive/Results/edges/photo.jpg.png; do sleep 0.1; done",)},
    "cloud/google-drive": {
        "filterfleet up": ("until rclone lsf gdrive:Results/edges/trip | grep a.jpg.png; do sleep 0.1; done",),
        "rclone authorize": ("cat ../*.log | grep '\"access_token\":'",),
        "rclone config": ('test "$(rclone lsf gdrive:)" = Photos/',),
        "rclone config create": ('test "$(rclone lsf gdrive:)" = Photos/',),
        "rclone lsf": ('test "$(rclone lsf gdrive:)" = Photos/',),
    },
    "cloud/hints": {
        "filterfleet listener --source s3": (
            "rclone copyto photo.jpg s3:photos/in/trip/a.jpg",
            """curl --fail --silent -d '{"path": "trip/a.jpg"}' http://127.0.0.1:8900/""",
            results("out"),
        )
    },
    "cloud/index": {
        'filterfleet up --source ":s3': (results("out"),),
        "filterfleet up --source 'nas": (results("/srv/results"),),
        "filterfleet up --source s3": (results("nas/results"),),
    },
    "cloud/local": {
        "filterfleet up --source ~/in --output s3": (results("served/results"),),
        "filterfleet up --source s3": (results("/mnt/nas/results", "incoming/trip/a.jpg"),),
    },
    "cloud/s3": {
        "filterfleet up --source s3": (results("served/results"),),
        "filterfleet up --source trial": (results("served/results", "coffee.jpg"),),
        "rclone lsf": ('test "$(rclone lsf s3:photos)" = incoming/',),
    },
    "cloud/sftp": {
        "filterfleet up --source nas:/srv": (results("nas/results"), "rclone purge nas:results"),
        "filterfleet up --source nas:photos": (results("nas/results"),),
        "rclone config create": ('test "$(rclone lsf nas:photos)" = incoming/',),
        "read": ('test "$(rclone lsf nas,key_file=:photos)" = incoming/',),  # without the key
    },
    "cloud/webdav": {
        "filterfleet up": (results("files/Results"),),
        "read": ('test "$(rclone lsf cloud:)" = Photos/',),
    },
    "engines": {"filterfleet run in out --engine dask --scheduler": (results("out"),)},
    "performance": {"filterfleet bench report": ("test -s report/analysis.html",)},
    "recipes": {
        "find": ("test -s /srv/www/iiif/$(sha256sum photo.jpg | head -c 64)/info.json",),
        "unzip": ("test -s /srv/www/map/image/image.dzi && test -s /srv/www/map/image/image_files/0/0_0.jpg",),
    },
    "shares": {
        "filterfleet worker": (
            results("/mnt/lab/out"),
            "cat ../*.log | grep 'images by reference'",
            "! cat ../*.log | grep -E 'comes by value|cannot be'",
        )
    },
}

PROGRAMS = {"cloud/sftp": ("ssh-keygen", "ssh-keyscan"), "recipes": ("unzip",)}

# They begin with the command that everything else on them is for.
PURPOSE_FIRST = {"cloud/google-drive", "cloud/s3", "cloud/sftp", "cloud/webdav"}
