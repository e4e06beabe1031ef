#!/usr/bin/env bash
# csv-diff 1.2 and csvdiff 0.3.3, beside daff 1.4.2, on Python 3.11; seen 2026-11-29.
#
# Two reports of one day are compared by their bookings: has anything changed since last night? One would guess that a booking with
# two lines, one for its money and one for its credits, is compared line by line, or that a key which is not unique is refused. Two
# of three keep each booking's last line and throw the others away before they look: a refund that has failed since is no
# difference, in their words and in their exit code.
#
# Output seen (20.00 of a booking's money has failed since, its 5 credits have not):
SEEN='csv-diff --key booking_id: nothing
csv-diff --key refund_id: 1 row changed
csvdiff booking_id: {"_index": ["booking_id"], "added": [], "changed": [], "removed": []}
daff --id booking_id: r-1,booking 1,payment,20.00,succeeded->failed'
# What we do: a refund's line in the audit has a refund_id of its own; docs/integrating.md says to compare by it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv tools
tools/bin/pip -q install csv-diff==1.2 csvdiff==0.3.3 daff==1.4.2 2>pip.log
cat >night.csv <<'END'
refund_id,booking_id,method,amount,status
r-1,booking 1,payment,20.00,succeeded
r-2,booking 1,credit,5.00,succeeded
r-3,booking 2,payment,9.00,succeeded
END
sed '/^r-1/s/succeeded/failed/' night.csv >morning.csv
said() { local text; text=$("$@"); echo "${text:-nothing}"; }
{
  echo "csv-diff --key booking_id: $(said tools/bin/csv-diff night.csv morning.csv --key booking_id)"
  echo "csv-diff --key refund_id: $(said tools/bin/csv-diff night.csv morning.csv --key refund_id | head -n 1)"
  echo "csvdiff booking_id: $(said tools/bin/csvdiff booking_id night.csv morning.csv)"
  echo "daff --id booking_id: $(tools/bin/daff diff --id booking_id night.csv morning.csv | sed -n 's/^->,//p')"
} | tee seen
diff seen <(echo "$SEEN")
