/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_UIDGID_H
#define _LINUX_UIDGID_H

typedef struct {
	unsigned int val;
} kuid_t;

#endif
