// SPDX-License-Identifier: GPL-2.0
/*
 * sock_diag(7): what the kernel tells of sockets, which it finds, by which
 * filters, and how it ends them. Where TCP has the same, TCP is asked the same.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include "tern_test.h"

#define ALL	0xffeu
#define MAX	400
#define EXTS	(1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1) |	\
		 1 << (INET_DIAG_MEMINFO - 1) | 1 << (INET_DIAG_SKMEMINFO - 1) |	\
		 1 << (INET_DIAG_TOS - 1))
/* where struct tcp_info has these: libc's and the kernel's cannot both be included */
#define TCPI_STATE	0
#define TCPI_SND_MSS	16
#define SHUT_RECEIVE	1

DOOR_FIXTURE(diag);

struct seen {
	struct inet_diag_msg msg;
	unsigned int attrs;		/* a bit for each type below 32 */
	unsigned char info[512];
	char cong[16];
	int shutdown;
	unsigned int mark;
	unsigned int skmem[16];
};

struct seen_all {
	int n;
	struct seen at[MAX];
};

static struct seen_all all;

struct request {
	struct nlmsghdr nlh;
	struct inet_diag_req_v2 req;
	char attrs[128];
};

static unsigned int u32_of(const void *p)
{
	unsigned int value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static void take_attr(struct seen *s, const struct rtattr *attr)
{
	size_t size = RTA_PAYLOAD(attr);

	if (attr->rta_type < 32)
		s->attrs |= 1u << attr->rta_type;
	switch (attr->rta_type) {
	case INET_DIAG_INFO:
		memcpy(s->info, RTA_DATA(attr), size < sizeof(s->info) ? size : sizeof(s->info));
		break;
	case INET_DIAG_CONG:
		snprintf(s->cong, sizeof(s->cong), "%s", (const char *)RTA_DATA(attr));
		break;
	case INET_DIAG_SHUTDOWN:
		s->shutdown = *(unsigned char *)RTA_DATA(attr);
		break;
	case INET_DIAG_MARK:
		s->mark = u32_of(RTA_DATA(attr));
		break;
	case INET_DIAG_SKMEMINFO:
		memcpy(s->skmem, RTA_DATA(attr),
		       size < sizeof(s->skmem) ? size : sizeof(s->skmem));
		break;
	}
}

static bool has(const struct seen *s, int attr)
{
	return s->attrs & 1u << attr;
}

static void take(const struct nlmsghdr *nlh)
{
	struct seen *s = &all.at[all.n];
	struct inet_diag_msg *msg = NLMSG_DATA(nlh);
	struct rtattr *attr = (struct rtattr *)(msg + 1);
	int left = NLMSG_PAYLOAD(nlh, sizeof(*msg));

	if (all.n == MAX)
		return;
	memset(s, 0, sizeof(*s));
	s->msg = *msg;
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		take_attr(s, attr);
	all.n++;
}

/* Sends the request; its answers go to @all. 0, or -errno. */
static int ask(struct request *r)
{
	static char buf[65536] __attribute__((aligned(8)));
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	bool more = true, dump = r->nlh.nlmsg_flags & NLM_F_DUMP;
	int err = 0;

	all.n = 0;
	if (fd < 0 || send(fd, r, r->nlh.nlmsg_len, 0) < 0)
		return -errno;
	while (more) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		struct nlmsghdr *nlh = (struct nlmsghdr *)buf;

		if (n <= 0)
			return -errno;
		for (; NLMSG_OK(nlh, n); nlh = NLMSG_NEXT(nlh, n)) {
			if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
				err = *(int *)NLMSG_DATA(nlh);
				more = false;
				break;
			}
			take(nlh);
			more = dump;
		}
	}
	close(fd);
	return err;
}

static struct request request(const struct door *d, int type, int flags, int family)
{
	return (struct request){
		.nlh = {
			.nlmsg_len = offsetof(struct request, attrs),
			.nlmsg_type = type,
			.nlmsg_flags = NLM_F_REQUEST | flags,
		},
		.req = {
			.sdiag_family = family,
			.sdiag_protocol = door_is_tcp(d) ? IPPROTO_TCP : IPPROTO_TERN,
			.idiag_ext = EXTS,
			.idiag_states = ALL,
		},
	};
}

/* sk_family of the door's sockets */
static int family_of(const struct door *d)
{
	return d->family == AF_INET ? AF_INET : AF_INET6;
}

