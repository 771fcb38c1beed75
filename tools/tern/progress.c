// SPDX-License-Identifier: GPL-2.0
/*
 * How far a transfer is: a bar while it runs, where somebody watches, and one
 * line at its end in any case. All of it goes to standard error.
 */
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

#define REDRAW		0.1	/* seconds */
#define TEXT_WIDTH	36	/* of a line, for the figures */
#define MAX_BAR		60

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* 1234567 as "1.23 MB": three digits, powers of 1000. */
static void scaled(char *text, size_t size, double value)
{
	static const char * const units[] = { "B", "kB", "MB", "GB", "TB" };
	size_t unit = 0;

	while (value >= 999.5 && unit < ARRAY_SIZE(units) - 1) {
		value /= 1000;
		unit++;
	}
	snprintf(text, size, "%.*f %s", unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2,
		 value, units[unit]);
}

static int bar_width(void)
{
	struct winsize ws;
	int width = 80;

	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) && ws.ws_col)
		width = ws.ws_col;
	width -= TEXT_WIDTH;
	return width < 0 ? 0 : width > MAX_BAR ? MAX_BAR : width;
}

static void draw_bar(double share)
{
	int width = bar_width();
	int full = share * width;

	fputc('[', stderr);
	for (int i = 0; i < width; i++)
		fputc(i < full ? '=' : i == full ? '>' : ' ', stderr);
	fprintf(stderr, "] %3.0f%%  ", share * 100);
}

static void draw(struct progress *p)
{
	double elapsed = p->drawn - p->start;
	char bytes[16], rate[16];

	scaled(bytes, sizeof(bytes), p->done);
	scaled(rate, sizeof(rate), elapsed > 0 ? p->done / elapsed : 0);

	fputc('\r', stderr);
	if (p->total)
		draw_bar(p->done < p->total ? (double)p->done / p->total : 1);
	fprintf(stderr, "%8s  %8s/s ", bytes, rate);
	fflush(stderr);
}

/**
 * progress_start() - begin to count
 * @p: the state
 * @verb: "sent" or "received"
 * @what: the file's name
 * @total: bytes to come, 0 when that is not known
 */
void progress_start(struct progress *p, const char *verb, const char *what,
		    unsigned long long total)
{
	*p = (struct progress){
		.verb = verb,
		.what = what,
		.total = total,
		.start = now(),
		.bar = isatty(STDERR_FILENO),
	};
}

/* Say how far we are; cheap enough to be called for every piece. */
void progress_at(struct progress *p, unsigned long long done)
{
	double t;

	p->done = done;
	if (!p->bar)
		return;
	t = now();
	if (t - p->drawn < REDRAW)
		return;
	p->drawn = t;
	draw(p);
}

/**
 * progress_end() - write the last line
 * @p: the state
 * @done: bytes in all
 * @complete: whether that is everything
 */
void progress_end(struct progress *p, unsigned long long done, bool complete)
{
	double elapsed = now() - p->start;
	char rate[16];

	if (p->bar && p->drawn)
		fputs("\r\033[K", stderr);	/* the line takes the bar's place */
	scaled(rate, sizeof(rate), elapsed > 0 ? done / elapsed : 0);
	fprintf(stderr, "%s %s: %llu bytes in %.3f s, %s/s%s\n",
		p->verb, p->what, done, elapsed, rate, complete ? "" : ", incomplete");
}
