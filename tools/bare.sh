#!/bin/sh
# The README's two commands on a bare machine: a fresh clone of what is
# committed, and a PATH without bubblewrap, chromium, npm and PostgreSQL.
set -eu
bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT
mkdir "$bare/bin"
echo "$PATH" | tr : '\n' | while read -r place; do # the first of a name counts
  find "$place/" -mindepth 1 -maxdepth 1 -exec ln -s -t "$bare/bin" {} + \
    2>/dev/null || :
done
cd "$bare/bin"
rm -f bwrap chromium* npm initdb pg_*
cd "$OLDPWD"
git clone --quiet . "$bare/Bücher [2030]" # a name that has everything
cd "$bare/Bücher [2030]"
unset CI
PATH=$bare/bin
make book && make test