static int dump(const struct door *d, unsigned int states)
{
	struct request r = request(d, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family_of(d));

	r.req.idiag_states = states;
	return ask(&r);
}

static int dump_filtered(const struct door *d, const void *code, size_t size)
{
	struct request r = request(d, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family_of(d));
	struct rtattr *attr = (struct rtattr *)r.attrs;

	attr->rta_type = INET_DIAG_REQ_BYTECODE;
	attr->rta_len = RTA_LENGTH(size);
	memcpy(RTA_DATA(attr), code, size);
	r.nlh.nlmsg_len += RTA_SPACE(size);
	return ask(&r);
}

/* The one that is meant by this description. */
static int get(const struct door *d, const struct inet_diag_msg *msg)
{
	struct request r = request(d, SOCK_DIAG_BY_FAMILY, 0, msg->idiag_family);

	r.req.id = msg->id;
	return ask(&r);
}

static int kill_socket(const struct door *d, const struct inet_diag_msg *msg)
{
	struct request r = request(d, SOCK_DESTROY, NLM_F_ACK, msg->idiag_family);

	r.req.id = msg->id;
	return ask(&r);
}

static int port_of(int fd)
{
	struct addr at = addr_local(fd);

	return addr_port(&at);
}

/* Of what was last dumped: from this port, to that one if not 0. */
static const struct seen *seen(int from, int to)
{
	for (int i = 0; i < all.n; i++)
		if (ntohs(all.at[i].msg.id.idiag_sport) == from &&
		    (!to || ntohs(all.at[i].msg.id.idiag_dport) == to))
			return &all.at[i];
	return NULL;
}

/* A socket as a dump has it. */
static struct seen look_at(const struct door *d, int from, int to)
{
	const struct seen *s = dump(d, ALL) ? NULL : seen(from, to);

	return s ? *s : (struct seen){ 0 };
}

static unsigned long inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

TEST_F(diag, states)
{
	struct addr at;
	int listener, fds[2], near, far;

	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, sock_pair(self->door, fds));
	near = port_of(fds[0]);
	far = port_of(fds[1]);

	EXPECT_EQ(TCP_LISTEN, look_at(self->door, addr_port(&at), 0).msg.idiag_state);
	EXPECT_EQ(TCP_ESTABLISHED, look_at(self->door, near, far).msg.idiag_state);
	EXPECT_EQ(TCP_ESTABLISHED, look_at(self->door, far, near).msg.idiag_state);
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	ASSERT_TRUE(sock_wait_state(fds[0], TCP_FIN_WAIT2));
	EXPECT_EQ(TCP_FIN_WAIT2, look_at(self->door, near, far).msg.idiag_state);
	EXPECT_EQ(TCP_CLOSE_WAIT, look_at(self->door, far, near).msg.idiag_state);
	close(fds[1]);
	close(fds[0]);
	EXPECT_TRUE(wait_until(look_at(self->door, near, far).msg.idiag_state == TCP_TIME_WAIT));
	EXPECT_EQ(3, look_at(self->door, near, far).msg.idiag_timer);
	EXPECT_LT(50000, look_at(self->door, near, far).msg.idiag_expires);
	EXPECT_GE(60000, look_at(self->door, near, far).msg.idiag_expires);

	/* Only those that are asked for. */
	ASSERT_EQ(0, dump(self->door, 1 << TCP_LISTEN));
	EXPECT_EQ(1, all.n);
	ASSERT_EQ(0, dump(self->door, 1 << TCP_ESTABLISHED));
	EXPECT_EQ(0, all.n);
}

