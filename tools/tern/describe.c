// SPDX-License-Identifier: GPL-2.0
/*
 * What tern ss says of a socket besides its addresses: as ss(8) writes it, or
 * as members of a JSON object. Of the numbers that both print the name is the
 * same, and people are spared those that are 0.
 */
#include <string.h>

#include <linux/sock_diag.h>

#include "tool.h"

static bool json;	/* what is being written */
static bool numbers;	/* rates in full */

/* bytes of the UTF-8 character at the beginning; 0 if it is none, of names anybody chose */
static int utf8_length(const unsigned char *text)
{
	int n = text[0] < 0x80 ? 1 : text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 :
		text[0] < 0xf0 ? 3 : text[0] < 0xf5 ? 4 : 0;

	for (int i = 1; i < n; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* longer than need be, halves of pairs, and beyond the last */
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return n;
}

void json_string(const char *text)
{
	putchar('"');
	while (*text) {
		int n = utf8_length((const unsigned char *)text);

		if (!n)
			printf("\\ufffd");
		else if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < ' ')
			printf("\\u%04x", *text);
		else
			fwrite(text, n, 1, stdout);
		text += n ? n : 1;
	}
	putchar('"');
}

static void put_number(const char *name, unsigned long long value)
{
	if (json)
		printf(",\"%s\":%llu", name, value);
	else if (value)
		printf(" %s:%llu", name, value);
}

static void put_ms(const char *name, unsigned int us)
{
	if (json)
		printf(",\"%s\":%.10g", name, us / 1000.0);
	else if (us)
		printf(" %s:%g", name, us / 1000.0);
}

static void put_flag(const char *name, bool value)
{
	if (json)
		printf(",\"%s\":%s", name, value ? "true" : "false");
	else if (value)
		printf(" %s", name);
}

static void put_bps(double bps)
{
	if (numbers)
		printf("%.0f", bps);
	else if (bps > 1e6)
		printf("%.1fM", bps / 1e6);
	else if (bps > 1e3)
		printf("%.1fK", bps / 1e3);
	else
		printf("%g", bps);
	printf("bps");
}

/* In bytes a second, 0 or ~0 where there is none. */
static void put_rate(const char *name, unsigned long long rate)
{
	if (!rate || rate == ~0ULL)
		return;
	if (json) {
		printf(",\"%s\":%llu", name, rate * 8);
	} else {
		printf(" %s ", name);
		put_bps(rate * 8.0);
	}
}

/* Microseconds of @whole. */
static void put_share(const char *name, unsigned long long part, unsigned long long whole)
{
	if (json)
		put_number(name, part / 1000);
	else if (part)
		printf(" %s:%llums(%.1f%%)", name, part / 1000, 100.0 * part / whole);
}

static const char *duration(char *text, size_t size, unsigned int ms)
{
	unsigned int s = ms / 1000 % 60, min = ms / 60000;
	int n = 0;

	*text = '\0';
	if (min)
		n = snprintf(text, size, "%umin", min);
	if (s && min <= 9)
		n += snprintf(text + n, size - n, min || s > 9 || ms % 1000 == 0 ? "%usec" : "%u.",
			      s);
	if (!min && s <= 9 && ms % 1000)
		snprintf(text + n, size - n, "%03ums", ms % 1000);
	return text;
}

static void put_timer(const struct inet_diag_msg *msg)
{
	static const char * const names[] = {
		"off", "on", "keepalive", "timewait", "persist", "unknown",
	};
	size_t timer = msg->idiag_timer < 5 ? msg->idiag_timer : 5;
	char text[32];

	if (!timer)
		return;
	if (json)
		printf(",\"timer\":{\"name\":\"%s\",\"expires\":%u,\"retrans\":%u}", names[timer],
		       msg->idiag_expires, msg->idiag_retrans);
	else
		printf(" timer:(%s,%s,%u)", names[timer],
		       duration(text, sizeof(text), msg->idiag_expires), msg->idiag_retrans);
}

/* One that is not below the mount that is seen here has its number. */
static void put_cgroup(unsigned long long id)
{
	const char *path = cgroup_path(id);
	char number[32];

	if (!path) {
		snprintf(number, sizeof(number), "unreachable:%llx", id);
		path = number;
	}
	if (json) {
		printf(",\"cgroup\":");
		json_string(path);
	} else {
		printf(" cgroup:%s", path);
	}
}

