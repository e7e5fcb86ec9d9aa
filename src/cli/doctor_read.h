/* Reads a host's settings for the doctor's checks. */
#ifndef WEIR_CLI_DOCTOR_READ_H
#define WEIR_CLI_DOCTOR_READ_H

#include "doctor_checks.h"

/* ROOT: what stands before /proc and /sys; "" is this host. The usable cores are always this
 * process's. Blocks: on files of the kernel. */
void weir_doctor_read(struct weir_doctor_host *host, const char *root);

#endif
