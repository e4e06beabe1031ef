#!/usr/bin/env bash
# csvkit 2.2.0 (agate 1.14.2), on Python 3.11; seen 2026-11-29.
#
# A bookkeeper sorts the lines of a report, and changes nothing else. One would guess that csvsort moves lines, as csvcut
# leaves out columns and csvgrep lines. It writes every cell anew, by what it takes its column for: credits that are all 0 or 1 are
# True and False, so that their sum is gone; the id 007 is 7 and 1e5 is 1E+5, which no other report knows; a reason "none" or "n/a"
# is empty. It depends on the other cells: one line with 2 credits, or one id with a letter, and that column is left alone; to switch that off leaves none to be emptied.
#
# Output seen:
SEEN='csvcut: 007,20.00,1,none 1e5,5.50,0,rain
csvgrep: 007,20.00,1,none
csvsort: 7,20.00,True, 1E+5,5.50,False,rain
csvsort, and a third line with 2 credits: 7,20.00,1, 12,8.00,2,rain 1E+5,5.50,0,rain
csvsort --no-inference: 007,20.00,1, 1e5,5.50,0,rain
csvsort --no-inference --blanks: 007,20.00,1,none 1e5,5.50,0,rain'
# What we do: the CSV quotes no numbers and has no types to keep; docs/integrating.md says how to sort it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv tools
tools/bin/pip -q install csvkit==2.2.0 agate==1.14.2 2>pip.log
printf 'session_id,amount,credits,reason\n007,20.00,1,none\n1e5,5.50,0,rain\n' >report.csv
cp report.csv longer.csv
echo '12,8.00,2,rain' >>longer.csv
show() { # $1: what it is called, then the command; its lines without the header
  echo "$1:" $("${@:2}" | tail -n +2)
}
{
  show csvcut tools/bin/csvcut -c session_id,amount,credits,reason report.csv
  show csvgrep tools/bin/csvgrep -c amount -m 20 report.csv
  show csvsort tools/bin/csvsort -c session_id report.csv
  show 'csvsort, and a third line with 2 credits' tools/bin/csvsort -c session_id longer.csv
  show 'csvsort --no-inference' tools/bin/csvsort --no-inference -c session_id report.csv
  show 'csvsort --no-inference --blanks' tools/bin/csvsort --no-inference --blanks -c session_id report.csv
} | tee seen
diff seen <(echo "$SEEN")