TEST_F(diag, handshakes)
{
	struct addr here = addr_host(self->door, 1, 2, 5000);
	struct seen s;
	int peer, fd, port;

	peer = peer_mute(self->door, self->ns);
	ASSERT_LE(0, peer);
	ASSERT_EQ(0, netns_enter(peer));
	ASSERT_LE(0, sock_listen(self->door, &here, 4));
	ASSERT_EQ(0, netns_enter(self->ns));
	fd = door_socket(self->door, SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &here));
	port = port_of(fd);
	s = look_at(self->door, port, 5000);
	EXPECT_EQ(TCP_SYN_SENT, s.msg.idiag_state);
	EXPECT_EQ(1, s.msg.idiag_timer);
	EXPECT_LT(0, s.msg.idiag_expires);
	EXPECT_EQ(0, kill_socket(self->door, &s.msg));
	EXPECT_EQ(ECONNABORTED, sock_get(fd, SOL_SOCKET, SO_ERROR));
	/* TCP takes no SYN that it could not answer. */
	if (door_is_tcp(self->door))
		return;

	ASSERT_EQ(0, netns_enter(peer));
	EXPECT_TRUE(wait_until(look_at(self->door, 5000, port).msg.idiag_state == TCP_SYN_RECV));
	s = look_at(self->door, 5000, port);
	EXPECT_EQ(1, s.msg.idiag_timer);
	EXPECT_EQ(0, s.msg.idiag_inode);
	EXPECT_EQ(0, get(self->door, &s.msg));
	EXPECT_EQ(1, all.n);

	/* A half-open connection can be ended. */
	s = look_at(self->door, 5000, port);
	EXPECT_EQ(0, kill_socket(self->door, &s.msg));
	EXPECT_EQ(-ENOENT, kill_socket(self->door, &s.msg));
}

TEST_F(diag, queues)
{
	struct addr at, there = addr_host(self->door, 1, 2, 5000);
	int peer, listener, fds[2], fd;
	struct seen s;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(3, write(fds[0], "abc", 3));
	EXPECT_TRUE(wait_until(look_at(self->door, port_of(fds[1]), port_of(fds[0]))
			       .msg.idiag_rqueue == 3));
	EXPECT_TRUE(wait_until(!look_at(self->door, port_of(fds[0]), port_of(fds[1]))
			       .msg.idiag_wqueue));

	listener = sock_listen_lo(self->door, &at);
	ASSERT_EQ(0, listen(listener, 7));
	ASSERT_LE(0, sock_dial(self->door, &at));
	EXPECT_LT(0, wait_event(listener, POLLIN));
	s = look_at(self->door, addr_port(&at), 0);
	EXPECT_EQ(1, s.msg.idiag_rqueue);
	EXPECT_EQ(7, s.msg.idiag_wqueue);

	/* What nobody acknowledges stays in the queue, and a timer runs. */
	peer = peer_mute(self->door, self->ns);
	ASSERT_LE(0, peer);
	ASSERT_EQ(0, peer_silence(self->door, peer, false));
	ASSERT_EQ(0, netns_enter(peer));
	ASSERT_LE(0, sock_listen(self->door, &there, 4));
	ASSERT_EQ(0, netns_enter(self->ns));
	fd = sock_dial(self->door, &there);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, sock_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1));
	s = look_at(self->door, port_of(fd), 5000);
	EXPECT_EQ(2, s.msg.idiag_timer);
	EXPECT_LT(7000000, s.msg.idiag_expires);
	ASSERT_EQ(0, peer_silence(self->door, peer, true));
	EXPECT_EQ(5, write(fd, "12345", 5));
	EXPECT_TRUE(wait_until(look_at(self->door, port_of(fd), 5000).msg.idiag_retrans >= 1));
	s = look_at(self->door, port_of(fd), 5000);
	EXPECT_EQ(5, s.msg.idiag_wqueue);
	EXPECT_EQ(1, s.msg.idiag_timer);
}

TEST_F(diag, attributes)
{
	unsigned long long cookie = 0, told;
	socklen_t len = sizeof(cookie);
	char name[16] = "";
	struct seen s;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[0], SOL_SOCKET, SO_MARK, 77));
	ASSERT_EQ(0, shutdown(fds[1], SHUT_RD));
	s = look_at(self->door, port_of(fds[0]), port_of(fds[1]));
	EXPECT_EQ(family_of(self->door), s.msg.idiag_family);
	EXPECT_EQ(inode_of(fds[0]), s.msg.idiag_inode);
	EXPECT_EQ(0, s.msg.idiag_uid);
	EXPECT_EQ(77, s.mark);
	EXPECT_EQ(0, s.shutdown);

	ASSERT_EQ(0, getsockopt(fds[0], SOL_SOCKET, SO_COOKIE, &cookie, &len));
	told = (unsigned long long)s.msg.id.idiag_cookie[1] << 32 | s.msg.id.idiag_cookie[0];
	EXPECT_EQ(cookie, told);

	EXPECT_TRUE(has(&s, INET_DIAG_MEMINFO));
	EXPECT_TRUE(has(&s, INET_DIAG_SKMEMINFO));
	EXPECT_EQ(sock_get(fds[0], SOL_SOCKET, SO_RCVBUF), s.skmem[SK_MEMINFO_RCVBUF]);
	EXPECT_TRUE(has(&s, INET_DIAG_TOS));
	EXPECT_TRUE(has(&s, INET_DIAG_SOCKOPT));
	EXPECT_TRUE(has(&s, INET_DIAG_INFO));
	EXPECT_EQ(TCP_ESTABLISHED, s.info[TCPI_STATE]);
	EXPECT_EQ(sock_get(fds[0], IPPROTO_TCP, TCP_MAXSEG), u32_of(s.info + TCPI_SND_MSS));
	len = sizeof(name);
	ASSERT_EQ(0, getsockopt(fds[0], IPPROTO_TCP, TCP_CONGESTION, name, &len));
	EXPECT_STREQ(name, s.cong);
	s = look_at(self->door, port_of(fds[1]), port_of(fds[0]));
	EXPECT_EQ(SHUT_RECEIVE, s.shutdown);
}

