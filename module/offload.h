/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_OFFLOAD_H
#define _TERN_OFFLOAD_H

int tern_offload_register(void);
void tern_offload_unregister(void);

#endif
