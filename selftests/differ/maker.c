// SPDX-License-Identifier: GPL-2.0
/*
 * Sequences: which calls, drawn from a seed. Most begin as programs do, with a
 * listener and a client, and go on in any way at all.
 */
#include "differ.h"

#define MIN_RANDOM	5
#define MAX_RANDOM	30
#define BUDGET		40000

static const struct op_list *const lists[] = { &setup_ops, &data_ops, &option_ops };
#define LISTS	(sizeof(lists) / sizeof(*lists))

/* splitmix64 */
static uint64_t next(struct maker *m)
{
	uint64_t z = m->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

int draw(struct maker *m, int n)
{
	return next(m) % n;
}

bool chance(struct maker *m, int percent)
{
	return draw(m, 100) < percent;
}

int draw_flags(struct maker *m, const struct name *names)
{
	int n = 0, flags = 0;

	while (names[n].text)
		n++;
	while (chance(m, 30))
		flags |= names[draw(m, n)].value;
	return flags;
}

int draw_slot(struct maker *m, int roles)
{
	int fit[MAX_SLOTS], n = 0;

	for (int i = 0; i < m->nr_slots; i++)
		if (m->slots[i].role & roles)
			fit[n++] = i;
	if (n && chance(m, 90))
		return fit[draw(m, n)];
	return draw(m, m->nr_slots + !m->nr_slots);
}

int new_slot(struct maker *m, int family, enum role role)
{
	int slot = m->nr_slots < MAX_SLOTS ? m->nr_slots++ : draw(m, MAX_SLOTS);

	m->slots[slot] = (struct known){ .family = family, .role = role, .port = PORT_ANY };
	return slot;
}

int draw_size(struct maker *m)
{
	int size;

	switch (draw(m, 8)) {
	case 0:
		size = 0;
		break;
	case 1:
		size = draw(m, 12000);
		break;
	case 2:
		size = 1;
		break;
	default:
		size = draw(m, 300);
	}
	if (size > m->budget)
		size = m->budget;
	m->budget -= size;
	return size;
}

static struct op *add(struct sequence *s, const struct op_kind *kind, int slot)
{
	struct op *op = &s->ops[s->nr++];

	*op = (struct op){ .kind = kind, .slot = slot, .dst = -1 };
	return op;
}

static int open_socket(struct sequence *s, struct maker *m, int family, int type)
{
	struct op *op = add(s, &op_socket, 0);

	op->slot = new_slot(m, family, ROLE_NEW);
	op->arg[0] = family;
	op->arg[1] = type;
	return op->slot;
}

static void address(struct op *op, int family, int host, int port)
{
	op->arg[0] = family;
	op->arg[1] = host;
	op->arg[2] = port;
}

/* A listener, and a client or two, which are accepted, mostly. */
static void open_conversation(struct sequence *s, struct maker *m)
{
	int family = chance(m, 50) ? AF_INET : AF_INET6, listener, client, accepted;
	int host = family == AF_INET6 && chance(m, 30) ? HOST_V4 : HOST_LOOPBACK;

	listener = open_socket(s, m, family, SOCK_STREAM);
	address(add(s, &op_bind, listener), family, chance(m, 50) ? HOST_ANY : host, PORT_NAMED);
	add(s, &op_listen, listener)->arg[0] = 8;
	m->slots[listener].role = ROLE_LISTENER;
	m->slots[listener].port = PORT_NAMED;
	m->slots[listener].bound = true;

	for (int n = chance(m, 30) ? 2 : 1; n; n--) {
		client = open_socket(s, m, family,
				     SOCK_STREAM | (chance(m, 50) ? SOCK_NONBLOCK : 0));
		address(add(s, &op_connect, client), family, host, PORT_NAMED);
		m->slots[client].role = ROLE_CONNECTED;
		m->slots[client].v4 = host == HOST_V4;
		if (chance(m, 10))
			continue;
		accepted = new_slot(m, family, ROLE_CONNECTED);
		m->slots[accepted].v4 = host == HOST_V4;
		add(s, &op_accept, listener)->dst = accepted;
	}
}

static void add_any(struct sequence *s, struct maker *m)
{
	int total = 0, at;

	for (size_t l = 0; l < LISTS; l++)
		for (int i = 0; i < lists[l]->nr; i++)
			total += lists[l]->kinds[i]->weight * lists[l]->factor[m->theme];
	at = draw(m, total);
	for (size_t l = 0; l < LISTS; l++) {
		for (int i = 0; i < lists[l]->nr; i++) {
			const struct op_kind *kind = lists[l]->kinds[i];

			at -= kind->weight * lists[l]->factor[m->theme];
			if (at < 0) {
				kind->make(m, add(s, kind, 0));
				return;
			}
		}
	}
}

void sequence_make(struct sequence *s, uint64_t seed)
{
	struct maker m = { .state = seed, .budget = BUDGET };
	int random;

	s->seed = seed;
	s->nr = 0;
	s->privileged = chance(&m, 30);
	m.theme = draw(&m, THEMES);
	if (chance(&m, m.theme == THEME_PORTS ? 20 : 85))
		open_conversation(s, &m);
	else
		open_socket(s, &m, chance(&m, 50) ? AF_INET : AF_INET6, SOCK_STREAM);
	for (random = MIN_RANDOM + draw(&m, MAX_RANDOM - MIN_RANDOM); random; random--)
		add_any(s, &m);
}
