"""What tests say that need a browser where there is none."""

ABSENT = "chromium is not installed (Debian: `apt-get install chromium`)"