TEST_F(diag, lookups)
{
	struct inet_diag_msg msg;
	struct addr at;
	int fds[2];

	ASSERT_LE(0, sock_listen_lo(self->door, &at));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	msg = look_at(self->door, port_of(fds[0]), port_of(fds[1])).msg;
	ASSERT_EQ(0, get(self->door, &msg));
	ASSERT_EQ(1, all.n);
	EXPECT_EQ(inode_of(fds[0]), all.at[0].msg.idiag_inode);
	EXPECT_TRUE(has(&all.at[0], INET_DIAG_INFO));

	msg.id.idiag_cookie[0]++;
	EXPECT_EQ(-ENOENT, get(self->door, &msg));
	EXPECT_EQ(-ENOENT, kill_socket(self->door, &msg));
	msg.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	msg.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	EXPECT_EQ(0, get(self->door, &msg));
	msg.id.idiag_sport = htons(1);
	EXPECT_EQ(-ENOENT, get(self->door, &msg));
	msg.idiag_family = AF_UNIX;
	EXPECT_NE(0, get(self->door, &msg));

	msg = look_at(self->door, addr_port(&at), 0).msg;
	ASSERT_EQ(0, get(self->door, &msg));
	EXPECT_EQ(TCP_LISTEN, all.at[0].msg.idiag_state);

	/* Elsewhere they are not. */
	ASSERT_LE(0, netns_new());
	EXPECT_EQ(-ENOENT, get(self->door, &msg));
	ASSERT_EQ(0, dump(self->door, ALL));
	EXPECT_EQ(0, all.n);
}

TEST_F(diag, filters)
{
	struct {
		struct inet_diag_bc_op op;
		struct inet_diag_bc_op port;
	} from = { .op = { INET_DIAG_BC_S_EQ, sizeof(from), sizeof(from) + 4 } };
	struct {
		struct inet_diag_bc_op op;
		struct inet_diag_hostcond host;
		struct in6_addr addr;
	} to = { .op.code = INET_DIAG_BC_D_COND };
	struct {
		struct inet_diag_bc_op op;
		struct inet_diag_markcond mark;
	} mark = {
		.op = { INET_DIAG_BC_MARK_COND, sizeof(mark), sizeof(mark) + 4 },
		.mark = { 5, 0xff },
	};
	struct addr there;
	int fds[2], other[2];
	size_t size;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_pair(self->door, other));
	from.port.no = port_of(fds[0]);
	ASSERT_EQ(0, dump_filtered(self->door, &from, sizeof(from)));
	ASSERT_EQ(1, all.n);
	EXPECT_EQ(inode_of(fds[0]), all.at[0].msg.idiag_inode);

	ASSERT_EQ(0, sock_set(other[1], SOL_SOCKET, SO_MARK, 0x305));
	ASSERT_EQ(0, dump_filtered(self->door, &mark, sizeof(mark)));
	ASSERT_EQ(1, all.n);
	EXPECT_EQ(inode_of(other[1]), all.at[0].msg.idiag_inode);

	/* Both ends of both, and no listener: it has no peer. */
	there = addr_local(fds[1]);
	to.host.family = family_of(self->door);
	to.host.prefix_len = self->door->family == AF_INET ? 32 : 128;
	to.host.port = -1;
	if (self->door->family == AF_INET)
		memcpy(&to.addr, &there.in4.sin_addr, 4);
	else
		to.addr = there.in6.sin6_addr;
	size = sizeof(to) - sizeof(to.addr) + to.host.prefix_len / 8;
	to.op.yes = size;
	to.op.no = size + 4;
	ASSERT_EQ(0, dump_filtered(self->door, &to, size));
	EXPECT_EQ(4, all.n);
	to.host.port = port_of(fds[1]);
	ASSERT_EQ(0, dump_filtered(self->door, &to, size));
	ASSERT_EQ(1, all.n);
	EXPECT_EQ(inode_of(fds[0]), all.at[0].msg.idiag_inode);

	/* What jumps anywhere is refused. */
	to.op.no = 3;
	EXPECT_EQ(-EINVAL, dump_filtered(self->door, &to, size));

	/* Those that are no sockets are filtered alike. */
	close(fds[0]);
	close(fds[1]);
	ASSERT_TRUE(wait_until(look_at(self->door, from.port.no, 0).msg.idiag_state ==
			       TCP_TIME_WAIT));
	ASSERT_EQ(0, dump_filtered(self->door, &from, sizeof(from)));
	EXPECT_EQ(1, all.n);
	from.port.no = 1;
	ASSERT_EQ(0, dump_filtered(self->door, &from, sizeof(from)));
	EXPECT_EQ(0, all.n);
}