static void put_details(const struct sock_desc *desc)
{
	const struct inet_diag_msg *msg = &desc->msg;
	unsigned long long cookie = (unsigned long long)msg->id.idiag_cookie[1] << 32 |
				    msg->id.idiag_cookie[0];

	put_number("uid", msg->idiag_uid);
	if (json) {
		printf(",\"ino\":%u,\"sk\":\"%llx\"", msg->idiag_inode, cookie);
		put_number("fwmark", desc->mark);
		if (desc->cgroup)
			put_cgroup(desc->cgroup);
		put_flag("v6only", desc->v6only);
		if (desc->shutdown >= 0)
			printf(",\"shutdown\":%d", desc->shutdown);
		return;
	}
	printf(" ino:%u sk:%llx", msg->idiag_inode, cookie);
	if (desc->mark)
		printf(" fwmark:0x%x", desc->mark);
	if (desc->cgroup)
		put_cgroup(desc->cgroup);
	if (msg->idiag_family == AF_INET6 && msg->idiag_state == SS_LISTEN)
		printf(" v6only:%d", desc->v6only);
	if (desc->shutdown >= 0)
		printf(" %c-%c", desc->shutdown & 1 ? '-' : '<', desc->shutdown & 2 ? '-' : '>');
}

static void put_memory(const struct sock_desc *desc)
{
	static const struct {
		int index;
		const char *name;
	} parts[] = {
		{ SK_MEMINFO_RMEM_ALLOC, "r" },
		{ SK_MEMINFO_RCVBUF, "rb" },
		{ SK_MEMINFO_WMEM_ALLOC, "t" },
		{ SK_MEMINFO_SNDBUF, "tb" },
		{ SK_MEMINFO_FWD_ALLOC, "f" },
		{ SK_MEMINFO_WMEM_QUEUED, "w" },
		{ SK_MEMINFO_OPTMEM, "o" },
		{ SK_MEMINFO_BACKLOG, "bl" },
		{ SK_MEMINFO_DROPS, "d" },
	};

	if (desc->n_memory < ARRAY_SIZE(parts))
		return;
	printf(json ? ",\"skmem\":{" : " skmem:(");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		printf(json ? "%s\"%s\":%u" : "%s%s%u", i ? "," : "", parts[i].name,
		       desc->memory[parts[i].index]);
	putchar(json ? '}' : ')');
}

static void put_rtt(const struct tcp_info *info)
{
	if (json) {
		put_ms("rtt", info->tcpi_rtt);
		put_ms("rttvar", info->tcpi_rttvar);
	} else if (info->tcpi_rtt) {
		printf(" rtt:%g/%g", info->tcpi_rtt / 1000.0, info->tcpi_rttvar / 1000.0);
	}
}

static void put_traffic(const struct tcp_info *info)
{
	put_number("bytes_sent", info->tcpi_bytes_sent);
	put_number("bytes_retrans", info->tcpi_bytes_retrans);
	put_number("bytes_acked", info->tcpi_bytes_acked);
	put_number("bytes_received", info->tcpi_bytes_received);
	put_number("segs_out", info->tcpi_segs_out);
	put_number("segs_in", info->tcpi_segs_in);
	put_number("data_segs_out", info->tcpi_data_segs_out);
	put_number("data_segs_in", info->tcpi_data_segs_in);
	if (info->tcpi_rtt && info->tcpi_snd_mss && info->tcpi_snd_cwnd)
		put_rate("send", 1e6 * info->tcpi_snd_cwnd * info->tcpi_snd_mss / info->tcpi_rtt);
	put_number("lastsnd", info->tcpi_last_data_sent);
	put_number("lastrcv", info->tcpi_last_data_recv);
	put_number("lastack", info->tcpi_last_ack_recv);
	put_rate("pacing_rate", info->tcpi_pacing_rate);
	if (json) {
		put_rate("max_pacing_rate", info->tcpi_max_pacing_rate);
	} else if (info->tcpi_pacing_rate != ~0ULL && info->tcpi_max_pacing_rate != ~0ULL) {
		putchar('/');
		put_bps(info->tcpi_max_pacing_rate * 8.0);
	}
	put_rate("delivery_rate", info->tcpi_delivery_rate);
	put_number("delivered", info->tcpi_delivered);
	put_number("delivered_ce", info->tcpi_delivered_ce);
	put_flag("app_limited", info->tcpi_delivery_rate_app_limited);
}

