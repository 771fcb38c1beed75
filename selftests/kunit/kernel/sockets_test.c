// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets as other modules use them, without a file and without a program: each
 * case runs with TCP and with Tern, which is the module that is loaded.
 */
#include <kunit/test.h>
#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/in.h>
#include <linux/net.h>
#include <linux/tern.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#define DEADLINE	(10 * HZ)

static const int protocols[] = { IPPROTO_TCP, IPPROTO_TERN };

static void protocol_text(const int *protocol, char *text)
{
	strscpy(text, *protocol == IPPROTO_TCP ? "tcp" : "tern", KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(protocol, protocols, protocol_text);

/**
 * struct world - a connection
 * @listener: where it was made
 * @client: one end
 * @server: the other, from kernel_accept()
 * @arrived: @server has heard of data
 * @got: what an actor of read_sock took
 * @len: bytes of it
 */
struct world {
	struct socket *listener;
	struct socket *client;
	struct socket *server;
	struct completion arrived;
	char got[256];
	size_t len;
};

static int open_listener(struct world *w, int protocol, struct sockaddr_in *at)
{
	int err;

	err = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, protocol, &w->listener);
	if (err)
		return err;
	err = kernel_bind(w->listener, (struct sockaddr *)at, sizeof(*at));
	if (err)
		return err;
	err = kernel_listen(w->listener, 1);
	if (err)
		return err;
	err = kernel_getsockname(w->listener, (struct sockaddr *)at);
	return err < 0 ? err : 0;
}

static int world_init(struct kunit *test)
{
	int protocol = *(const int *)test->param_value, err;
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	if (!w)
		return -ENOMEM;
	test->priv = w;
	init_completion(&w->arrived);
	err = open_listener(w, protocol, &at);
	if (err)
		return err;
	err = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, protocol, &w->client);
	if (err)
		return err;
	err = kernel_connect(w->client, (struct sockaddr *)&at, sizeof(at), 0);
	if (err)
		return err;
	return kernel_accept(w->listener, &w->server, 0);
}

static void world_exit(struct kunit *test)
{
	struct world *w = test->priv;

	if (!w)
		return;
	if (w->server)
		sock_release(w->server);
	if (w->client)
		sock_release(w->client);
	if (w->listener)
		sock_release(w->listener);
}

static int say(struct socket *sock, char *text)
{
	struct kvec vec = { text, strlen(text) };
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };

	return kernel_sendmsg(sock, &msg, &vec, 1, vec.iov_len);
}

static int hear(struct socket *sock, char *text, size_t len, int flags)
{
	struct kvec vec = { text, len };
	struct msghdr msg = {};

	return kernel_recvmsg(sock, &msg, &vec, 1, len, flags);
}

static void sockets_messages(struct kunit *test)
{
	struct world *w = test->priv;
	char text[8] = "";

	KUNIT_EXPECT_EQ(test, -EAGAIN, hear(w->server, text, 1, MSG_DONTWAIT));
	KUNIT_EXPECT_EQ(test, 5, say(w->client, "hello"));
	KUNIT_EXPECT_EQ(test, 5, hear(w->server, text, 5, MSG_WAITALL));
	KUNIT_EXPECT_STREQ(test, "hello", text);
	KUNIT_EXPECT_EQ(test, 2, say(w->server, "ok"));
	KUNIT_EXPECT_EQ(test, 2, hear(w->client, text, 2, MSG_WAITALL));
	KUNIT_EXPECT_EQ(test, 0, kernel_sock_shutdown(w->client, SHUT_WR));
	KUNIT_EXPECT_EQ(test, 0, hear(w->server, text, 1, 0));
	KUNIT_EXPECT_EQ(test, -EPIPE, say(w->client, "x"));
}

/* What an interrupt tells: the lock is held, and sk_user_data is the module's. */
static void on_data(struct sock *sk)
{
	struct world *w = sk->sk_user_data;

	complete(&w->arrived);
}

