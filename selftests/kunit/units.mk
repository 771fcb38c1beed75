# SPDX-License-Identifier: GPL-2.0
#
# The files of module/ that are under test. The tests are all that is here:
# a suite for another one is a file NAME_test.c, and a word in this line.

units := rtt wire prr hystart cubic newreno dctcp rate rtxqueue scoreboard rack tlp undo
