// Fork with the usual care: what children and commands have in common.
#pragma once

#include "common/fd.hpp"
#include "common/result.hpp"

#include <sys/types.h>

#include <functional>
#include <string>

namespace holdfast {

// Descriptors that must survive until the exec are moved up here, out of the way of dup2.
inline constexpr int safe_descriptors = 100;

struct SpawnedProcess {
  pid_t pid = -1;
  Fd failure;  // holds what `become` returned, once the process has exited
};

// Forks. The new process has default signal handling and an empty mask, calls `become`, which ends in an
// exec, and exits 127 when that returns: the sentence says why there was no exec. It has the
// limit of descriptors that this process started with. Descriptors from 3 up
// close at the exec unless `become` says otherwise.
Result<SpawnedProcess> spawn(const std::function<std::string()>& become);

// Default handling for every signal, and none blocked.
void reset_signals();

// Why the exec did not come about; empty when it did. To be asked after the exit; does not wait.
std::string spawn_failure(const SpawnedProcess& process);

// "exited with status 1", "was killed by signal 9 (Killed)"; status is that of waitpid(2).
std::string exit_text(int status);

}  // namespace holdfast
