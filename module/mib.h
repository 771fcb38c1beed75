/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of a network namespace, per CPU. One list: the enum, the names in
 * /proc/net/tern/snmp and the documentation follow it. TCP's name where TCP
 * has the counter.
 */
#ifndef _TERN_MIB_H
#define _TERN_MIB_H

#include <linux/types.h>

struct net;

#define TERN_MIB_LIST(X) \
	X(ActiveOpens) X(PassiveOpens) X(AttemptFails) X(EstabResets) X(CurrEstab) \
	X(InSegs) X(OutSegs) X(RetransSegs) X(InErrs) X(OutRsts) \
	X(InCsumErrs) X(InHdrErrs) X(InTagErrs) X(InNoPorts) \
	X(ListenOverflows) X(ListenDrops) X(SynDrops) \
	X(TWs) X(TWRecycled) X(TWKilled) X(TWOverflow) \
	X(PAWSDrops) X(OutOfWindow) X(ChallengeACKs) \
	X(DelayedACKs) X(DupACKsSent) \
	X(OFOQueue) X(OFOMerge) X(OFOPruned) X(OFODrop) X(DupSegs) \
	X(PruneCalled) X(RcvCollapsed) X(RcvPruned) X(RcvQDrop) X(BacklogDrop) \
	X(SACKSent) X(SACKRecv) X(SACKDiscard) X(SACKReneging) X(DSACKSent) X(DSACKRecv) \
	X(InCE) X(ECNReduced) X(FastRetrans) X(LostSegs) X(Timeouts) \
	X(OrigDataSent) X(Delivered) X(DeliveredCE) X(SynRetrans) X(SlowStartRetrans) \
	X(SackRecovery) X(SackRecoveryFail) X(SackFailures) X(LossFailures) X(LostRetransmit) \
	X(RetransFail) X(WqueueTooBig) X(TimeoutRehash) X(SpuriousRtxHostQueues) \
	X(SpuriousRTOs) X(PartialUndo) \
	X(DSACKOfoSent) X(DSACKOfoRecv) X(DSACKRecvSegs) X(DSACKIgnoredDubious) \
	X(DSACKIgnoredNoUndo) \
	X(HystartDelayDetect) X(HystartDelayCwnd) \
	X(LossProbes) X(LossProbeRecovery) \
	X(ReorderSeen) X(FullUndo) X(LossUndo) X(DSACKUndo) \
	X(ZeroWindowAdv) X(ZeroWindowProbes) X(KeepAlives) \
	X(AbortOnData) X(AbortOnClose) X(AbortOnTimeout) X(AbortOnMemory) \
	X(MemoryPressures) X(MemoryPressuresChrono) X(AbortOnLinger) X(Orphans) \
	X(MTUPFail) X(MTUPSuccess) X(MTUProbes) X(IcmpIgnored) X(FilterDrops) X(NoMemory)

#define TERN_MIB_ENUM(name) TERN_MIB_##name,
enum tern_mib_field {
	TERN_MIB_LIST(TERN_MIB_ENUM)
	TERN_MIB_MAX
};

struct tern_mib {
	unsigned long counter[TERN_MIB_MAX];
};

extern const char *const tern_mib_names[TERN_MIB_MAX];

struct tern_mib __percpu *tern_mib_of(const struct net *net);
unsigned long tern_mib_read(const struct net *net, enum tern_mib_field field);

#define tern_mib_add(net, name, n) \
	this_cpu_add(tern_mib_of(net)->counter[TERN_MIB_##name], n)
#define tern_mib_count(net, field) \
	this_cpu_add(tern_mib_of(net)->counter[field], 1)
#define tern_mib_inc(net, name)	tern_mib_add(net, name, 1)
#define tern_mib_dec(net, name)	tern_mib_add(net, name, -1UL)

#endif
