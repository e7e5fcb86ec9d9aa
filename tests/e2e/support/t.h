/* All of the end-to-end harness in one include. The page README.md beside this file says how to
 * write a promise test with it. */
#ifndef WEIR_E2E_T_H
#define WEIR_E2E_T_H

#include "t_base.h"
#include "t_conn.h"
#include "t_dns.h"
#include "t_load.h"
#include "t_message.h"
#include "t_origin.h"
#include "t_process.h"
#include "t_stats.h"
#include "t_tcp.h"
#include "t_terminal.h"
#include "t_unix.h"
#include "t_weir.h"

#include <criterion/criterion.h>

#endif
