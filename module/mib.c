// SPDX-License-Identifier: GPL-2.0
/*
 * Reading of the per-namespace counters. They are counted in place by the
 * macros of mib.h, from any context and under no lock.
 */
#include <linux/percpu.h>
#include <linux/stringify.h>

#include "mib.h"
#include "netns.h"

#define NAME(name) __stringify(name),
const char *const tern_mib_names[TERN_MIB_MAX] = { TERN_MIB_LIST(NAME) };

/**
 * tern_mib_of - the counters of a namespace
 * @net: namespace
 *
 * Return: per-CPU pointer, valid while the module is.
 */
struct tern_mib __percpu *tern_mib_of(const struct net *net)
{
	return tern_net(net)->mib;
}

/**
 * tern_mib_read - sum of a counter over all CPUs
 * @net: namespace
 * @field: which counter
 *
 * Return: the sum; a snapshot, CPUs are not stopped.
 */
unsigned long tern_mib_read(const struct net *net, enum tern_mib_field field)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(tern_net(net)->mib, cpu)->counter[field];
	return sum;
}