TEST_F(diag, many)
{
	enum { PAIRS = 150 };
	struct addr at;
	int listener, fd, port[PAIRS];

	/* More than goes into one piece of a dump; each once. */
	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	for (int i = 0; i < PAIRS; i++) {
		fd = sock_dial(self->door, &at);
		ASSERT_LE(0, fd);
		port[i] = port_of(fd);
		ASSERT_LE(0, accept(listener, NULL, NULL));
	}
	ASSERT_EQ(0, dump(self->door, ALL));
	EXPECT_EQ(2 * PAIRS + 1, all.n);
	for (int i = 0; i < PAIRS; i++) {
		EXPECT_NE(NULL, seen(port[i], addr_port(&at)));
		EXPECT_NE(NULL, seen(addr_port(&at), port[i]));
	}
}

TEST_F(diag, kill_connection)
{
	struct inet_diag_msg msg;
	struct blocked reader = { .call = call_recv };
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	msg = look_at(self->door, port_of(fds[0]), port_of(fds[1])).msg;
	reader.fd = fds[0];
	reader.buf = &c;
	reader.len = 1;
	ASSERT_EQ(0, blocked_start(&reader));
	EXPECT_EQ(0, kill_socket(self->door, &msg));
	ASSERT_TRUE(blocked_end(&reader));
	EXPECT_EQ(-1, reader.ret);
	EXPECT_EQ(ECONNABORTED, reader.err);
	EXPECT_LT(0, wait_event(fds[1], POLLIN));
	EXPECT_ERRNO(ECONNRESET, read(fds[1], &c, 1));
	EXPECT_EQ(POLLIN | POLLOUT | POLLRDHUP | POLLHUP,
		  poll_now(fds[0], POLLIN | POLLOUT | POLLRDHUP));
	EXPECT_ERRNO(EPIPE, send(fds[0], "a", 1, MSG_NOSIGNAL));
	EXPECT_EQ(-ENOENT, kill_socket(self->door, &msg));
	EXPECT_EQ(-ENOENT, get(self->door, &msg));
}

TEST_F(diag, kill_listener)
{
	struct blocked waiter = { .call = call_accept };
	struct inet_diag_msg msg;
	struct addr at;
	int fd;
	char c;

	waiter.fd = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, waiter.fd);
	msg = look_at(self->door, addr_port(&at), 0).msg;
	ASSERT_EQ(0, blocked_start(&waiter));
	EXPECT_EQ(0, kill_socket(self->door, &msg));
	ASSERT_TRUE(blocked_end(&waiter));
	EXPECT_EQ(-1, waiter.ret);
	EXPECT_EQ(EINVAL, waiter.err);
	EXPECT_EQ(ECONNABORTED, sock_get(waiter.fd, SOL_SOCKET, SO_ERROR));
	EXPECT_ERRNO(ECONNREFUSED, sock_dial(self->door, &at));

	/* Who waits to be accepted is reset. */
	waiter.fd = sock_listen_lo(self->door, &at);
	fd = sock_dial(self->door, &at);
	ASSERT_LE(0, fd);
	EXPECT_LT(0, wait_event(waiter.fd, POLLIN));
	msg = look_at(self->door, addr_port(&at), 0).msg;
	EXPECT_EQ(0, kill_socket(self->door, &msg));
	EXPECT_LT(0, wait_event(fd, POLLIN));
	EXPECT_ERRNO(ECONNRESET, read(fd, &c, 1));
}

