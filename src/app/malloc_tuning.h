/* SPDX-License-Identifier: MIT */
/*
 * How glibc's malloc is to behave with a thread for each connection. By default it keeps for every
 * thread seven freed blocks of every 16 bytes of size, which a thread that serves one of thousands
 * of connections collects over hours and hardly ever uses: MiBs by the hour, up to 200 KiB for each
 * connection. Two of each size are as fast, and all there within a minute.
 */
#ifndef TASKQ_APP_MALLOC_TUNING_H
#define TASKQ_APP_MALLOC_TUNING_H

/**
 * malloc_tuning_apply - set the number of arenas, and see to it that few blocks are kept
 * @argv: of main, ended by NULL
 *
 * The latter can only be told by the environment (GLIBC_TUNABLES) when a program starts. Where it
 * does not say how many, the program is executed once more, as the same process, with it; so this
 * is called before there are threads, before anything is read that can be read once (settings may
 * come through a pipe), and with no descriptor open that would be missed. Returns where nothing is
 * to be done, or where that cannot be: then only memory is lost.
 */
void malloc_tuning_apply(char *argv[]);

#endif