static void put_recovery(const struct tcp_info *info)
{
	if (json)
		put_number("busy", info->tcpi_busy_time / 1000);
	else if (info->tcpi_busy_time)
		printf(" busy:%llums", (unsigned long long)info->tcpi_busy_time / 1000);
	put_share("rwnd_limited", info->tcpi_rwnd_limited, info->tcpi_busy_time);
	put_share("sndbuf_limited", info->tcpi_sndbuf_limited, info->tcpi_busy_time);
	put_number("unacked", info->tcpi_unacked);
	if (json) {
		put_number("retrans", info->tcpi_retrans);
		put_number("retrans_total", info->tcpi_total_retrans);
	} else if (info->tcpi_retrans || info->tcpi_total_retrans) {
		printf(" retrans:%u/%u", info->tcpi_retrans, info->tcpi_total_retrans);
	}
	put_number("lost", info->tcpi_lost);
	put_number("sacked", info->tcpi_sacked);
	put_number("dsack_dups", info->tcpi_dsack_dups);
	/* ss(8) has this where it is not what each connection begins with */
	if (json || info->tcpi_reordering != 3)
		put_number("reordering", info->tcpi_reordering);
	put_number("reord_seen", info->tcpi_reord_seen);
	put_ms("rcv_rtt", info->tcpi_rcv_rtt);
	put_number("rcv_space", info->tcpi_rcv_space);
	put_number("rcv_ssthresh", info->tcpi_rcv_ssthresh);
	put_number("notsent", info->tcpi_notsent_bytes);
	if (info->tcpi_min_rtt != ~0U)
		put_ms("minrtt", info->tcpi_min_rtt);
	put_number("rcv_ooopack", info->tcpi_rcv_ooopack);
	put_number("snd_wnd", info->tcpi_snd_wnd);
}

static void put_info(const struct sock_desc *desc)
{
	const struct tcp_info *info = &desc->info;

	put_flag("ts", info->tcpi_options & TCPI_OPT_TIMESTAMPS);
	put_flag("sack", info->tcpi_options & TCPI_OPT_SACK);
	put_flag("ecn", info->tcpi_options & TCPI_OPT_ECN);
	if (json) {
		printf(",\"congestion\":");
		json_string(desc->congestion);
	} else {
		printf(" %s", desc->congestion);
	}
	if (desc->msg.idiag_state == SS_LISTEN)
		return;		/* nothing has been measured */
	put_ms("rto", info->tcpi_rto);
	put_number("backoff", info->tcpi_backoff);
	put_rtt(info);
	put_ms("ato", info->tcpi_ato);
	put_number("mss", info->tcpi_snd_mss);
	put_number("pmtu", info->tcpi_pmtu);
	put_number("rcvmss", info->tcpi_rcv_mss);
	put_number("advmss", info->tcpi_advmss);
	put_number("cwnd", info->tcpi_snd_cwnd);
	if (info->tcpi_snd_ssthresh < 0x7fffffff)
		put_number("ssthresh", info->tcpi_snd_ssthresh);
	put_traffic(info);
	put_recovery(info);
}

static void describe(const struct sock_desc *desc, int show)
{
	numbers = show & SHOW_NUMBERS;
	if (show & SHOW_TIMER)
		put_timer(&desc->msg);
	if (show & SHOW_DETAILS)
		put_details(desc);
	if (!json && show & (SHOW_MEMORY | SHOW_INFO) && !(show & SHOW_ONE_LINE))
		printf("\n\t");
	if (show & SHOW_MEMORY)
		put_memory(desc);
	if (show & SHOW_INFO && desc->has_info)
		put_info(desc);
}

/**
 * describe_text() - as ss(8) does, a blank before each item
 * @desc: of the socket
 * @show: SHOW_*
 */
void describe_text(const struct sock_desc *desc, int show)
{
	json = false;
	describe(desc, show);
}

/**
 * describe_json() - members of an object, a comma before each
 * @desc: of the socket
 * @show: SHOW_*
 */
void describe_json(const struct sock_desc *desc, int show)
{
	json = true;
	describe(desc, show);
}