static void *close_it(void *fd)
{
	close((intptr_t)fd);
	return NULL;
}

/* who waits to be accepted has two that end it, at the same time */
TEST_F(diag, kill_while_the_listener_closes)
{
	struct inet_diag_msg msg;
	pthread_t closer;
	struct addr at;
	int listener, fd, ret;
	char c;

	if (door_is_tcp(self->door))
		SKIP(return, "Linux warns of what TCP does there");
	for (int i = 0; i < 100; i++) {
		listener = sock_listen_lo(self->door, &at);
		ASSERT_LE(0, listener);
		fd = sock_dial(self->door, &at);
		ASSERT_LE(0, fd);
		ASSERT_LT(0, wait_event(listener, POLLIN));
		msg = look_at(self->door, addr_port(&at), port_of(fd)).msg;
		ASSERT_EQ(0, pthread_create(&closer, NULL, close_it, (void *)(intptr_t)listener));
		ret = kill_socket(self->door, &msg);
		EXPECT_TRUE(ret == 0 || ret == -ENOENT);
		ASSERT_EQ(0, pthread_join(closer, NULL));
		EXPECT_LT(0, wait_event(fd, POLLIN));
		EXPECT_ERRNO(ECONNRESET, read(fd, &c, 1));
		close(fd);
	}
}

TEST_F(diag, kill_one_of_a_group)
{
	struct addr at = addr_loopback(self->door, 5000);
	struct inet_diag_msg msg[2];
	int fds[2];

	if (door_is_tcp(self->door))
		SKIP(return, "TCP finds one of them by chance");
	for (int i = 0; i < 2; i++) {
		fds[i] = door_socket(self->door, 0);
		ASSERT_EQ(0, sock_set(fds[i], SOL_SOCKET, SO_REUSEPORT, 1));
		ASSERT_EQ(0, sock_bind(fds[i], &at));
		ASSERT_EQ(0, listen(fds[i], 1));
	}
	ASSERT_EQ(0, dump(self->door, ALL));
	ASSERT_EQ(2, all.n);
	msg[0] = all.at[0].msg;
	msg[1] = all.at[1].msg;
	EXPECT_EQ(0, get(self->door, &msg[1]));
	EXPECT_EQ(msg[1].idiag_inode, all.at[0].msg.idiag_inode);
	EXPECT_EQ(0, kill_socket(self->door, &msg[1]));
	EXPECT_EQ(-ENOENT, get(self->door, &msg[1]));
	EXPECT_EQ(0, get(self->door, &msg[0]));
}

TEST_F(diag, kill_time_wait)
{
	struct inet_diag_msg msg;
	int fds[2], near, far;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	near = port_of(fds[0]);
	far = port_of(fds[1]);
	/* The connection has one cookie, whatever becomes of it. */
	msg = look_at(self->door, near, far).msg;
	close(fds[0]);
	close(fds[1]);
	ASSERT_TRUE(wait_until(look_at(self->door, near, far).msg.idiag_state == TCP_TIME_WAIT));
	EXPECT_EQ(0, memcmp(msg.id.idiag_cookie, look_at(self->door, near, far).msg.id.idiag_cookie,
			    sizeof(msg.id.idiag_cookie)));
	EXPECT_EQ(0, kill_socket(self->door, &msg));
	EXPECT_EQ(0, look_at(self->door, near, far).msg.idiag_state);
}

TEST_F(diag, without_privilege)
{
	struct seen s;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[0], SOL_SOCKET, SO_MARK, 77));
	ASSERT_EQ(0, seteuid(65534));
	s = look_at(self->door, port_of(fds[0]), port_of(fds[1]));
	EXPECT_EQ(TCP_ESTABLISHED, s.msg.idiag_state);
	EXPECT_FALSE(has(&s, INET_DIAG_MARK));
	EXPECT_EQ(-EPERM, kill_socket(self->door, &s.msg));
	ASSERT_EQ(0, seteuid(0));
	EXPECT_EQ(TCP_ESTABLISHED, sock_state(fds[0]));
}

TEST_HARNESS_MAIN
