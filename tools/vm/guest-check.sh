# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# In the test machine, with the module loaded: runs the selftests (the command
# is given) and prints which edges of the state table they took, for ktap.py.

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
	awk 'NF == 4 { taken[$1 " " $2 " " $3] += $4 }
	END {
		for (edge in taken)
			print "edge: " edge ": " (taken[edge] ? "taken" : "not taken")
	}' "${edges[@]}" | sort
fi
exit $status
