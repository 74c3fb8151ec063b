// The walls around a process that talks to the network: which system calls it may make (seccomp), and which files it
// may open (Landlock). Put up once, before the first byte from outside is read; nothing takes them down again.
#pragma once

#include "common/checker_rights.hpp"
#include "common/result.hpp"

namespace holdfast {

// No core of this process, which may hold secrets, is ever written, and nobody of the same user may look into it.
void forbid_core_dumps();

// Each puts the walls of one program up and then tries whether they hold; the error says what does not. A process that
// makes a system call which is not on its list is killed, and the kernel logs it. A kernel without Landlock (before
// 5.13) has the other walls only.

// Its raw sockets are open; from here on: packets, addresses, nothing else. No file, no process, no other raw socket.
Status confine_vrrp();
// Connections, name lookups in threads, and the files that `rights` name. Nothing is written, nothing executed.
Status confine_checker(const CheckerRights& rights);
// One connection to a mail or web server; reads what name lookups and TLS need.
Status confine_notifier();

}  // namespace holdfast
