"""systemd units for this machine: what belongs into which file, and how the files get there."""
