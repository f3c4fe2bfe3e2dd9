#!/usr/bin/env bash
# Verify the chain of every stream in a dump of topics, one JSON object a line, with nothing but bash 4, jq and sha256sum.
#
#   hamkke events tail --json --from-start --limit 1000 > facts.ndjson
#   bash verify_chain.sh facts.ndjson
#
# A dump holds the data as JSON, not as the bytes of the record; its canonical form (sorted keys, no spaces) is those bytes.
set -euo pipefail
[ $# = 1 ] || { echo "usage: verify_chain.sh FACTS.ndjson" >&2; exit 2; }

# Three lines for each event: stream|version|previous hash|hash, the hashed attributes, the data; both canonical JSON
three_lines='
  ["id", "source", "type", "subject", "time", "recordedtime", "dataschema", "streamversion",
   "projectid", "actorref", "traceparent", "correlationid", "causationid"] as $hashed
  | if .unreadable then "|\(.topic)[\(.partition)]@\(.offset)||", {}, {}
    else ([.subject, .streamversion, .prevhash, .hash] | join("|")),
         with_entries(select(.key as $name | $hashed | index($name))), .data
    end'

declare -A version_of=() hash_of=()
events=0 misfits=0
misfit() { echo "does not fit: $1" >&2; misfits=$((misfits + 1)); }

while IFS='|' read -r stream version prev own && IFS= read -r attributes && IFS= read -r data; do
  if [ -z "$stream" ]; then misfit "$version: not an event"; continue; fi
  computed=$(printf '%s\n%s\n%s' "$prev" "$attributes" "$data" | sha256sum)
  last=${version_of[$stream]:-0}
  if [ "${computed%% *}" != "$own" ]; then misfit "$stream@$version is not what its own hash says"
  elif [ "$version" -le "$last" ]; then
    if [ "${hash_of[$stream@$version]}" != "$own" ]; then misfit "there is another $stream@$version"; fi
  elif [ "$version" -gt $((last + 1)) ]; then misfit "$stream@$version comes after version $last"
  elif [ "$prev" != "${hash_of[$stream@$last]:-}" ]; then misfit "$stream@$version does not follow the version before"
  else version_of[$stream]=$version hash_of[$stream@$version]=$own events=$((events + 1))
  fi
done < <(jq --raw-output --compact-output --sort-keys "$three_lines" "$1" ||
  printf '%s\n' "|the rest of $1||" '{}' '{}') # cut off, or not JSON

echo "$events events of ${#version_of[@]} streams fit; $misfits records do not."
[ "$misfits" = 0 ]
