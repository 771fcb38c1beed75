# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# In the test machine, with the module loaded: runs the selftests (the command
# is given) and prints the edges of the state table that no test took.

# A test that unloads the module saves the counts before, in such a file.
rm -f /tmp/tern-edges.*

"$@"
status=$?

# "STATE EVENT NEXT COUNT" each
edges=(/tmp/tern-edges.*)
[ -e "${edges[0]}" ] || edges=()
if [ -e /proc/net/tern/transitions ]; then
	edges+=(/proc/net/tern/transitions)
fi
if [ ${#edges[@]} -gt 0 ]; then
	echo
	awk '
	NF == 4 {
		edge = $1 " " $2 " " $3
		if (!(edge in taken))
			order[++all] = edge
		taken[edge] += $4
	}
	END {
		for (i = 1; i <= all; i++)
			missing += !taken[order[i]]
		printf "State table: %d of %d edges taken\n", all - missing, all
		for (i = 1; i <= all; i++)
			if (!taken[order[i]])
				print "  not taken: " order[i]
	}' "${edges[@]}"
fi
exit $status