static int take(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset, size_t len)
{
	struct world *w = desc->arg.data;

	len = min3(len, desc->count, sizeof(w->got) - w->len);
	if (skb_copy_bits(skb, offset, w->got + w->len, len))
		return -EFAULT;
	w->len += len;
	desc->count -= len;
	return len;
}

static int read_some(struct world *w, size_t count)
{
	read_descriptor_t desc = { .arg.data = w, .count = count };
	int ret;

	lock_sock(w->server->sk);
	ret = w->server->ops->read_sock(w->server->sk, &desc, take);
	release_sock(w->server->sk);
	return ret;
}

static void sockets_callbacks(struct kunit *test)
{
	struct world *w = test->priv;
	struct sock *sk = w->server->sk;
	void (*ready)(struct sock *sk);

	lock_sock(sk);
	ready = sk->sk_data_ready;
	sk->sk_user_data = w;
	sk->sk_data_ready = on_data;
	release_sock(sk);
	KUNIT_EXPECT_EQ(test, 0, read_some(w, 10));
	KUNIT_EXPECT_EQ(test, 6, say(w->client, "abcdef"));
	KUNIT_EXPECT_LT(test, 0, wait_for_completion_timeout(&w->arrived, DEADLINE));
	KUNIT_EXPECT_EQ(test, 6, w->server->ops->peek_len(w->server));
	KUNIT_EXPECT_EQ(test, 2, read_some(w, 2));
	KUNIT_EXPECT_EQ(test, 4, w->server->ops->peek_len(w->server));
	KUNIT_EXPECT_EQ(test, 4, read_some(w, 10));
	KUNIT_EXPECT_MEMEQ(test, "abcdef", w->got, 6);
	KUNIT_EXPECT_EQ(test, 0, read_some(w, 10));
	lock_sock(sk);
	sk->sk_data_ready = ready;
	sk->sk_user_data = NULL;
	release_sock(sk);
}

static void sockets_pages(struct kunit *test)
{
	struct world *w = test->priv;
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	struct msghdr msg = { .msg_flags = MSG_SPLICE_PAGES | MSG_NOSIGNAL };
	char text[8] = "";
	struct bio_vec vec;

	KUNIT_ASSERT_NOT_NULL(test, page);
	memcpy(page_address(page) + 100, "pages", 5);
	bvec_set_page(&vec, page, 5, 100);
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, 5);
	KUNIT_EXPECT_EQ(test, 5, sock_sendmsg(w->client, &msg));
	put_page(page);
	KUNIT_EXPECT_EQ(test, 5, hear(w->server, text, 5, MSG_WAITALL));
	KUNIT_EXPECT_STREQ(test, "pages", text);
}

static void sockets_locked(struct kunit *test)
{
	struct kvec vec = { "locked", 6 };
	struct world *w = test->priv;
	struct msghdr msg = {};
	char text[8] = "";

	lock_sock(w->client->sk);
	KUNIT_EXPECT_EQ(test, 6, kernel_sendmsg_locked(w->client->sk, &msg, &vec, 1, 6));
	release_sock(w->client->sk);
	KUNIT_EXPECT_EQ(test, 6, hear(w->server, text, 6, MSG_WAITALL));
	KUNIT_EXPECT_STREQ(test, "locked", text);
}

static struct kunit_case sockets_cases[] = {
	KUNIT_CASE_PARAM(sockets_messages, protocol_gen_params),
	KUNIT_CASE_PARAM(sockets_callbacks, protocol_gen_params),
	KUNIT_CASE_PARAM(sockets_pages, protocol_gen_params),
	KUNIT_CASE_PARAM(sockets_locked, protocol_gen_params),
	{ }
};

static struct kunit_suite sockets_suite = {
	.name = "tern_sockets",
	.init = world_init,
	.exit = world_exit,
	.test_cases = sockets_cases,
};

kunit_test_suite(sockets_suite);
