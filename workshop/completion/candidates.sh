#!/bin/sh
# What can stand next on a command line of npm: candidates.sh WORDS… gets the words after npm, the last one as far as
# it is typed. Prints a candidate a line, with a tab and what it is. `:files` stands for the names of files.
#
# Status 1: this is no command of the workshop, or no folder of it. Then npm's own completion knows more.
#
# Everything is read from the checkout that one stands in, so it is never out of date: options from the help of the
# commands, levels from their folders. For the shells of all systems: nothing but POSIX sh and awk.
set -u
tab=$(printf '\t')

# The nearest package.json is the one that npm takes.
root=$PWD
while [ ! -f "$root/package.json" ]; do
  [ "$root" != / ] && [ -n "$root" ] || exit 1
  root=${root%/*}
  root=${root:-/}
done
grep -q '^  "name": "boxwright",$' "$root/package.json" || exit 1

scripts() {
  awk '/^  "scripts": \{/ { inside = 1; next } inside && /^  \}/ { exit } inside { split($0, part, "\""); print part[2] }' \
    "$root/package.json" | while read -r name; do
    # `// npm run check [level]: grades a level` says what it is.
    says=''
    [ ! -f "$root/workshop/cli/$name.ts" ] || says=$(sed -n '1s/^[^:]*: *//p' "$root/workshop/cli/$name.ts")
    echo "$name$tab$says"
  done
}

# The options of a help text: name, tab, what it takes, tab, what it is.
options() {
  awk '/^  (-[a-z], )?--[a-z]/ {
    sub(/^  (-[a-z], )?/, "")
    match($0, /  +/)
    if (RSTART == 0) next
    split(substr($0, 1, RSTART - 1), word, " ")
    says = substr($0, RSTART + RLENGTH)
    # What only the program knows.
    sub(/ \(\$\{.*\)$/, "", says)
    print word[1] "\t" word[2] "\t" says
  }' "$root/$1"
}

levels() {
  for level in "$root"/levels/[0-9][0-9]-*; do
    name=${level##*/}
    number=${name%%-*}
    case $1 in
      [0-9]*) echo "$number$tab${name#*-}" ;;
      '' | l*) echo "level-$number$tab${name#*-}" ;;
      *) echo "${name#*-}$tab""level-$number" ;;
    esac
  done
}

# The folder of the level that is called so.
folder_of() {
  word=${1#level-}
  for level in "$root"/levels/[0-9][0-9]-*; do
    name=${level##*/}
    case $word in
      "$name" | "${name%%-*}" | "${name#*-}") echo "$level" ;;
    esac
    [ "0$word" != "${name%%-*}" ] || echo "$level"
  done
}

# npm's own options may stand anywhere before the script.
while [ $# -gt 1 ] && [ "${1#-}" != "$1" ]; do shift; done
[ $# -gt 1 ] || exit 1
case $1 in run | run-script) shift ;; *) exit 1 ;; esac
while [ $# -gt 1 ] && [ "${1#-}" != "$1" ]; do shift; done
if [ $# = 1 ]; then
  # Its own options npm knows better.
  [ "${1#-}" = "$1" ] || exit 1
  scripts
  exit
fi
script=$1
shift
[ -f "$root/workshop/cli/$script.ts" ] || exit 1

help=workshop/cli/$script.ts
takes_level=''
case $script in check | watch | hint | trace | diff | reset | demo | box) takes_level=yes ;; esac

# What was typed before the word that is completed.
dashes='' level='' verb='' takes=''
while [ $# -gt 1 ]; do
  if [ -n "$takes" ]; then
    takes=''
  elif [ "$1" = -- ] && [ -z "$dashes" ]; then
    dashes=yes
  elif [ "${1#-}" != "$1" ]; then
    takes=$(options "$help" | awk -F '\t' -v name="$1" '$1 == name { print $2 }')
    case $1 in -i | --image) takes=IMAGE ;; -e) takes=NAME=VALUE ;; esac
  elif [ -n "$takes_level" ] && [ -z "$level" ]; then
    level=$1
  elif [ "$script" = box ] && [ -z "$verb" ]; then
    verb=$1
    [ "$verb" != run ] || help=workshop/command-line.ts
  else
    # The command that box.ts is to run: its words are nobody's here.
    case $script in box | trace) echo :files; exit ;; esac
  fi
  shift
done
current=$1

case $takes in
  '') ;;
  FILE | PATH | DIR | FOLDER) echo :files; exit ;;
  LEVEL) levels "$current"; exit ;;
  IMAGE) printf 'busybox\ndebian\n'; exit ;;
  *) exit ;;
esac
shown_options() { options "$help" | awk -F '\t' '{ print $1 "\t" $3 }'; }

case $current in
  -*)
    # npm takes what looks like an option for its own, up to two dashes.
    if [ -n "$dashes" ]; then shown_options; else echo "--${tab}what follows is for $script, and not for npm"; fi
    exit
    ;;
esac
if [ "$script" = box ]; then
  if [ -z "$dashes" ]; then
    echo "--${tab}what follows is for box, and not for npm"
  elif [ -z "$level" ]; then
    levels "$current"
  elif [ -z "$verb" ]; then
    printf 'run\tstarts your box.ts\nhost\ta shell on the disposable host\n'
  else
    echo :files
  fi
  exit
fi
if [ -n "$takes_level" ] && [ -z "$level" ]; then
  levels "$current"
  exit
elif [ "$script" = trace ] && [ -n "$dashes" ]; then
  echo :files
  exit
elif [ "$script" = hint ]; then
  folder=$(folder_of "$level")
  [ -z "$folder" ] || sed -nE "s/^check\\('([0-9.]+)', ['\"\`](.*)['\"\`], \\{\$/\\1$tab\\2/p" "$folder/grade.test.ts"
  exit
fi
# The help of a command that takes a folder names it first.
if grep -q "Usage: npm run $script -- FOLDER" "$root/$help" && [ -n "$dashes" ]; then
  echo :files
elif [ -n "$dashes" ]; then
  shown_options
elif [ "$script" = trace ] || [ -n "$(options "$help")" ]; then
  echo "--${tab}what follows is for $script, and not for npm"
fi
